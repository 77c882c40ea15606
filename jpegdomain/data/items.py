"""What a data set reads for one batch: items, where they are from, and what was wrong with files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from jpegdomain.batch import FileReport
from jpegdomain.codec import JpegImage

__all__ = ["Item", "Items"]

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
