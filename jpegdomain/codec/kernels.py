"""The codec's compiled functions: the module of each, and the types of its arguments."""

from pathlib import Path
from typing import Any, Final

from jpegdomain import tables
from jpegdomain.compiled import CompiledFunction, KernelPackage

__all__ = ["ARITHMETIC", "CODEC", "CODE_SIZES", "INDEX", "INTERVALS", "PACK", "PROGRESSIVE", "RUNS", "SEQUENTIAL"]
__all__ += ["TOKENIZE", "TOKENIZE_BAND", "TOKENIZE_DC"]

CODEC: Final = KernelPackage(
    "codec", f"{__package__}.kernel", Path(__file__).parent / "kernel", others=(Path(tables.__file__),)
)


def _data(types: Any) -> Any:
    return types.Array(types.uint8, 1, "C", readonly=True)


def _arrays(types: Any) -> Any:
    tables, work, scratch, skips = types.uint64[::1], types.int64[::1], types.uint8[::1], types.uint16[::1]
    masks, lost = types.uint64[::1], types.uint8[::1]
    return types.Tuple((tables, work, scratch, skips, masks, lost))


def _decoder(types: Any) -> Any:
    data, arrays = _data(types), _arrays(types)
    bounds, out, states, quant = types.int64[::1], types.int16[::1], types.int64[:, ::1], types.uint16[:, :, ::1]
    return types.void(data, bounds, out, states, states, quant, arrays, types.UniTuple(types.int64, 3))


def _runs(types: Any) -> Any:
    data, out, states, rows = _data(types), types.int16[::1], types.int64[:, ::1], types.int64[:, ::1]
    options = types.UniTuple(types.int64, 3)
    return types.int64(data, data, out, states, _arrays(types), rows, rows, types.int64[::1], options)


def _index(types: Any) -> Any:
    states = entries = types.int64[:, ::1]
    return types.int64(_data(types), types.int16[::1], states, _arrays(types), entries, types.int64, types.int64)


def _intervals(types: Any) -> Any:
    return types.int64(_data(types), types.int64[:, ::1], types.int64[:, ::1])


def _tokenize(types: Any) -> Any:
    planes = types.UniTuple(types.Array(types.int16, 3, "C", readonly=True), 4)
    grid = types.UniTuple(types.int64, 2)
    return types.int64(planes, types.int64[:, ::1], grid, types.uint32[::1], *[types.int64[::1]] * 3, types.int64)


def _tokenize_dc(types: Any) -> Any:
    planes = types.UniTuple(types.Array(types.int16, 3, "C", readonly=True), 4)
    grid, integers = types.UniTuple(types.int64, 2), types.int64[::1]
    geometry = types.int64[:, ::1]
    return types.int64(
        planes, geometry, grid, types.uint32[::1], integers, integers, types.int64, types.int64, types.boolean
    )


def _tokenize_band(types: Any) -> Any:
    plane, integers = types.Array(types.int16, 3, "C", readonly=True), types.int64[::1]
    band = types.UniTuple(types.int64, 4)
    return types.int64(plane, types.uint32[::1], integers, types.int64, band, types.int64)


SEQUENTIAL: Final = CompiledFunction(CODEC, "files", "read_sequential", _decoder, "the sequential JPEG decoder", 8)
PROGRESSIVE: Final = CompiledFunction(CODEC, "files", "read_progressive", _decoder, "the progressive JPEG decoder", 8)
ARITHMETIC: Final = CompiledFunction(CODEC, "files", "read_arithmetic", _decoder, "the arithmetic JPEG decoder", 8)
RUNS: Final = CompiledFunction(CODEC, "runs", "read_runs", _runs, "the decoder of regions", 5)
INDEX: Final = CompiledFunction(CODEC, "indexing", "index_scan", _index)
INTERVALS: Final = CompiledFunction(CODEC, "indexing", "find_intervals", _intervals)
TOKENIZE: Final = CompiledFunction(CODEC, "packing", "tokenize", _tokenize)
CODE_SIZES: Final = CompiledFunction(CODEC, "packing", "code_sizes", lambda types: types.void(*[types.int64[::1]] * 3))
PACK: Final = CompiledFunction(
    CODEC,
    "packing",
    "pack",
    lambda t: t.int64(t.uint32[::1], t.int64[::1], t.uint64[::1], t.int64[::1], t.int64[::1], t.uint8[::1]),
)
TOKENIZE_DC: Final = CompiledFunction(CODEC, "progression", "tokenize_dc", _tokenize_dc)
TOKENIZE_BAND: Final = CompiledFunction(CODEC, "progression", "tokenize_band", _tokenize_band)
