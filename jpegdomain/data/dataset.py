"""`JpegDataset`: a list of files, read a batch at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from torch.utils.data import Dataset

from jpegdomain.codec import MAX_PIXELS, MAX_SCANS, JpegImage, read_header, read_jpegs
from jpegdomain.codec.reader import OnError
from jpegdomain.codec.sources import Held, Source, load
from jpegdomain.errors import InputError, JpegFileError
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess import Transform, keep_for

from .batch import FileReport
from .skipping import Item, Items, left_out

__all__ = ["JpegDataset", "OnBroken"]

_PLACE: Final = "item {} of the data set"
_Result: TypeAlias = JpegImage | JpegFileError | OSError | InputError
OnBroken: TypeAlias = Literal["raise", "keep", "skip"]


class _Limits(NamedTuple):
    """What `read_jpegs` takes besides the number of frequencies; see there."""

    on_error: OnError
    max_pixels: int | None
    max_scans: int
    strict: bool


class JpegDataset(Dataset[Item]):
    """JPEG files as a map-style data set of (`JpegImage`, label).

    A data loader that asks for several items at once, as torch's does, has them read by one call of `read_jpegs`. The
    items become a batch through `jpegdomain.Collate`.

    Args:
        files: What `read_jpeg` takes: paths, or whole files' bytes, which errors call by their position.
        labels: One for each file; the files' positions in the list if None.
        preprocess: What the images are meant for: `jpegdomain.loader` passes it to its collate. It is not applied here.
        keep: m, 1…8, as `read_jpeg` takes it, for all files. If None, of each file as many frequencies are read as the
            preprocess needs: fewer than all where its ``low_frequencies`` is on.
        on_error: What a file does that cannot be read: ``raise`` its error, which names it; ``keep`` what precedes the
            damage, the rest zero (`JpegImage.damage` says so; a file that has nothing to keep raises); or ``skip``: it
            is missing from its batch, and so is one that makes no batch (see `Collate`). A `LeftOutWarning` names it,
            and so do `JpegBatch.reports` and `Loader.left_out`. A single item, ``dataset[i]``, raises then.
        target_transform: Label → label.
        max_pixels: As for `read_jpeg`.
        max_scans: Likewise.
        strict: Likewise.

    Raises:
        InputError: If the numbers of files and labels differ, or an argument is none of these.
    """

    def __init__(
        self,
        files: Sequence[Source],
        labels: Sequence[Any] | None = None,
        *,
        preprocess: Transform | None = None,
        keep: int | None = None,
        on_error: OnBroken = "raise",
        target_transform: Callable[[Any], Any] | None = None,
        max_pixels: int | None = MAX_PIXELS,
        max_scans: int = MAX_SCANS,
        strict: bool = False,
    ) -> None:
        if isinstance(files, str | bytes | os.PathLike):
            raise InputError(f"JpegDataset takes a list of files, got one {type(files).__name__}: put it into a list")
        if labels is not None and len(labels) != len(files):
            raise InputError(f"each file needs one label: got {len(files)} files and {len(labels)} labels")
        if on_error not in {"raise", "keep", "skip"}:
            raise InputError(f"on_error is 'raise', 'keep' or 'skip', got {on_error!r}")
        if preprocess is not None and not isinstance(preprocess, Transform):
            raise InputError(
                f"preprocess is a jpegdomain.preprocess transform, got {type(preprocess).__qualname__}: "
                "jpegdomain.preprocess.from_torchvision(…).transform is that of torchvision's"
            )
        self.limits = _Limits("keep" if on_error == "keep" else "raise", max_pixels, max_scans, strict)
        # Refuses wrong values now rather than in a worker.
        read_jpegs([], keep=8 if keep is None else keep, **self.limits._asdict())
        self.files = files
        self.targets = range(len(files)) if labels is None else labels
        self.preprocess = preprocess
        self.keep = keep
        self.on_error = on_error
        self.target_transform = target_transform
        self._usable: int | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Item:
        (result,) = self._read([index])
        if isinstance(result, Exception):
            raise result
        return result, self._label(index)

    def __getitems__(self, indices: Sequence[int]) -> Items:
        """Read several files at once.

        Args:
            indices: Their positions.

        Returns:
            An item for each, in that order, but for files that were left out. `Collate` knows from it which these were.

        Raises:
            JpegFileError: The first one's that cannot be read, unless it is left out.
            OSError: Likewise.
            InputError: Likewise, if it is no file at all.
        """
        items: list[Item] = []
        positions: list[int] = []
        reports: list[FileReport] = []
        for index, result in zip(indices, self._read(indices), strict=True):
            if not isinstance(result, Exception):
                items.append((result, self._label(index)))
                positions.append(index)
                said = result.warnings if result.damage is None else (result.damage, *result.warnings)
                reports += [FileReport(index, result.source, reason, False) for reason in said]
            elif self.on_error == "skip":
                reports.append(left_out(index, self._source(index), str(result)))
            else:
                raise result
        others = partial(self._others, self._usable, indices[-1] if len(indices) else -1)
        self._usable = positions[-1] if positions else self._usable
        return Items(items, positions, reports, skip=self.on_error == "skip", others=others)

    def _others(self, usable: int | None, last: int) -> Iterator[Items]:
        """Read further items, one at a time.

        Args:
            usable: One that was read before.
            last: The last that was asked for.

        Yields:
            That one first: whoever asks for a part of the data set has asked for it. Then those that follow the last,
            round the end of the list.
        """
        if usable is not None:
            yield self.__getitems__([usable])
        for step in range(1, len(self)):
            yield self.__getitems__([(last + step) % len(self)])

    def _read(self, indices: Sequence[int]) -> list[_Result]:
        files = [self._loaded(index) for index in indices]
        return _read_as_needed(files, self.keep, self.preprocess, self.limits)

    def _loaded(self, index: int) -> Held | OSError | InputError:
        try:
            return Held(*load(self.files[index], index, _PLACE))
        except (OSError, InputError) as error:
            return error

    def _source(self, index: int) -> str:
        """Name a file that could not be read."""
        file = self.files[index]
        return os.fsdecode(file) if isinstance(file, str | os.PathLike) else _PLACE.format(index)

    def _label(self, index: int) -> Any:
        label = self.targets[index]
        return label if self.target_transform is None else self.target_transform(label)

    def __repr__(self) -> str:
        keep = "" if self.keep is None else f", keep={self.keep}"
        return f"{type(self).__name__}({len(self)} files, on_error={self.on_error!r}{keep})"


def _read_as_needed(
    files: Sequence[Held | OSError | InputError],
    keep: int | None,
    preprocess: Transform | None,
    limits: _Limits,
) -> list[_Result]:
    """Read files for a preprocess, those that need the same number of frequencies together.

    Args:
        files: Their bytes, or the error that kept them from being had.
        keep: How many frequencies; None for as many as the preprocess needs.
        preprocess: What they are meant for, upright or as they are.
        limits: How strictly, and how much at most.

    Returns:
        For each file its record, or its error.
    """
    results: dict[int, _Result] = {}
    members: dict[int, list[tuple[int, Held]]] = {}
    for position, file in enumerate(files):
        if isinstance(file, Held):
            members.setdefault(keep or _needed(file, preprocess), []).append((position, file))
        else:
            results[position] = file
    for side, own in members.items():
        read = read_jpegs([held for _, held in own], keep=side, return_errors=True, **limits._asdict())
        results.update(zip((position for position, _ in own), read, strict=True))
    return [results[position] for position in range(len(files))]


def _needed(file: Held, preprocess: Transform | None) -> int:
    """Frequencies along each side of a block; all of them where the header, or a step that fails, does not tell."""
    if preprocess is None or not preprocess.low_frequencies:
        return BLOCK
    try:
        header = read_header(file.data)
        # Whoever makes the batch may turn the image upright, or not.
        return max(keep_for(preprocess, header, orient=orient) for orient in (False, True))
    except ValueError:
        # Reading the file, or making the batch, says what is wrong and with which file.
        return BLOCK
