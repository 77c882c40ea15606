"""Files that were decoded by one call: what they have in common is found at once, records are made on access."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jpegdomain.errors import InputError, JpegFileError

from .building import FrameLayout, build
from .kernel.layout import Integers, Samples, Steps
from .metadata import NO_METADATA, Metadata, metadata_of
from .records import JpegImage

__all__ = ["Decoded", "Result", "promise_of"]

Result: TypeAlias = JpegImage | JpegFileError | OSError | InputError
"""A record, or why there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Several files, in order.

    Attributes:
        name_of: A file's name, by its number.
        layouts: What the kernel found in each file's frame header; None for a file of `others`.
        reports: int64 (files, REPORT), from the kernel.
        out: int16, the coefficients of all files.
        begins: int64 (files,), where each file's coefficients begin.
        quant: uint16 (files, 4, 64), their components' quantisation tables.
        heads: For files with metadata, the data before the first scan.
        others: Files that were read separately, or could not be read.
    """

    name_of: Callable[[int], str]
    layouts: Sequence[FrameLayout | None]
    reports: Integers
    out: Samples
    begins: Integers
    quant: Steps
    heads: Mapping[int, bytes]
    others: Mapping[int, Result]

    def __len__(self) -> int:
        return len(self.layouts)

    def __iter__(self) -> Iterator[Result]:
        """Yield all records and errors."""
        others = self.others
        for number in range(len(self.layouts)):
            yield others[number] if number in others else self.promised(number)

    @property
    def uniform(self) -> bool:
        """Whether all files are of one kind, and have no metadata."""
        return not self.others and not self.heads and self.layouts.count(self.layouts[0]) == len(self.layouts)

    def orientation(self, number: int) -> int:
        """A file's EXIF orientation."""
        return metadata_of(self.heads[number]).orientation if number in self.heads else 1

    def promised(self, number: int) -> JpegImage:
        """Return a file's record, whose attributes are made when they are accessed."""
        image: Any = _Draft()
        image._promise = (self, number)
        image.__class__ = JpegImage
        promised: JpegImage = image
        return promised

    def attributes(self, number: int, wanted: str) -> dict[str, Any]:
        """The requested attribute of a file's record, and those that are found with it."""
        if wanted in Metadata._fields:
            return (metadata_of(self.heads[number]) if number in self.heads else NO_METADATA)._asdict()
        layout = self.layouts[number]
        assert layout is not None
        own = self.out[self.begins[number] :]
        arrays = tuple([own[place].reshape(shape) for place, shape in layout.cuts])
        image = build(layout, None, self.name_of(number), self.reports[number].tolist(), arrays, self.quant[number])
        return vars(image)


class _Draft:
    """An unfinished record."""


def promise_of(image: JpegImage) -> tuple[Decoded, int] | None:
    """The files that an image was decoded with, and its number there; None if it was decoded alone."""
    promise: tuple[Decoded, int] | None = vars(image).get("_promise")
    return promise
