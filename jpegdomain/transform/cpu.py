"""The backend of compiled kernels: for plain float32 and float64 tensors in this machine's memory."""

import ctypes
import functools
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from jpegdomain.compiled import CompiledFunction, KernelPackage
from jpegdomain.geometry import BLOCK, Extent

from . import reference
from .protocol import Clamp, Mask
from .threads import in_threads

__all__ = ["TRANSFORMS", "can_vectorize", "forward", "inverse", "launch", "map_pixels", "masked", "masked_pixels"]
__all__ += ["supports"]

TRANSFORMS: Final = KernelPackage("transforms", f"{__package__}.kernel", Path(__file__).parent / "kernel")
_ENTRIES: Final = {
    dtype: CompiledFunction(
        TRANSFORMS,
        "tiles",
        f"run_{name}",
        lambda types: types.void(types.int64),
        f"the block transforms for {name}, a few seconds",
        from_c=True,
    )
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64"))
}

_FEWEST_CHANNELS: Final = 8
"""Below this, most elements of a vector would be idle."""

_A_THREADS_WORTH: Final = 2**16
"""Number of bytes from which another thread is worthwhile."""

_CACHED_ELEMENTS: Final = 2**18
"""Elements of an intermediate result: a megabyte of float32, one core's second-level cache."""

_RECORD: Final = struct.Struct("=23q4d")
_NOWHERE: Final = (0, 0, 0, 0)

_FORWARD, _INVERSE, _MASKED, _MASKED_PIXELS = (True, False), (False, True), (False, False), (True, True)


def can_vectorize(x: Tensor) -> bool:
    """Return whether there is a kernel for a tensor's dtype, and enough channels to fill vectors."""
    return x.dtype in _ENTRIES and x.shape[1] >= _FEWEST_CHANNELS


def supports(*tensors: Tensor) -> bool:
    """Return whether all tensors are plain numbers in memory, and operations run now, not recorded or batched."""
    if torch.compiler.is_compiling():
        return False
    return (
        all(
            type(x) in (Tensor, nn.Parameter)
            and torch._C._dispatch_keys(x).raw_repr() in _plain_keys()
            and can_vectorize(x)
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


def forward(pixels: Tensor, *, inplace: bool = False) -> Tensor:
    """Apply J, as `Backend.forward`."""
    return launch(pixels, Extent(*pixels.shape[2:]), _FORWARD, inplace=inplace)


def inverse(coefficients: Tensor, extent: Extent, frequencies: int = 15, *, inplace: bool = False) -> Tensor:
    """Apply J̃, as `Backend.inverse`."""
    return launch(coefficients, extent, _INVERSE, frequencies, inplace=inplace)


def masked(value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:
    """Apply J∘clamp∘J̃, as `Backend.masked`: memory is read once and written once."""
    source = None if mask.source is value and mask.frequencies == 15 else mask.source
    return launch(value, extent, _MASKED, mask.frequencies, mask.clamp, source, inplace=inplace)


def masked_pixels(pixels: Tensor, mask: Mask) -> Tensor:
    """Apply J̃∘masked∘J to pixels (n, c, h, w); the mask's source is pixels, too."""
    return launch(pixels, Extent(*pixels.shape[2:]), _MASKED_PIXELS, mask.frequencies, mask.clamp, mask.source)


def map_pixels(
    coefficients: Tensor,
    extent: Extent,
    function: Callable[..., Tensor],
    frequencies: Sequence[int],
    *,
    inplace: bool = False,
) -> Tensor:
    """Apply J∘function∘J̃, a few block rows at a time in cache; no gradients are recorded.

    Args:
        coefficients: (n, c, 8X, 8Y) in place.
        extent: Height and width in pixels.
        function: Takes a reconstruction, (m, c, h, w), for each of the `frequencies`; acts on each pixel separately.
        frequencies: Numbers in 1…15.
        inplace: Whether the coefficients may be overwritten.

    Returns:
        (n, c, 8X, 8Y).
    """
    inplace = inplace and _can_write_over(coefficients)
    result = coefficients if inplace else torch.empty_like(coefficients, memory_format=torch.channels_last)
    for images, height, rows in _in_cache(coefficients, extent):
        part = Extent(height, extent.width)
        tiles = coefficients[images, :, rows]
        mapped = function(*(inverse(tiles, part, kept) for kept in frequencies))
        target = result[images, :, rows]
        if supports(mapped):
            launch(mapped, part, _FORWARD, out=target)
        else:
            target.copy_(reference.forward(mapped))
    return result


def _in_cache(coefficients: Tensor, extent: Extent) -> Iterator[tuple[slice, int, slice]]:
    """Cut a batch into runs that stay in a core's cache: (images, height in pixels, rows), or rows of one image."""
    n, c, height, width = coefficients.shape
    images = _CACHED_ELEMENTS // max(1, c * height * width)
    if images:
        for image in range(0, n, images):
            yield slice(image, image + images), extent.height, slice(0, height)
        return
    step = BLOCK * max(1, _CACHED_ELEMENTS // (c * BLOCK * width))
    for image in range(n):
        for row in range(0, height, step):
            yield slice(image, image + 1), min(step, extent.height - row), slice(row, row + step)


def _can_write_over(x: Tensor) -> bool:
    """Whether no gradients are recorded and each pixel's channels are contiguous."""
    return not torch.is_grad_enabled() and x.is_contiguous(memory_format=torch.channels_last)


def launch(
    source: Tensor,
    extent: Extent,
    way: tuple[bool, bool],
    frequencies: int = 15,
    clamp: Clamp | None = None,
    mask_source: Tensor | None = None,
    *,
    inplace: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Run a kernel on every tile: J, J̃, J∘clamp∘J̃ or J̃∘clamp∘J.

    Args:
        source: Pixels (n, c, h, w) or coefficients (n, c, 8X, 8Y) that are supported.
        extent: Height and width in pixels.
        way: Whether the source is pixels, and whether the result is pixels.
        frequencies: 1…15, how many frequencies to read from the mask source if there is one, else from the source.
        clamp: The function, if source and result are both pixels or both coefficients.
        mask_source: A tensor shaped like the source, whose lowest frequencies choose the clamp's piece; None for the
            source.
        inplace: Whether the source's memory may be overwritten, if the result fits into it.
        out: Where to write, with each pixel's channels contiguous: the source, or memory apart from it. None for new
            memory.

    Returns:
        `out`, the source, or a new tensor in channels-last memory.
    """
    n, c = source.shape[:2]
    size = (extent.height, extent.width) if way[1] else extent.canvas
    if mask_source is source:
        source = mask_source = _channels_together(source)
    else:
        source, mask_source = _channels_together(source), _channels_together(mask_source)
    target = out
    if target is None and inplace and source.shape[2:] == size and _can_write_over(source):
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
            *(*way, frequencies),
            *_place(source),
            *_place(mask_source),
            *_place(target),
            *(clamp or Clamp()),
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
