"""Taking a feature map apart along an axis and stacking several: on the coefficients along all but the pixel axes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from jpegdomain.errors import ExtentMismatchError, InputError

from .indexing import Index, getitem
from .maps import Maps, from_pixels, laid_out, pixel_axes, to_pixels

__all__ = ["chunk", "split", "stack", "unbind"]


def _parts(input: Maps, sizes: Sequence[int], dim: int) -> tuple[Maps, ...]:
    """Consecutive parts of the given sizes."""
    axes, axis = pixel_axes(input), dim % input.ndim
    if axis in axes:
        return tuple(from_pixels(part, axes) for part in to_pixels(input).split(list(sizes), axis))
    parts = input.coefficients.split(list(sizes), axis)
    return tuple(laid_out(part, input.extent, axes) for part in parts)


def split(tensor: Maps, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Maps, ...]:
    """Cut into parts of given sizes.

    Args:
        tensor: The feature map.
        split_size_or_sections: As in ``torch.split``.
        dim: Likewise.

    Returns:
        Feature maps.
    """
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        whole = tensor.shape[dim]
        sizes = [min(sizes, whole - start) for start in range(0, whole, sizes)]
    return _parts(tensor, sizes, dim)


def chunk(input: Maps, chunks: int, dim: int = 0) -> tuple[Maps, ...]:
    """Cut into a number of parts.

    Args:
        input: The feature map.
        chunks: As in ``torch.chunk``.
        dim: Likewise.

    Returns:
        Feature maps.
    """
    return split(input, -(-input.shape[dim] // chunks), dim)


def unbind(input: Maps, dim: int = 0) -> tuple[Maps, ...]:
    """Take each slice along an axis that is not a pixel axis.

    Args:
        input: The feature map.
        dim: As in ``torch.unbind``.

    Returns:
        Feature maps without the axis.
    """
    before: list[Index] = [slice(None)] * (dim % input.ndim)
    return tuple(getitem(input, (*before, index)) for index in range(input.shape[dim]))


def stack(tensors: Sequence[Maps], dim: int = 0) -> Maps:
    """Stack along a new axis.

    Args:
        tensors: Feature maps of equal shape and axes.
        dim: As in ``torch.stack``.

    Returns:
        A feature map with one axis more.

    Raises:
        ExtentMismatchError: If their extents differ.
        InputError: If some are plain tensors, or their axes differ.
    """
    if any(isinstance(x, Tensor) for x in tensors) or len({pixel_axes(x) for x in tensors}) > 1:
        raise InputError("stack takes feature maps with the same axes only: encode the pixels among them first")
    if len({x.extent for x in tensors}) > 1:
        listed = ", ".join(sorted({str(x.extent) for x in tensors}))
        raise ExtentMismatchError(f"feature maps of different extents cannot be stacked: {listed}")
    place = dim % (tensors[0].ndim + 1)
    first, second = (axis + (axis >= place) for axis in pixel_axes(tensors[0]))
    stacked = torch.stack([x.coefficients for x in tensors], place)
    return laid_out(stacked, tensors[0].extent, (first, second))
