"""The renderer as functions that Numba compiles: no objects, no allocation, no exceptions.

Python calls `images`. For each band of output rows, `horizontal` writes the needed blocks' samples (`dct`) or
frequencies and combines them horizontally; `vertical` combines them vertically, mixes colours and writes the output.
All compute with `vectors` of eight numbers. `records` has the layout of the integers; `levels` converts levels to
bytes.
"""

from pathlib import Path
from typing import Any, Final

from jpegdomain.compiled import CompiledFunction, KernelPackage

from .records import COMPONENT, HEAD

__all__ = ["DECODING", "RENDER", "TO_BYTES"]

DECODING: Final = KernelPackage("decoding", __name__, Path(__file__).parent)


def _render(types: Any) -> Any:
    from numba import from_dtype

    def read_only(element: Any) -> Any:
        return types.Array(element, 1, "C", readonly=True)

    return types.void(
        types.UniTuple(read_only(types.int16), 3),
        types.UniTuple(read_only(types.uint16), 3),
        types.Array(types.int64, 2, "C", readonly=True),
        read_only(from_dtype(HEAD)),
        read_only(from_dtype(COMPONENT)),
        types.Array(types.int64, 2, "C", readonly=True),
        read_only(types.int32),
        read_only(types.float32),
        read_only(types.float32),
        read_only(types.float32),
        types.float32[::1],
        types.float32[::1],
        read_only(types.int64),
    )


RENDER: Final = CompiledFunction(DECODING, "images", "render", _render, "the path from coefficients to pixels", 3)


def _to_bytes(types: Any) -> Any:
    return types.void(types.float32[::1], types.uint8[::1])


TO_BYTES: Final = CompiledFunction(DECODING, "levels", "to_bytes", _to_bytes)
