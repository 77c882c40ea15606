"""`Collate`: what a data loader does with the items of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import default_collate

from jpegdomain.batch import JpegBatch, collate
from jpegdomain.preprocess import Transform

from .dataset import Item

__all__ = ["Collate"]


@dataclass(frozen=True)
class Collate:
    """Makes (`JpegBatch`, labels) of items (`JpegImage`, label): a ``collate_fn`` for ``torch.utils.data.DataLoader``.

    The batch holds the records until it leaves the process: a worker sends on a copy of the coefficients that the
    batch needs, int16. The floats are made where the network runs.

    In torch's own loader a random preprocess draws from torch's global generator, which each worker seeds for itself:
    the same numbers need the same number of workers. `jpegdomain.loader` draws the same ones whatever their number.

    Args:
        preprocess: A transform of `jpegdomain.preprocess`; with one, images of any sizes and samplings make a batch.
        dtype: The floating-point type that the images enter the network in.
        orient: Whether images are turned upright first, by their EXIF orientation.
    """

    preprocess: Transform | None = None
    dtype: torch.dtype = torch.float32
    orient: bool = False

    def __call__(self, items: Sequence[Item], generator: torch.Generator | None = None) -> tuple[JpegBatch, Any]:
        """Make a batch.

        Args:
            items: One or more.
            generator: Of a random preprocess; torch's global one if None.

        Returns:
            The images, and their labels as ``torch.utils.data.default_collate`` puts them together: numbers as a
            tensor.
        """
        images = [image for image, _ in items]
        batch = collate(images, preprocess=self.preprocess, orient=self.orient, generator=generator, dtype=self.dtype)
        return batch, default_collate([label for _, label in items])
