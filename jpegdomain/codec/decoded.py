"""Files that one call has decoded: what they have in common is found at once, their records when somebody looks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jpegdomain.errors import InputError, JpegFileError

from .building import FrameLayout, build
from .kernel.layout import Integers, Samples, Steps
from .metadata import NO_METADATA, Metadata, metadata_of
from .records import JpegImage

__all__ = ["Decoded", "Result"]

Result: TypeAlias = JpegImage | JpegFileError | OSError | InputError
"""A record, or why there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Some files, in order.

    Attributes:
        name_of: A file's name, by its number.
        layouts: What the kernel found in each file's frame header; None for a file of `others`.
        reports: int64 (files, REPORT), of the kernel.
        out: int16, the coefficients of all files.
        begins: int64 (files,), where each file's begin.
        quant: uint16 (files, 4, 64), their components' quantisation tables.
        heads: Of files with metadata, what comes before the first scan.
        others: Files that were read by themselves, or could not be read.
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
            yield others[number] if number in others else _promised(self, number)

    def orientation(self, number: int) -> int:
        """A file's EXIF orientation."""
        return self.metadata(number).orientation if number in self.heads else 1

    def metadata(self, number: int) -> Metadata:
        """What a file's segments say."""
        return metadata_of(self.heads[number]) if number in self.heads else NO_METADATA

    def attributes(self, number: int) -> dict[str, Any]:
        """All that a file's record has."""
        layout = self.layouts[number]
        assert layout is not None
        own = self.out[self.begins[number] :]
        arrays = tuple([own[place].reshape(shape) for place, shape in layout.cuts])
        report, quant = self.reports[number].tolist(), self.quant[number]
        return vars(build(layout, self.metadata(number), self.name_of(number), report, arrays, quant))


class _Draft:
    """A record in the making."""


def _promised(decoded: Decoded, number: int) -> JpegImage:
    """Return a record that asks for its attributes when the first of them is wanted."""
    image: Any = _Draft()
    image._promise = (decoded, number)
    image.__class__ = JpegImage
    promised: JpegImage = image
    return promised
