"""Which of a network's classes the classes of a folder are."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.models import ResNet18_Weights

__all__ = ["IMAGENETTE", "network_classes"]

IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
"""Folder → torchvision's name of the class; its position in torchvision's list is ImageNet's number."""


def network_classes(folders: Sequence[str], classes: int) -> Tensor:
    """Find the numbers that a network gives to a folder's classes.

    Args:
        folders: Names of the classes' folders, sorted.
        classes: Number of the network's classes.

    Returns:
        (len(folders),) int64: 0, 1, … if the network has as many classes; else ImageNet's numbers of the folders.

    Raises:
        SystemExit: If the network has other classes.
    """
    if len(folders) == classes:
        return torch.arange(classes)
    names = ResNet18_Weights.DEFAULT.meta["categories"]
    unknown = [folder for folder in folders if folder not in IMAGENETTE]
    if classes != len(names) or unknown:
        raise SystemExit(
            f"--data: the network has {classes} classes, the data {len(folders)}: the numbers must be equal, or the "
            f"network on ImageNet's {len(names)} and the folders some of Imagenette's ({min(IMAGENETTE)}, …)"
        )
    return torch.tensor([names.index(IMAGENETTE[folder]) for folder in folders])
