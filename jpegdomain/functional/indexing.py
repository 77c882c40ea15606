"""Indexing, splitting and stacking: directly on the coefficients, or as J∘f∘J̃ along pixel axes."""

import functools
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, TypeAlias

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.table import implements

from .maps import alone
from .pixels import decode, encode, pixels_of

__all__ = ["chunk", "getitem", "kept_axes", "pixel_index", "split", "stack", "takes_pixels", "unbind"]

Index: TypeAlias = int | slice | EllipsisType | Tensor | Sequence[int] | None
"""One part of a tensor's index."""


def _parts(index: Index | tuple[Index, ...], ndim: int) -> list[Index]:
    """One part per axis that the index takes, and None for each that it inserts."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(part is not None and part is not ... for part in parts)
    place = next((i for i, part in enumerate(parts) if part is ...), len(parts))
    rest: list[Index] = [slice(None)] * (ndim - taken)
    return parts[:place] + rest + parts[place + 1 :]


def kept_axes(
    index: Index | tuple[Index, ...], ndim: int = 4, axes: tuple[int, int] = (2, 3)
) -> tuple[int, int] | None:
    """Find the pixel axes after indexing.

    Returns:
        Two positions if the index uses only numbers and slices along other axes, so that `getitem` works directly on
        the coefficients; otherwise None.
    """
    axis, after = 0, 0
    found: list[int] = []
    for part in _parts(index, ndim):
        if part is None:
            after += 1
            continue
        if axis in axes:
            if not (isinstance(part, slice) and part == slice(None)):
                return None
            found.append(after)
        elif isinstance(part, bool) or not isinstance(part, (int, slice)):
            return None
        after += not isinstance(part, int)
        axis += 1
    return found[0], found[1]


def takes_pixels(index: Index | tuple[Index, ...], ndim: int = 4, axes: tuple[int, int] = (2, 3)) -> bool:
    """Return whether an index selects one row or one column, so that the result is not a feature map."""
    taken = [part for part in _parts(index, ndim) if part is not None]
    return any(isinstance(taken[axis], int) for axis in axes)


def _keeps_axes(input: Any, index: Any) -> bool:
    return alone(input, index) and kept_axes(index, input.ndim, input.axes) is not None


@implements("__getitem__", accepts=_keeps_axes)
def getitem(input: Activation, index: Index | tuple[Index, ...]) -> Activation:
    """Index: images and channels by numbers and slices on the coefficients, anything else as J∘(slice)∘J̃.

    Returns:
        A feature map, (n, c, h, w) if the index selects pixels.

    Raises:
        InputError: If the index selects pixels and the result does not have four axes.
    """
    axes = kept_axes(index, input.ndim, input.axes)
    if axes is not None:
        return input.moved(lambda values: values[index], axes=axes)
    pixels = decode(input)[index]
    if pixels.dim() != 4:
        raise InputError(f"indexing by {index!r} leaves {pixels.dim()} of the feature map's 4 axes: decode it first")
    return encode(pixels, like=input)


def pixel_index(input: Activation, index: Index | tuple[Index, ...]) -> Tensor:
    """Index the pixels."""
    return decode(input)[index]


def _divided(input: Activation, sizes: Sequence[int], dim: int) -> tuple[Activation, ...]:
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
    """Whether an activation is divided along an axis other than its pixel axes."""
    return alone(input, sizes, dim) and isinstance(dim, int) and dim % input.ndim not in input.axes


def _splits(tensor: Any, split_size_or_sections: Any = None, dim: Any = 0, *, split_size: Any = None) -> bool:
    return split_size is None and _others(tensor, split_size_or_sections, dim)


@implements("split", "split_with_sizes", accepts=_splits)
def split(tensor: Activation, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Activation, ...]:
    """``torch.split``."""
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        whole = tensor.shape[dim]
        sizes = [min(sizes, whole - start) for start in range(0, whole, sizes)]
    return _divided(tensor, sizes, dim)


def _chunks(input: Any, chunks: Any, dim: Any = 0) -> bool:
    return _others(input, chunks, dim)


@implements("chunk", accepts=_chunks)
def chunk(input: Activation, chunks: int, dim: int = 0) -> tuple[Activation, ...]:
    """``torch.chunk``."""
    return split(input, -(-input.shape[dim] // chunks), dim)


def _unbinds(input: Any, dim: Any = 0) -> bool:
    return _others(input, None, dim)


@implements("unbind", accepts=_unbinds)
def unbind(input: Activation, dim: int = 0) -> tuple[Activation, ...]:
    """``torch.unbind`` along an axis that is not a pixel axis."""
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
    """``torch.stack``.

    Returns:
        A feature map with one more axis.

    Raises:
        ExtentMismatchError: If the extents differ.
        InputError: If one is a plain tensor, or their axes differ.
    """
    if any(isinstance(x, Tensor) for x in tensors) or len({x.axes for x in tensors}) > 1:
        raise InputError("stack takes feature maps with the same axes: encode any pixels among them first")
    if len({x.extent for x in tensors}) > 1:
        listed = ", ".join(sorted({str(x.extent) for x in tensors}))
        raise ExtentMismatchError(f"feature maps of different extents cannot be stacked: {listed}")
    place = dim % (tensors[0].ndim + 1)
    first, second = (axis + (axis >= place) for axis in tensors[0].axes)
    if not any(x.has_coefficients for x in tensors):
        return Activation.from_pixels(torch.stack([pixels_of(x) for x in tensors], place), (first, second), tensors[0])
    stacked = torch.stack([x.coefficients for x in tensors], place)
    return tensors[0].replace(stacked, axes=(first, second))
