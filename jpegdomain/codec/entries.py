"""The codec's compiled functions: where each stands, and the types of its arguments."""

from pathlib import Path
from typing import Any, Final

from jpegdomain import tables
from jpegdomain.compiled import Family

__all__ = ["ARITHMETIC", "CODEC", "CODE_SIZES", "PACK", "PROGRESSIVE", "SEQUENTIAL", "TOKENIZE"]

CODEC: Final = Family(
    "codec", f"{__package__}.kernel", Path(__file__).parent / "kernel", others=(Path(tables.__file__),)
)


def _decoder(types: Any) -> Any:
    return types.void(
        types.Array(types.uint8, 1, "C", readonly=True),
        types.int64[::1],
        types.int16[::1],
        types.int64[:, ::1],
        types.uint16[:, :, ::1],
        types.uint64[::1],
        types.int64[::1],
        types.uint8[::1],
        types.uint16[::1],
        types.uint64[::1],
        types.uint8[::1],
        types.int64,
        types.int64,
        types.int64,
    )


def _tokenize(types: Any) -> Any:
    planes = types.UniTuple(types.Array(types.int16, 3, "C", readonly=True), 4)
    grid = types.UniTuple(types.int64, 2)
    return types.int64(planes, types.int64[:, ::1], grid, types.uint32[::1], types.int64[::1], types.int64[::1])


def _code_sizes(types: Any) -> Any:
    return types.void(types.int64[::1], types.int64[::1], types.int64[::1])


def _pack(types: Any) -> Any:
    return types.int64(types.uint32[::1], types.uint64[::1], types.int64[::1], types.uint8[::1])


SEQUENTIAL: Final = CODEC.entry("files", "read_sequential", _decoder, "the sequential JPEG decoder, about ten seconds")
PROGRESSIVE: Final = CODEC.entry(
    "progressive_files", "read_progressive", _decoder, "the progressive JPEG decoder, about ten seconds"
)
ARITHMETIC: Final = CODEC.entry(
    "arithmetic_files", "read_arithmetic", _decoder, "the arithmetic JPEG decoder, about ten seconds"
)
TOKENIZE: Final = CODEC.entry("packing", "tokenize", _tokenize)
CODE_SIZES: Final = CODEC.entry("packing", "code_sizes", _code_sizes)
PACK: Final = CODEC.entry("packing", "pack", _pack)
