"""Taking a feature map apart along an axis and stacking several: on the coefficients along all but the pixel axes."""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.table import implements

from .indexing import Index, getitem
from .maps import alone
from .pixels import decode, encode, pixels_of

__all__ = ["chunk", "split", "stack", "unbind"]


def _parts(input: Activation, sizes: Sequence[int], dim: int) -> tuple[Activation, ...]:
    """Consecutive parts of the given sizes."""
    axes, axis = input.axes, dim % input.ndim
    if axis in axes:
        return tuple(encode(part, axes=axes, like=input) for part in decode(input).split(list(sizes), axis))
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return tuple(
        input.moved(functools.partial(torch.narrow, dim=axis, start=start, length=size))
        for start, size in zip(starts, sizes, strict=True)
    )


def _others(input: Any, sizes: Any = None, dim: Any = 0) -> bool:
    """Whether an activation is divided along another axis than its pixels'."""
    return alone(input, sizes, dim) and isinstance(dim, int) and dim % input.ndim not in input.axes


def _splits(tensor: Any, split_size_or_sections: Any = None, dim: Any = 0, *, split_size: Any = None) -> bool:
    return split_size is None and _others(tensor, split_size_or_sections, dim)


@implements("split", "split_with_sizes", accepts=_splits)
def split(tensor: Activation, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Activation, ...]:
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


def _chunks(input: Any, chunks: Any, dim: Any = 0) -> bool:
    return _others(input, chunks, dim)


@implements("chunk", accepts=_chunks)
def chunk(input: Activation, chunks: int, dim: int = 0) -> tuple[Activation, ...]:
    """Cut into a number of parts.

    Args:
        input: The feature map.
        chunks: As in ``torch.chunk``.
        dim: Likewise.

    Returns:
        Feature maps.
    """
    return split(input, -(-input.shape[dim] // chunks), dim)


def _unbinds(input: Any, dim: Any = 0) -> bool:
    return _others(input, None, dim)


@implements("unbind", accepts=_unbinds)
def unbind(input: Activation, dim: int = 0) -> tuple[Activation, ...]:
    """Take each slice along an axis that is not a pixel axis.

    Args:
        input: The feature map.
        dim: As in ``torch.unbind``.

    Returns:
        Feature maps without the axis.
    """
    before: list[Index] = [slice(None)] * (dim % input.ndim)
    return tuple(getitem(input, (*before, index)) for index in range(input.shape[dim]))


def _stacks(tensors: Any, dim: Any = 0) -> bool:
    """Whether feature maps can be stacked without their pixels."""
    parts = list(tensors)
    if not isinstance(dim, int) or not all(isinstance(x, Activation) for x in parts):
        return False
    return len({(x.axes, tuple(x.shape)) for x in parts}) == 1


@implements("stack", accepts=_stacks)
def stack(tensors: Sequence[Activation], dim: int = 0) -> Activation:
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
    if any(isinstance(x, Tensor) for x in tensors) or len({x.axes for x in tensors}) > 1:
        raise InputError("stack takes feature maps with the same axes only: encode the pixels among them first")
    if len({x.extent for x in tensors}) > 1:
        listed = ", ".join(sorted({str(x.extent) for x in tensors}))
        raise ExtentMismatchError(f"feature maps of different extents cannot be stacked: {listed}")
    place = dim % (tensors[0].ndim + 1)
    first, second = (axis + (axis >= place) for axis in tensors[0].axes)
    if not any(x.has_coefficients for x in tensors):
        return Activation.from_pixels(torch.stack([pixels_of(x) for x in tensors], place), (first, second), tensors[0])
    stacked = torch.stack([x.coefficients for x in tensors], place)
    return tensors[0].replace(stacked, axes=(first, second))
