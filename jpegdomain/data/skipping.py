"""Batches without the files that keep them from being made."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from jpegdomain.codec import JpegImage
from jpegdomain.errors import ExtentMismatchError, JpegFileError, LeftOutWarning
from jpegdomain.geometry import Extent

from .batch import FileReport, JpegBatch

__all__ = ["Item", "Items", "batch_of_most", "left_out"]

Item: TypeAlias = tuple[JpegImage, Any]
"""A file's record and its label."""


class Items(list[Item]):
    """The items of a batch, which may be fewer than were asked for.

    Args:
        items: Those that were read.
        positions: For each its position in the data set.
        reports: On files that were left out, and on read ones that were not sound.
        skip: Whether files that make no batch are to be left out.
        others: Read further items, one at a time, for a batch that lost all its own.
    """

    def __init__(
        self,
        items: Iterable[Item],
        positions: Sequence[int],
        reports: Sequence[FileReport],
        *,
        skip: bool,
        others: Callable[[], Iterator["Items"]],
    ) -> None:
        super().__init__(items)
        self.positions = list(positions)
        self.reports = list(reports)
        self.skip = skip
        self.others = others


_Collate = Callable[[Sequence[JpegImage]], JpegBatch]


def left_out(position: int, source: str, reason: str) -> FileReport:
    """Report that a file is left out, and warn of it.

    Args:
        position: In the data set.
        source: Its name.
        reason: Why; it names the file, too.

    Returns:
        The report.
    """
    warnings.warn(f"left out of its batch: {reason}", LeftOutWarning, stacklevel=3)
    return FileReport(position, source, reason, True)


def batch_of_most(
    items: Sequence[Item], positions: Sequence[int], collate: _Collate
) -> tuple[JpegBatch | None, list[Item], list[FileReport]]:
    """Make a batch of the items that make one.

    Left out are images that make no batch alone, such as those too small for a crop; then images that have another
    size than more than half of them.

    Args:
        items: Any number.
        positions: For each its position in the data set.
        collate: From images to their batch.

    Returns:
        The batch, None where nothing is left; its items; and a report on each of the others.

    Raises:
        JpegFileError: If no batch can be made, and not because of single files.
        ExtentMismatchError: Likewise.
    """
    left = list(zip(positions, items, strict=True))
    reports: list[FileReport] = []
    while left:
        made = _attempt([image for _, (image, _) in left], collate)
        if isinstance(made, JpegBatch):
            return made, [item for _, item in left], reports
        for (position, (image, _)), reason in zip(left, made, strict=True):
            if reason is not None:
                reports.append(left_out(position, image.source, reason))
        left = [one for one, reason in zip(left, made, strict=True) if reason is None]
    return None, [], reports


def _attempt(images: Sequence[JpegImage], collate: _Collate) -> JpegBatch | list[str | None]:
    """Make a batch, or say for each image why it is left out, None for those that are not."""
    try:
        return collate(images)
    except (JpegFileError, ExtentMismatchError):
        alone = [_alone(image, collate) for image in images]
        reasons = [reason if isinstance(reason, str) else None for reason in alone]
        if not any(reasons):
            reasons = _of_other_sizes(images, [extent for extent in alone if isinstance(extent, Extent)])
        if not any(reasons):
            raise
        return reasons


def _alone(image: JpegImage, collate: _Collate) -> Extent | str:
    """Give the size of the batch that an image makes, or say why it makes none."""
    try:
        return collate([image]).extent
    except (JpegFileError, ExtentMismatchError) as error:
        return str(error)


def _of_other_sizes(images: Sequence[JpegImage], extents: Sequence[Extent]) -> list[str | None]:
    usual, count = Counter(extents).most_common(1)[0]
    if 2 * count <= len(images):
        return [None] * len(images)
    return [
        None if extent == usual else f"{image.source}: {extent}, in a batch of images of {usual}; give a preprocess"
        for image, extent in zip(images, extents, strict=True)
    ]
