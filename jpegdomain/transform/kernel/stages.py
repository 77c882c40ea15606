"""What is done to eight vectors between reading and writing them, each as one call that Numba can compile."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .butterflies import forward, inverse
from .vectors import Lanes, clip, load, splat, store, vector_type

__all__ = ["part_of_stage", "whole_stage"]

_INT64: Final = ir.IntType(64)


class _Stage:
    """The code of one stage, while it is being written.

    Args:
        builder: Of the code.
        element: Numba's type of the vectors' elements.
        part: (lanes, read, written, cut): how many elements of a vector, of the eight vectors how many are read and
            written, and how many survive 'cut'; the others are zero. None for all.
    """

    def __init__(self, builder: Any, element: Any, part: Sequence[Any] | None) -> None:
        self._builder = builder
        self._kind = vector_type(element)
        self._part = part
        self._lanes = None if part is None else Lanes(builder, self._kind, part[0])
        self._inside: Any = None if part is None else part[1]
        self._written: Any = None if part is None else part[2]

    def run(self, steps: Sequence[str], places: Sequence[Any], pieces: Sequence[Any]) -> None:
        source, other, target = places
        self._pieces = [splat(self._builder, piece, self._kind) for piece in pieces]
        vectors = self._read(source, self._inside)
        for step in steps:
            if step == "choose":
                self._deciding = inverse(self._builder, self._read(other, _INT64(8)))
            elif step == "add":
                self._deciding = self._read(other, self._inside)
            vectors = getattr(self, f"_{step}")(vectors)
        for i, vector in enumerate(vectors):
            mask = None if self._lanes is None else self._lanes.mask(i, self._written)
            store(self._builder, vector, self._address(target, i), mask)

    def _read(self, place: Any, inside: Any) -> list[Any]:
        masks = [None if self._lanes is None else self._lanes.mask(i, inside) for i in range(8)]
        return [load(self._builder, self._address(place, i), self._kind, mask) for i, mask in enumerate(masks)]

    def _address(self, place: Any, index: int) -> Any:
        start, step = place
        return self._builder.add(start, self._builder.mul(step, _INT64(index)))

    def _forward(self, vectors: list[Any]) -> list[Any]:
        return forward(self._builder, vectors)

    def _inverse(self, vectors: list[Any]) -> list[Any]:
        return inverse(self._builder, vectors)

    def _add(self, vectors: list[Any]) -> list[Any]:
        return [self._builder.fadd(a, b) for a, b in zip(vectors, self._deciding, strict=True)]

    def _clip(self, vectors: list[Any]) -> list[Any]:
        return [clip(self._builder, vector, vector, self._pieces) for vector in vectors]

    def _choose(self, vectors: list[Any]) -> list[Any]:
        pairs = zip(self._deciding, vectors, strict=True)
        return [clip(self._builder, deciding, vector, self._pieces) for deciding, vector in pairs]

    def _cut(self, vectors: list[Any]) -> list[Any]:
        if self._part is None:
            return vectors
        zeros = ir.Constant(self._kind, [0.0] * self._kind.count)
        return [
            self._builder.select(self._builder.icmp_signed(">", self._part[3], _INT64(i)), vector, zeros)
            for i, vector in enumerate(vectors)
        ]


def whole_stage(*steps: str) -> Callable[..., None]:
    """Make a stage for whole vectors, all eight of them.

    Args:
        *steps: What is done, in turn: 'forward', 'inverse', 'clip', 'choose', 'add', 'cut'.

    Returns:
        stage(source, other, target, pieces): three places (address, step from one vector to the next), and (low, high,
        below, above), whose type is that of the elements.
    """

    @intrinsic
    def stage(_typing: Any, source: Any, other: Any, target: Any, pieces: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
            unpacked = [cgutils.unpack_tuple(builder, argument) for argument in arguments]
            _Stage(builder, pieces.dtype, None).run(steps, unpacked[:3], unpacked[3])

        return types.void(source, other, target, pieces), generate

    return stage


def part_of_stage(*steps: str) -> Callable[..., None]:
    """Make the same stage for vectors of which not all are there.

    Args:
        *steps: As for `whole_stage`.

    Returns:
        stage(source, other, target, pieces, part), part being (lanes, read, written, cut).
    """

    @intrinsic
    def stage(_typing: Any, source: Any, other: Any, target: Any, pieces: Any, part: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
            unpacked = [cgutils.unpack_tuple(builder, argument) for argument in arguments]
            _Stage(builder, pieces.dtype, unpacked[4]).run(steps, unpacked[:3], unpacked[3])

        return types.void(source, other, target, pieces, part), generate

    return stage
