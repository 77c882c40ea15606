"""Records in order, and which of them are of one kind, so that checks run only once for each kind."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np

from .decoded import Decoded, promise_of
from .kernel.layout import Integers
from .many import Part, errors_of
from .records import JpegImage

__all__ = ["Images", "Kind", "Run"]


class Run(NamedTuple):
    """Files of one kind that one call has decoded: their numbers in that call, and their positions among the images."""

    decoded: Decoded
    numbers: Integers
    positions: Integers


@dataclass(eq=False)
class Kind:
    """Images that differ only in their coefficients, tables and metadata.

    They have the same extent, colour model, sampling, orientation and number of frequencies.

    Attributes:
        first: The first image.
        runs: The images that were decoded with others.
        alone: The positions of images that were decoded alone.
    """

    first: JpegImage
    runs: list[Run] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)

    @property
    def positions(self) -> list[int]:
        """All positions."""
        return [*self.alone, *(position for run in self.runs for position in run.positions.tolist())]

    def __len__(self) -> int:
        return len(self.alone) + sum(len(run.numbers) for run in self.runs)


class Images(Sequence[JpegImage]):
    """Records in order; those that one call has decoded are made when they are accessed.

    Args:
        parts: Parts, one after the other.
    """

    def __init__(self, parts: Sequence[Part | Sequence[JpegImage]]) -> None:
        self._parts = parts
        self._count = sum(map(len, parts))
        self._kinds: dict[bool, list[Kind]] = {}

    @classmethod
    def of(cls, images: Sequence[JpegImage]) -> "Images":
        """The same images."""
        return images if isinstance(images, cls) else cls([list(images)])

    @property
    def error(self) -> Exception | None:
        """The error in place of the first missing record; None if no record is missing."""
        return next(errors_of(self._parts), None)

    @cached_property
    def _all(self) -> list[Any]:
        return [result for part in self._parts for result in part]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[JpegImage]:
        return iter(self._all)

    @overload
    def __getitem__(self, index: int) -> JpegImage: ...
    @overload
    def __getitem__(self, index: slice) -> list[JpegImage]: ...
    def __getitem__(self, index: int | slice) -> JpegImage | list[JpegImage]:
        one: JpegImage | list[JpegImage] = self._all[index]
        return one

    def kinds(self, *, orient: bool = False) -> list[Kind]:
        """The kinds, in the order of their first images; by orientation only if `orient` is True."""
        if orient not in self._kinds:
            sorting = _Sorting(orient)
            first = 0
            for part in self._parts:
                sorting.add(part, first)
                first += len(part)
            self._kinds[orient] = sorting.done()
        return self._kinds[orient]


class _Sorting:
    """Sorts images by kind, one part after the other."""

    def __init__(self, orient: bool) -> None:
        self.orient = orient
        self.kinds: dict[Hashable, Kind] = {}
        self.runs: dict[tuple[Hashable, int], tuple[Decoded, list[int], list[int]]] = {}

    def add(self, part: Part | Sequence[JpegImage], first: int) -> None:
        """Add images whose positions begin with `first`."""
        if isinstance(part, Decoded) and part.uniform:
            kind = self.kinds.setdefault((part.layouts[0], 1), Kind(part.promised(0)))
            every = np.arange(len(part))
            kind.runs.append(Run(part, every, first + every))
            return
        for position, image in enumerate(part, first):
            if not isinstance(image, JpegImage):
                continue
            promise = promise_of(image)
            if promise is None:
                self._add_alone(image, position)
                continue
            decoded, number = promise
            key = (decoded.layouts[number], decoded.orientation(number) if self.orient else 1)
            if key not in self.kinds:
                self.kinds[key] = Kind(image)
            _, numbers, positions = self.runs.setdefault((key, id(decoded)), (decoded, [], []))
            numbers.append(number)
            positions.append(position)

    def _add_alone(self, image: JpegImage, position: int) -> None:
        sampling = tuple([(part.factors, part.coefficients.shape) for part in image.components])
        key = (image.color, sampling, image.extent, image.orientation if self.orient else 1)
        if key not in self.kinds:
            self.kinds[key] = Kind(image)
        self.kinds[key].alone.append(position)

    def done(self) -> list[Kind]:
        """All kinds."""
        for (key, _), (decoded, numbers, positions) in self.runs.items():
            self.kinds[key].runs.append(Run(decoded, np.array(numbers), np.array(positions)))
        return list(self.kinds.values())
