"""The steps between reading and writing eight vectors, each one call that Numba compiles."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .butterflies import forward, inverse
from .vectors import Lanes, clip, load, splat, store, vector_type

__all__ = ["stage"]

_INT64: Final = ir.IntType(64)
_TRANSFORMS: Final = {"forward": forward, "inverse": inverse}


class _Stage:
    """The code of one stage, while it is being written.

    Args:
        builder: LLVM's builder of the code.
        element: Numba's type of the vectors' elements.
        part: (lanes, read, written, cut): the number of elements in a vector; how many of the eight vectors are read
            and written; and how many are left after 'cut', which sets the others to zero. None for all.
    """

    def __init__(self, builder: Any, element: Any, part: Sequence[Any] | None) -> None:
        self._builder = builder
        self._kind = vector_type(element)
        self._part = part
        self._lanes = None if part is None else Lanes(builder, self._kind, part[0])
        self._inside: Any = None if part is None else part[1]
        self._written: Any = None if part is None else part[2]

    def run(self, steps: Sequence[str], places: Sequence[Any], clamp: Sequence[Any]) -> None:
        source, other, target = places
        self._clamp = [splat(self._builder, number, self._kind) for number in clamp]
        vectors = self._read(source, self._inside)
        for step in steps:
            if step == "choose":
                self._mask_source = inverse(self._builder, self._read(other, _INT64(8)))
            vectors = _TRANSFORMS[step](self._builder, vectors) if step in _TRANSFORMS else self._masked(step, vectors)
        for i, vector in enumerate(vectors):
            mask = None if self._lanes is None else self._lanes.mask(i, self._written)
            store(self._builder, vector, self._address(target, i), mask)

    def _read(self, place: Any, inside: Any) -> list[Any]:
        masks = [None if self._lanes is None else self._lanes.mask(i, inside) for i in range(8)]
        return [load(self._builder, self._address(place, i), self._kind, mask) for i, mask in enumerate(masks)]

    def _address(self, place: Any, index: int) -> Any:
        start, step = place
        return self._builder.add(start, self._builder.mul(step, _INT64(index)))

    def _masked(self, step: str, vectors: list[Any]) -> list[Any]:
        if step == "cut":
            zeros = ir.Constant(self._kind, [0.0] * self._kind.count)
            return (
                vectors
                if self._part is None
                else [
                    self._builder.select(self._builder.icmp_signed(">", self._part[3], _INT64(i)), vector, zeros)
                    for i, vector in enumerate(vectors)
                ]
            )
        sources = self._mask_source if step == "choose" else vectors
        return [clip(self._builder, *pair, self._clamp) for pair in zip(sources, vectors, strict=True)]


def stage(*steps: str) -> Callable[..., None]:
    """Make a stage.

    Args:
        *steps: The steps in their order: 'forward', 'inverse', 'clip', 'choose', 'cut'.

    Returns:
        run(source, other, target, clamp, part): three places (address, step from one vector to the next); (low, high,
        below, above), whose type is that of the elements; and (lanes, read, written, cut), or () for eight whole
        vectors.
    """

    @intrinsic
    def run(_typing: Any, source: Any, other: Any, target: Any, clamp: Any, part: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
            unpacked = [cgutils.unpack_tuple(builder, argument) for argument in arguments]
            _Stage(builder, clamp.dtype, unpacked[4] or None).run(steps, unpacked[:3], unpacked[3])

        return types.void(source, other, target, clamp, part), generate

    return run
