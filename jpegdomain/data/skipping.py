"""Make batches without the files that cannot be part of them."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from torch.utils.data import get_worker_info

from jpegdomain.codec import JpegImage
from jpegdomain.errors import ExtentMismatchError, InputError, JpegFileError, LeftOutWarning
from jpegdomain.geometry import Extent

from .batch import FileReport
from .indexes import UnreadImage
from .other_formats import PixelImage

__all__ = ["Item", "Items", "batch_of_most", "in_worker", "left_out", "own_item", "preprocess_of", "said_in_main"]

Item: TypeAlias = tuple[JpegImage | PixelImage | UnreadImage, Any]
"""A file's record, or the file opened for reading a part of it, and its label."""


class OwnItem(tuple[JpegImage | PixelImage | UnreadImage, Any]):
    """An item of a `JpegDataset`, which knows the data set's preprocess."""

    preprocess: object


def own_item(image: JpegImage | PixelImage | UnreadImage, label: Any, preprocess: object) -> Item:
    """Make an item that knows the data set's preprocess if there is one."""
    if preprocess is None:
        return image, label
    item = OwnItem((image, label))
    item.preprocess = preprocess
    return item


def preprocess_of(items: Sequence[Item]) -> object:
    """The preprocess of these items' data set, None if it has none; raise `InputError` if there are different ones."""
    found = [getattr(item, "preprocess", None) for item in items]
    if any(one is not found[0] and one != found[0] for one in found):
        raise InputError(
            "the items of this batch come from data sets with different preprocesses: give Collate the one to use"
        )
    return found[0] if found else None


class Items(list[Item]):
    """The items of a batch, which may be fewer than requested.

    Args:
        items: The items that were read.
        positions: Their positions in the data set.
        reports: Reports on files that were left out, and on defective files that were kept.
        skip: Whether to leave out files that cannot be part of a batch.
        others: Reads replacements, one at a time, for a batch that lost all its items.
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


_Collate = Callable[[Sequence[JpegImage | PixelImage | UnreadImage]], Any]
"""Makes a batch, an object with an `extent`."""


def left_out(position: int, source: str, reason: str) -> FileReport:
    """Warn that a file is left out, and report it with the reason, which names it; in a worker only report it."""
    if not in_worker():
        _warn(reason, stacklevel=4)
    return FileReport(position, source, reason, True)


def _warn(reason: str, stacklevel: int) -> None:
    warnings.warn(f"left out of its batch: {reason}", LeftOutWarning, stacklevel=stacklevel)


def in_worker() -> bool:
    """Whether this process is a worker of torch's data loader."""
    return get_worker_info() is not None


class _Said:
    """Wraps what a worker returns with reports: it arrives unwrapped, and warnings are raised there."""

    def __init__(self, loaded: Any, reports: Sequence[FileReport]) -> None:
        self.loaded, self.reports = loaded, reports

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.loaded, self.reports)


def _arrived(loaded: Any, reports: Sequence[FileReport]) -> Any:
    for report in reports:
        if report.left_out:
            _warn(report.reason, stacklevel=2)
    return loaded


def said_in_main(loaded: Any, reports: Iterable[FileReport]) -> Any:
    """Wrap what a worker returns, so that it arrives unwrapped, and its `LeftOutWarning`s are raised there."""
    return _Said(loaded, tuple(reports))


def batch_of_most(
    items: Sequence[Item], positions: Sequence[int], collate: _Collate
) -> tuple[Any, list[Item], list[FileReport]]:
    """Make a batch, None if no item is left; return it, its items, and a report on each of the others."""
    # Leave out images that cannot be a batch alone, such as those too small for a crop; then images that have
    # another size than the majority. An error that is not caused by a single file is raised.
    left = list(zip(positions, items, strict=True))
    reports: list[FileReport] = []
    while left:
        made = _attempt([image for _, (image, _) in left], collate)
        if not isinstance(made, list):
            return made, [item for _, item in left], reports
        for (position, (image, _)), reason in zip(left, made, strict=True):
            if reason is not None:
                reports.append(left_out(position, image.source, reason))
        left = [one for one, reason in zip(left, made, strict=True) if reason is None]
    return None, [], reports


def _attempt(images: Sequence[JpegImage | PixelImage | UnreadImage], collate: _Collate) -> Any:
    """Make a batch, or give for each image the reason why it is left out, None if it is not."""
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


def _alone(image: JpegImage | PixelImage | UnreadImage, collate: _Collate) -> Extent | str:
    """The extent of a batch of this image alone, or the reason why it cannot be one."""
    try:
        return collate([image]).extent
    except (JpegFileError, ExtentMismatchError) as error:
        return str(error)


def _of_other_sizes(
    images: Sequence[JpegImage | PixelImage | UnreadImage], extents: Sequence[Extent]
) -> list[str | None]:
    usual, count = Counter(extents).most_common(1)[0]
    if 2 * count <= len(images):
        return [None] * len(images)
    return [
        None if extent == usual else f"{image.source}: {extent}, in a batch of images of {usual}; give a preprocess"
        for image, extent in zip(images, extents, strict=True)
    ]
