"""Activations and pixels that share one feature map, like torch's views: writing to one changes all."""

from typing import Any, Final

import torch
from torch import Tensor

from jpegdomain.activation import Activation, View
from jpegdomain.table import getter, operations, runtime

from .pixels import decode, encode, pixels_of

__all__ = ["VIEWS", "as_views", "refresh", "write_through"]

_NAMES: Final = (
    *("__getitem__", "as_strided", "chunk", "detach", "diagonal", "dsplit", "expand", "expand_as", "flatten", "hsplit"),
    *("movedim", "moveaxis", "narrow", "permute", "ravel", "reshape", "reshape_as", "select", "split", "squeeze"),
    *(
        "split_with_sizes",
        "swapaxes",
        "swapdims",
        "t",
        "tensor_split",
        "transpose",
        "unbind",
        "unflatten",
        "unsafe_chunk",
    ),
    *("unsqueeze", "view", "view_as", "vsplit"),
)

VIEWS: Final = frozenset(operation for name in _NAMES for operation in operations(name)) | {
    *(getter(name) for name in ("T", "mT", "data")),
    Tensor.unfold,
}
"""Operations whose results share their input's memory."""


def as_views(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, pixels: Tensor | None) -> None:
    """Record that results are views of an operation's first argument; `pixels` is what it ran on, or None."""
    base = args[0]
    several = isinstance(result, (tuple, list))
    for place, part in enumerate(result if several else (result,)):
        if isinstance(part, Activation):
            if part is not base:
                part.is_view_of(View(base, operation, args[1:], kwargs, place if several else None))
        elif pixels is not None and isinstance(part, Tensor) and not _unwatched(pixels):
            base.lend(pixels)
            pixels = None


def _unwatched(pixels: Tensor) -> bool:
    """Whether writes to a tensor are not counted: in graphs, under torch.func, in inference mode."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or pixels.is_inference()


def refresh(x: Activation) -> None:
    """Update an activation with what was written to the objects that it shares pixels with."""
    view = x._view
    if view is not None:
        base = view.base
        if base._view is not None or base._lent:
            refresh(base)
        if base._writes != x._seen:
            again = runtime().run(view.operation, (base, *view.args), view.kwargs)
            again = again if view.place is None else again[view.place]
            again._view = None
            x._values, x._pixels, x._from_pixels = again._values, again._pixels, again._from_pixels
            x._seen = base._writes
            x._writes += 1
    for pixels, version in x._lent:
        if pixels._version != version:
            lent = [(other, other._version) for other, _ in x._lent]
            # Not through `coefficients`, which would call this again.
            x._lent = []
            x.rebind(encode(pixels, axes=x.axes))
            x._lent = lent
            break


def write_through(x: Activation) -> None:
    """Write new values of an activation to the objects that it shares pixels with."""
    lent, x._lent = x._lent, []
    view, x._view = x._view, None
    present = pixels_of(x)
    x._view = view
    if lent:
        for pixels, _ in lent:
            if pixels is not present:
                pixels.copy_(present)
    if view is not None:
        pixels = decode(view.base).clone(memory_format=torch.contiguous_format)
        part: Any = view.operation(pixels, *view.args, **view.kwargs)
        (part if view.place is None else part[view.place]).copy_(present)
        x._seen = view.base._writes + 1
        view.base.rebind(Activation.from_pixels(pixels, view.base.axes, view.base))
    x._lent = [(pixels, pixels._version) for pixels, _ in lent]
