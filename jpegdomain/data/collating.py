"""`Collate`: what a data loader does with the items of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch.utils.data import default_collate

from jpegdomain.batch import FileReport, JpegBatch, collate
from jpegdomain.errors import InputError, JpegFileError
from jpegdomain.preprocess import Transform

from .items import Item, Items
from .leaving_out import batch_of_most

__all__ = ["Collate", "Loaded"]

Loaded: TypeAlias = tuple[JpegBatch, Any]
"""A batch and its labels."""


@dataclass(frozen=True)
class Collate:
    """Makes (`JpegBatch`, labels) of items (`JpegImage`, label): a ``collate_fn`` for ``torch.utils.data.DataLoader``.

    The batch holds the records until it leaves the process: a worker sends on a copy of the coefficients that the
    batch needs, int16. The floats are made where the network runs.

    In torch's own loader a random preprocess draws from torch's global generator, which each worker seeds for itself:
    the same numbers need the same number of workers. `jpegdomain.loader` draws the same ones whatever their number.

    Of a data set with ``on_error="skip"`` the files that make no batch are left out: two components, too small for a
    crop, another size than most of their batch where there is no preprocess. `JpegBatch.reports` names them, and those
    that could not be read, in this process and from workers. A batch that lost all its files gets the next file of the
    data set that can be used, so that each batch of torch's loader has an image and each process has as many batches.

    Args:
        preprocess: A transform of `jpegdomain.preprocess`; with one, images of any sizes and samplings make a batch.
        dtype: The floating-point type that the images enter the network in.
        orient: Whether images are turned upright first, by their EXIF orientation.
    """

    preprocess: Transform | None = None
    dtype: torch.dtype = torch.float32
    orient: bool = False

    def __call__(self, items: Sequence[Item], generator: torch.Generator | None = None) -> Loaded:
        """Make a batch.

        Args:
            items: One or more; none where a `JpegDataset` left all of them out.
            generator: Of a random preprocess; torch's global one if None.

        Returns:
            The images, and their labels as ``torch.utils.data.default_collate`` puts them together: numbers as a
            tensor.

        Raises:
            InputError: If there are no items.
            JpegFileError: If all were left out, and no file of the data set can be used.
        """
        if not items and not isinstance(items, Items):
            raise InputError("Collate makes a batch of one item or more, got none")
        loaded, reports = self.some(items, generator)
        if loaded is None and isinstance(items, Items):
            for others in items.others():
                loaded, _ = self.some(others, generator)
                if loaded is not None:
                    reports.append(_stand_in(others))
                    break
        if loaded is None:
            raise JpegFileError(f"no file of this data set can be used; {reports[0].reason}")
        batch, labels = loaded
        return batch.reporting(reports), labels

    def some(
        self, items: Sequence[Item], generator: torch.Generator | None = None
    ) -> tuple[Loaded | None, list[FileReport]]:
        """Make a batch of the items that make one.

        Args:
            items: Any number.
            generator: As for a call.

        Returns:
            The batch and its labels, None if all of its files were left out; and what is to be said about files.
        """
        make = partial(collate, preprocess=self.preprocess, orient=self.orient, generator=generator, dtype=self.dtype)
        if not items:
            return None, items.reports if isinstance(items, Items) else []
        if not isinstance(items, Items):
            return (make([image for image, _ in items]), _labels(items)), []
        if not items.skip:
            return (make([image for image, _ in items]), _labels(items)), items.reports
        batch, kept, reports = batch_of_most(items, items.positions, make)
        return None if batch is None else (batch, _labels(kept)), [*items.reports, *reports]


def _stand_in(items: Items) -> FileReport:
    (image, _), (position,) = items[0], items.positions
    return FileReport(position, image.source, "stands in for a batch whose files were all left out", False)


def _labels(items: Sequence[Item]) -> Any:
    return default_collate([label for _, label in items])
