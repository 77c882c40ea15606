"""The codec's compiled functions: where each stands, and the types of its arguments."""

from pathlib import Path
from typing import Any, Final

from jpegdomain import tables
from jpegdomain.compiled import CompiledFunction, KernelPackage

__all__ = ["ARITHMETIC", "CODEC", "CODE_SIZES", "PACK", "PROGRESSIVE", "SEQUENTIAL", "TOKENIZE"]

CODEC: Final = KernelPackage(
    "codec", f"{__package__}.kernel", Path(__file__).parent / "kernel", others=(Path(tables.__file__),)
)


def _decoder(types: Any) -> Any:
    data = types.Array(types.uint8, 1, "C", readonly=True)
    tables, work, scratch, skips = types.uint64[::1], types.int64[::1], types.uint8[::1], types.uint16[::1]
    masks, lost = types.uint64[::1], types.uint8[::1]
    arrays = types.Tuple((tables, work, scratch, skips, masks, lost))
    bounds, out, states, quant = types.int64[::1], types.int16[::1], types.int64[:, ::1], types.uint16[:, :, ::1]
    return types.void(data, bounds, out, states, quant, arrays, types.UniTuple(types.int64, 3))


def _tokenize(types: Any) -> Any:
    planes = types.UniTuple(types.Array(types.int16, 3, "C", readonly=True), 4)
    grid = types.UniTuple(types.int64, 2)
    return types.int64(planes, types.int64[:, ::1], grid, types.uint32[::1], types.int64[::1], types.int64[::1])


SEQUENTIAL: Final = CompiledFunction(CODEC, "files", "read_sequential", _decoder, "the sequential JPEG decoder", 8)
PROGRESSIVE: Final = CompiledFunction(CODEC, "files", "read_progressive", _decoder, "the progressive JPEG decoder", 8)
ARITHMETIC: Final = CompiledFunction(CODEC, "files", "read_arithmetic", _decoder, "the arithmetic JPEG decoder", 8)
TOKENIZE: Final = CompiledFunction(CODEC, "packing", "tokenize", _tokenize)
CODE_SIZES: Final = CompiledFunction(CODEC, "packing", "code_sizes", lambda types: types.void(*[types.int64[::1]] * 3))
PACK: Final = CompiledFunction(
    CODEC, "packing", "pack", lambda t: t.int64(t.uint32[::1], t.uint64[::1], t.int64[::1], t.uint8[::1])
)
