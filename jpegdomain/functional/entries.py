"""The transforms' compiled functions."""

from pathlib import Path
from typing import Any, Final

from jpegdomain.compiled import CompiledFunction, KernelPackage

__all__ = ["CHECKSUMS", "RUN_FLOAT32", "RUN_FLOAT64", "TRANSFORMS"]

TRANSFORMS: Final = KernelPackage("transforms", f"{__package__}.kernel", Path(__file__).parent / "kernel")


def _job(types: Any) -> Any:
    return types.void(types.int64)


RUN_FLOAT32: Final = CompiledFunction(
    TRANSFORMS, "tiles", "run_float32", _job, "the block transforms for float32, a few seconds", from_c=True
)
RUN_FLOAT64: Final = CompiledFunction(
    TRANSFORMS, "tiles", "run_float64", _job, "the block transforms for float64, a few seconds", from_c=True
)
CHECKSUMS: Final = CompiledFunction(TRANSFORMS, "checksums", "run", _job, from_c=True)
