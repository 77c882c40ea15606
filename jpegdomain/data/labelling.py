"""The labels of a batch: numbers as a tensor; boxes, keypoints and masks as their images' preprocess moves them."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.data import default_collate

from jpegdomain.preprocess import follow
from jpegdomain.preprocess.targets import has_targets

from .batch import JpegBatch

__all__ = ["collate_labels", "moved"]


def collate_labels(labels: Sequence[Any], batch: JpegBatch) -> Any:
    """Make a batch's labels of its items'.

    Args:
        labels: One for each image of the batch.
        batch: With its records.

    Returns:
        What ``torch.utils.data.default_collate`` makes of them: numbers as a tensor, masks stacked. Labels with boxes
        or keypoints are a list, one for each image, as detectors take them: there are as many as each image shows.

    Raises:
        InputError: If a target cannot follow its image (see `follow`).
    """
    if not any(map(has_targets, labels)):
        return default_collate(list(labels))
    listed = any(has_targets(label, ("BoundingBoxes", "KeyPoints")) for label in labels)
    following = follow(batch, labels)
    return following if listed else default_collate(following)


def moved(labels: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """Move every tensor among a batch's labels."""
    return pytree.tree_map(lambda leaf: move(leaf) if isinstance(leaf, Tensor) else leaf, labels)
