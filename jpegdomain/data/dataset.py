"""`JpegDataset`: a list of files, read a batch at a time."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from torch.utils.data import Dataset

from jpegdomain.codec import MAX_PIXELS, JpegImage, read_jpegs
from jpegdomain.codec.reader import OnError
from jpegdomain.codec.sources import Source
from jpegdomain.errors import InputError, LeftOutWarning
from jpegdomain.preprocess import Transform

from .keeping import Result, read_as_needed

__all__ = ["Item", "JpegDataset", "OnBroken"]

Item: TypeAlias = tuple[JpegImage, Any]
"""A file's record and its label."""

OnBroken: TypeAlias = Literal["raise", "keep", "skip"]


class JpegDataset(Dataset[Item]):
    """JPEG files as a map-style data set of (`JpegImage`, label).

    A data loader that asks for several items at once, as torch's does, has them read by one call of `read_jpegs`. The
    items become a batch through `jpegdomain.Collate`.

    Args:
        files: What `read_jpeg` takes: paths, or whole files' bytes.
        labels: One for each file; the files' positions in the list if None.
        preprocess: What the images are meant for: `jpegdomain.loader` passes it to its collate. It is not applied here.
        keep: m, 1…8, as `read_jpeg` takes it, for all files. If None, of each file as many frequencies are read as the
            preprocess needs: fewer than all where its ``low_frequencies`` is on.
        on_error: What a file does that cannot be read: ``raise`` its error, which names it; ``keep`` what precedes the
            damage, the rest zero (`JpegImage.damage` says so; a file that has nothing to keep raises); or ``skip``: it
            is missing from its batch, and a `LeftOutWarning` names it. A single item, ``dataset[i]``, raises then.
        target_transform: Label → label.
        max_pixels: As for `read_jpeg`.

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
        # Refuses a wrong keep or max_pixels now rather than in a worker.
        read_jpegs([], keep=8 if keep is None else keep, max_pixels=max_pixels)
        self.files = files
        self.targets = range(len(files)) if labels is None else labels
        self.preprocess = preprocess
        self.keep = keep
        self.on_error = on_error
        self.target_transform = target_transform
        self.max_pixels = max_pixels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Item:
        (result,) = self._read([index])
        if isinstance(result, Exception):
            raise result
        return result, self._label(index)

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Read several files at once.

        Args:
            indices: Their positions.

        Returns:
            An item for each, in that order, but for files that were left out.

        Raises:
            JpegFileError: The first one's that cannot be read, unless it is left out.
            OSError: Likewise.
        """
        items: list[Item] = []
        for index, result in zip(indices, self._read(indices), strict=True):
            if not isinstance(result, Exception):
                items.append((result, self._label(index)))
            elif self.on_error == "skip":
                warnings.warn(f"left out of its batch: {result}", LeftOutWarning, stacklevel=2)
            else:
                raise result
        return items

    def _read(self, indices: Sequence[int]) -> list[Result]:
        files = [self.files[index] for index in indices]
        on_error: OnError = "keep" if self.on_error == "keep" else "raise"
        if self.keep is None and self.preprocess is not None and self.preprocess.low_frequencies:
            return read_as_needed(files, self.preprocess, on_error=on_error, max_pixels=self.max_pixels)
        return read_jpegs(files, keep=self.keep or 8, on_error=on_error, max_pixels=self.max_pixels, return_errors=True)

    def _label(self, index: int) -> Any:
        label = self.targets[index]
        return label if self.target_transform is None else self.target_transform(label)

    def __repr__(self) -> str:
        keep = "" if self.keep is None else f", keep={self.keep}"
        return f"{type(self).__name__}({len(self)} files, on_error={self.on_error!r}{keep})"
