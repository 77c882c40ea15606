"""Saved networks on files in memory: which of them they classify rightly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import jpegdomain as jd
from experiments.frequency_channels.inputs import Files
from experiments.frequency_channels.saved import Saved, middle, whole
from jpegdomain.data.collation import by_extent

__all__ = ["PREPROCESSES", "File", "answers", "read"]

PREPROCESSES = {
    "test": "resized and cropped as in the trainings' tests",
    "whole": "whole, channels of the files' own pixels",
}
"""What is done with test files → its title."""

_COLORS = ("gray", "ycbcr")


@dataclass(frozen=True)
class File:
    """A test file.

    Args:
        data: Its bytes.
        image: Its record.
        label: Number of its class.
    """

    data: bytes
    image: jd.JpegImage
    label: int


def read(files: Files, indices: Sequence[int]) -> list[File]:
    """Read several files, without those that have no Y, Cb and Cr."""
    items = files.__getitems__(indices)
    kept = [(image, label) for image, label in items if image.color in _COLORS]
    return [File(Path(image.source).read_bytes(), image, label) for image, label in kept]


@torch.inference_mode()
def answers(
    saved: Saved, images: Sequence[jd.JpegImage], labels: Tensor, preprocess: str, settings: dict[str, Any]
) -> tuple[Tensor, Tensor | None]:
    """Classify images.

    Args:
        saved: The network.
        images: Records, in memory.
        labels: (n,) numbers of their classes, on the network's device.
        preprocess: One of `PREPROCESSES`.
        settings: Of the report of its training.

    Returns:
        (n,) bool, which answers are right; and (n, 192), which channels a gate kept, None without one; on the CPU.
    """
    device = labels.device
    right = torch.empty(len(images), dtype=torch.bool)
    keep = None if saved.model.gate is None else torch.empty(len(images), saved.variant.channels)
    every = {None: list(range(len(images)))} if preprocess == "test" else by_extent(images)
    for extent, positions in every.items():
        geometry = middle(settings, saved.variant) if extent is None else whole(settings, saved.variant, extent)
        batch = jd.collate([images[place] for place in positions], preprocess=geometry, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings["precision"] == "bfloat16"):
            logits, kept = saved.model(batch)
        right[positions] = (logits.float().argmax(1) == labels[positions]).cpu()
        if keep is not None:
            keep[positions] = kept.float().cpu()
    return right, keep
