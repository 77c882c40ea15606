"""The compiled functions of this package: where each stands, and the types of its arguments."""

from pathlib import Path
from typing import Any, Final

from jpegdomain.compiled import CompiledFunction, KernelPackage

__all__ = ["PREPROCESS", "RENDER"]

PREPROCESS: Final = KernelPackage("preprocess", f"{__package__}.kernel", Path(__file__).parent / "kernel")


def _render(types: Any) -> Any:
    def read_only(element: Any) -> Any:
        return types.Array(element, 1, "C", readonly=True)

    return types.void(
        types.UniTuple(read_only(types.int16), 3),
        types.UniTuple(read_only(types.uint16), 3),
        read_only(types.int64),
        read_only(types.int32),
        read_only(types.float32),
        read_only(types.float32),
        read_only(types.float32),
        types.float32[::1],
        types.float32[::1],
        read_only(types.int64),
    )


RENDER: Final = CompiledFunction(
    PREPROCESS, "images", "render", _render, "the path from coefficients to pixels, about five seconds"
)
