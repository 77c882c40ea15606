"""The compiled transforms on torch tensors: where they can run, and how they are called."""

import ctypes
import functools
import math
import struct
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from jpegdomain.geometry import Extent

from .entries import RUN_FLOAT32, RUN_FLOAT64
from .threads import in_threads

__all__ = ["DTYPES", "FEWEST_CHANNELS", "RELU", "Pieces", "can_write_over", "launch", "takes"]

_ENTRIES: Final = {torch.float32: RUN_FLOAT32, torch.float64: RUN_FLOAT64}
DTYPES: Final = frozenset(_ENTRIES)
FEWEST_CHANNELS: Final = 8
"""Below this, most elements of a vector would be idle."""

_A_THREADS_WORTH: Final = 2**16
"""Bytes that are worth handing to another thread."""

_RECORD: Final = struct.Struct("=28q4d")
_NOWHERE: Final = (0, 0, 0, 0)


class Pieces(NamedTuple):
    """A function that is constant outside (low, high) and the identity inside.

    Args:
        low: Up to here,
        high: and from here on, it is constant;
        below: the value there,
        above: and here.
    """

    low: float = -math.inf
    high: float = math.inf
    below: float = -math.inf
    above: float = math.inf


RELU: Final = Pieces(low=0.0, below=0.0)


def takes(*tensors: Tensor) -> bool:
    """Tell whether the compiled transforms can run on tensors: plain numbers in this machine's memory, and no observer.

    Args:
        *tensors: (n, c, h, w), of one dtype.

    Returns:
        False where torch's own operations must run instead: on other devices and dtypes, where few channels leave the
        vectors idle, and wherever operations are recorded instead of run (torch.compile, torch.func, tracing).
    """
    if torch.compiler.is_compiling():
        return False
    return (
        all(
            type(x) in (Tensor, nn.Parameter)
            and torch._C._dispatch_keys(x).raw_repr() in _plain_keys()
            and x.dtype in DTYPES
            and x.shape[1] >= FEWEST_CHANNELS
            for x in tensors
        )
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._get_tracing_state()
    )


@functools.cache
def _plain_keys() -> frozenset[int]:
    """The dispatch keys of tensors that are nothing but numbers in memory: not batched, sparse, negated, fake, …."""
    with torch.inference_mode(False):
        ordinary = torch.empty(0, device="cpu")
    with torch.inference_mode():
        inference = torch.empty(0, device="cpu")
    return frozenset(torch._C._dispatch_keys(x).raw_repr() for x in (ordinary, inference))


def can_write_over(x: Tensor) -> bool:
    """Tell whether a result may take a tensor's memory.

    Args:
        x: (n, c, h, w).

    Returns:
        Whether no gradients are recorded and each pixel's channels lie together.
    """
    return not torch.is_grad_enabled() and x.is_contiguous(memory_format=torch.channels_last)


def launch(
    source: Tensor,
    extent: Extent,
    *,
    from_pixels: bool,
    to_pixels: bool,
    frequencies: int = 15,
    pieces: Pieces | None = None,
    deciding: Tensor | None = None,
    second: Tensor | None = None,
    inplace: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Run J, J̃ or what lies between them on every tile, memory read once and written once.

    Pixels are (n, c, h, w), coefficients (n, c, 8X, 8Y) in place. Between pixels and coefficients, in this order: add
    `second`; keep the lowest frequencies; apply the pieces. With `deciding`, the source keeps all of its frequencies,
    and the lowest of `deciding` choose the piece.

    Args:
        source: Pixels or coefficients that `takes` accepts.
        extent: Height and width in pixels.
        from_pixels: Whether the source holds pixels.
        to_pixels: Whether pixels are wanted.
        frequencies: 1…15; 15 keeps all.
        pieces: Of the function, or None for the identity.
        deciding: Like the source; the source itself for ASM.
        second: Like the source, or None.
        inplace: Whether the source's memory may be written over, where the result fits into it.
        out: Where to write, each pixel's channels together; the source or apart from it. None for new memory.

    Returns:
        `out`, the source, or a new tensor in channels-last memory.
    """
    n, c = source.shape[:2]
    size = (extent.height, extent.width) if to_pixels else extent.canvas
    same_memory = deciding is source
    source, second, deciding = (_channels_together(x) for x in (source, second, deciding))
    deciding = source if same_memory else deciding
    target = out
    if target is None and inplace and source.shape[2:] == size and can_write_over(source):
        target = source
    if target is None:
        target = torch.empty((n, c, *size), dtype=source.dtype, device="cpu", memory_format=torch.channels_last)
    elif not target.is_inference():
        torch.autograd.graph.increment_version(target)
    if not target.numel():
        return target
    rows, columns = extent.blocks
    count = target.numel() * target.element_size()
    threads = max(1, min(torch.get_num_threads(), count // _A_THREADS_WORTH, n * rows * columns))
    record = ctypes.create_string_buffer(
        _RECORD.pack(
            0,
            -(-n * rows * columns // (4 * threads)) if threads > 1 else n * rows * columns,
            *(n, rows, columns, c, extent.height, extent.width),
            *(from_pixels, to_pixels, frequencies, pieces is not None),
            *_place(source),
            *_place(second),
            *_place(deciding),
            *_place(target),
            *(pieces or Pieces()),
        ),
        _RECORD.size,
    )
    in_threads(_address(source.dtype), ctypes.addressof(record), threads)
    return target


@functools.cache
def _address(dtype: torch.dtype) -> int:
    return _ENTRIES[dtype].address()


def _channels_together(x: Any) -> Any:
    return x if x is None or x.stride(1) == 1 else x.contiguous(memory_format=torch.channels_last)


def _place(x: Tensor | None) -> tuple[int, ...]:
    if x is None:
        return _NOWHERE
    size = x.element_size()
    image, _, row, column = x.stride()
    return x.data_ptr(), image * size, row * size, column * size
