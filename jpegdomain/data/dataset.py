"""`JpegDataset`: a list of files, read a batch at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from torch.utils.data import Dataset

from jpegdomain.codec import MAX_PIXELS, MAX_SCANS, JpegImage, read_jpegs
from jpegdomain.codec.sources import Source
from jpegdomain.errors import InputError
from jpegdomain.preprocess import simplified

from .batch import FileReport
from .indexes import IndexFolder, UnreadImage
from .reading import Limits, Read, name_of, read_as_needed
from .skipping import Item, Items, left_out, own_item

__all__ = ["JpegDataset", "OnBroken", "check_on_error"]

_PLACE: Final = "item {} of the data set"
_REMEMBERED: Final = 64
"""Positions of usable files."""
OnBroken: TypeAlias = Literal["raise", "keep", "skip"]


class JpegDataset(Dataset[Item]):
    """JPEG files as a map-style data set of (`JpegImage`, label).

    If a data loader asks for several items at once, as torch's does, one call of `read_jpegs` reads them.
    `jpegdomain.Collate` makes a batch of the items.

    Args:
        files: What `read_jpeg` takes, such as paths, or files' bytes, which errors identify by their position; or
            records.
        labels: One for each file; the files' positions in the list if None.
        preprocess: As for `jpegdomain.collate`. It is not applied here: `jpegdomain.loader` and `Collate` apply it to
            the items, unless they have their own.
        keep: m, 1…8, as for `read_jpeg`, for all files. If None, as many frequencies of each file are read as the
            preprocess needs: fewer than all if it has ``low_frequencies=True``.
        on_error: What to do with files that cannot be read: 'raise' their error; 'keep' what is left of them, with
            zeros for the rest (see `JpegImage.damage`; a file with nothing left raises); or 'skip' them, and those that
            cannot be part of a batch (see `Collate`). A `LeftOutWarning`, `JpegBatch.reports` and `Loader.left_out`
            name skipped files. A single item, ``dataset[i]``, always raises.
        target_transform: A function of the label that returns the label to use.
        max_pixels: As for `read_jpeg`.
        max_scans: As for `read_jpeg`.
        strict: As for `read_jpeg`.
        other_formats: Whether torchvision decodes PNG and WebP files; otherwise they raise an error. They have no
            coefficients: `jpegdomain.PixelCollate` takes them, `Collate` does not.
        indexes: A folder for an index of each larger file (`data.IndexFolder`), created if necessary. From the second
            pass on, only the crop of a file is decoded. The results and all random draws stay the same. Items that a
            data loader requests are then `data.UnreadImage`s, which `Collate` and `PixelCollate` take.

    Raises:
        InputError: If the numbers of files and labels differ, or an argument is invalid.
    """

    def __init__(
        self,
        files: Sequence[Source | JpegImage],
        labels: Sequence[Any] | None = None,
        *,
        preprocess: object = None,
        keep: int | None = None,
        on_error: OnBroken = "raise",
        target_transform: Callable[[Any], Any] | None = None,
        max_pixels: int | None = MAX_PIXELS,
        max_scans: int = MAX_SCANS,
        strict: bool = False,
        other_formats: bool = False,
        indexes: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(files, str | bytes | os.PathLike):
            raise InputError(
                f"JpegDataset takes a list of files, got a single {type(files).__name__}: put it in a list"
            )
        if labels is not None and len(labels) != len(files):
            raise InputError(f"each file needs one label: got {len(files)} files and {len(labels)} labels")
        check_on_error(on_error)
        self.limits = Limits("keep" if on_error == "keep" else "raise", max_pixels, max_scans, strict)
        # Raise errors about invalid values now rather than in a worker process.
        read_jpegs([], keep=8 if keep is None else keep, **self.limits._asdict())
        self.files = files
        self.targets = range(len(files)) if labels is None else labels
        self.preprocess = None if preprocess is None else simplified(preprocess)
        self.keep = keep
        self.on_error = on_error
        self.other_formats = other_formats
        self.target_transform = target_transform
        if indexes is not None and strict:
            raise InputError("strict=True checks whole files: leave out indexes")
        self.indexes = None if indexes is None else IndexFolder(indexes, self.limits)
        self._usable: deque[int] = deque(maxlen=_REMEMBERED)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Item:
        (result,) = self._read([index], None)
        if isinstance(result, Exception):
            raise result
        return own_item(result, self._label(index), self.preprocess)

    def __getitems__(self, indices: Sequence[int]) -> Items:
        """Read several files at once: an item for each, in the same order, except for skipped files."""
        items: list[Item] = []
        positions: list[int] = []
        reports: list[FileReport] = []
        for index, result in zip(indices, self._read(indices, self.indexes), strict=True):
            if not isinstance(result, Exception):
                items.append(own_item(result, self._label(index), self.preprocess))
                positions.append(index)
                if isinstance(result, UnreadImage):
                    # Files that are indexed have no defects to report.
                    continue
                said = result.warnings if result.damage is None else (result.damage, *result.warnings)
                reports += [FileReport(index, result.source, reason, False) for reason in said]
            elif self.on_error == "skip":
                reports.append(left_out(index, name_of(self.files[index], index, _PLACE), str(result)))
            else:
                raise result
        others = partial(self._others, tuple(self._usable), indices[-1] if len(indices) else -1)
        self._usable.extend(positions)
        return Items(items, positions, reports, skip=self.on_error == "skip", others=others)

    def _others(self, usable: Sequence[int], last: int) -> Iterator[Items]:
        """Read replacements, one at a time: those of earlier batches, latest first; then those after `last`."""
        # If the loader uses a part of the data set, such as torch's Subset, only requested items are known here.
        for index in reversed(usable):
            yield self.__getitems__([index])
        for step in range(1, len(self)):
            yield self.__getitems__([(last + step) % len(self)])

    def _read(self, indices: Sequence[int], indexes: IndexFolder | None) -> Sequence[Read]:
        files = [self.files[index] for index in indices]
        return read_as_needed(
            files,
            self.preprocess,
            self.limits,
            place=_PLACE,
            numbers=indices,
            keep=self.keep,
            other_formats=self.other_formats,
            indexes=indexes,
        )

    def _label(self, index: int) -> Any:
        label = self.targets[index]
        return label if self.target_transform is None else self.target_transform(label)

    def __repr__(self) -> str:
        keep = "" if self.keep is None else f", keep={self.keep}"
        return f"{type(self).__name__}({len(self)} files, on_error={self.on_error!r}{keep})"


def check_on_error(on_error: object) -> None:
    """Raise `InputError` if it is none of the three."""
    if on_error not in {"raise", "keep", "skip"}:
        raise InputError(f"on_error must be 'raise', 'keep' or 'skip', got {on_error!r}")
