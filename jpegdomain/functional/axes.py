"""Permuting, splitting and merging axes: directly on the coefficients, as long as the pixel axes stay whole."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import Extent
from jpegdomain.table import implements

from .maps import alone
from .pixels import decode, encode

__all__ = ["expand", "expand_as", "flatten", "merge", "permute", "reshape", "split_axes", "squeeze", "transpose"]
__all__ += ["unsqueeze"]


def _listed(sizes: Sequence[int | Sequence[int]]) -> list[int]:
    """``f(1, 2)`` and ``f((1, 2))`` alike."""
    return [size for part in sizes for size in ([part] if isinstance(part, int) else part)]


@implements("permute", accepts=alone)
def permute(input: Activation, *sizes: int | Sequence[int], dims: Sequence[int] | None = None) -> Activation:
    """``torch.permute``, including the pixel axes, since J(Iᵀ) = J(I)ᵀ."""
    order = [dim % input.ndim for dim in _listed(sizes if dims is None else (dims,))]
    vertical, horizontal = (order.index(axis) for axis in input.axes)
    extent = input.extent if vertical < horizontal else Extent(input.extent.width, input.extent.height)
    axes = min(vertical, horizontal), max(vertical, horizontal)
    return input.moved(lambda values: values.permute(order), extent, axes)


@implements("transpose", "swapaxes", "swapdims", accepts=alone)
def transpose(input: Activation, dim0: int, dim1: int) -> Activation:
    """``torch.transpose``, as `permute`."""
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, order)


@implements("unsqueeze", accepts=alone)
def unsqueeze(input: Activation, dim: int) -> Activation:
    """``torch.unsqueeze`` on the coefficients."""
    place = dim % (input.ndim + 1)
    first, second = (axis + (axis >= place) for axis in input.axes)
    return input.moved(lambda values: values.unsqueeze(place), axes=(first, second))


def _squeezes_others(input: Any, *dim: Any) -> bool:
    """Whether squeezing leaves the pixel axes alone."""
    if not alone(input):
        return False
    asked = {one % input.ndim for one in _listed(dim)} if dim else set(range(input.ndim))
    return not any(input.shape[one] == 1 for one in asked & set(input.axes))


@implements("squeeze", accepts=_squeezes_others)
def squeeze(input: Activation, *dim: int | Sequence[int]) -> Activation | Tensor:
    """``torch.squeeze``; if a pixel axis is dropped, the result is pixels."""
    shape, axes = input.shape, input.axes
    asked = {one % input.ndim for one in _listed(dim)} if dim else set(range(input.ndim))
    dropped = sorted(one for one in asked if shape[one] == 1)
    if not _squeezes_others(input, *dim):
        return decode(input).squeeze(tuple(asked))
    first, second = (axis - sum(one < axis for one in dropped) for axis in axes)
    return input.moved(lambda values: values.squeeze(tuple(dropped)), axes=(first, second))


def _sizes(input: Activation, shape: Sequence[int | Sequence[int]]) -> list[int]:
    """The new sizes, without −1."""
    sizes = _listed(shape)
    known = math.prod(size for size in sizes if size != -1)
    return [math.prod(input.shape) // known if size == -1 else size for size in sizes]


def _survivors(input: Activation, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where the pixel axes can lie after reshaping, untouched."""
    old = input.shape
    return [
        (first, second)
        for second in range(len(sizes))
        for first in range(second)
        if all(
            sizes[now] == old[then] and math.prod(sizes[:now]) == math.prod(old[:then])
            for now, then in zip((first, second), input.axes, strict=True)
        )
    ]


def _keeps_axes(input: Any, *shape: Any, **named: Any) -> bool:
    """Whether the pixel axes survive a reshape."""
    if not alone(input, *shape, **named) or named or not shape or isinstance(shape[0], torch.dtype):
        return False
    return math.prod(input.shape) > 0 and bool(_survivors(input, _sizes(input, shape)))


@implements("reshape", "view", accepts=_keeps_axes)
def split_axes(input: Activation, *shape: int | Sequence[int]) -> Activation:
    """``torch.reshape``: on the coefficients if the pixel axes stay whole, otherwise as J∘reshape∘J̃.

    Returns:
        A feature map; if the pixel axes did not stay whole, the last two axes count as pixel axes.
    """
    sizes, old = _sizes(input, shape), input.shape
    places = _survivors(input, sizes)
    if not places:
        return encode(decode(input).reshape(sizes), like=input)
    axes = places[-1]
    if input.axes[0] and axes[0] and sizes[0] == old[0]:
        # Images, then pixels, then the rest: if this makes a copy, it is channels-last.
        others = [size for axis, size in enumerate(sizes) if axis and axis not in axes]

        def move(values: Tensor) -> Tensor:
            front = values.movedim(input.axes, (1, 2))
            return front.reshape(sizes[0], *front.shape[1:3], *others).movedim((1, 2), axes)

        return input.moved(move, axes=axes)

    def reshape(values: Tensor) -> Tensor:
        whole = list(sizes)
        for axis, place in zip(axes, input.axes, strict=True):
            whole[axis] = values.shape[place]
        return values.reshape(whole)

    return input.moved(reshape, axes=axes)


def _merges_others(input: Any, start_dim: int = 0, end_dim: int = -1) -> bool:
    """Whether flattening leaves the pixel axes alone."""
    return alone(input) and not set(range(start_dim % input.ndim, end_dim % input.ndim + 1)) & set(input.axes)


@implements("flatten", accepts=_merges_others)
def merge(input: Activation, start_dim: int = 0, end_dim: int = -1) -> Activation:
    """``torch.flatten`` of axes other than the pixel axes, on the coefficients."""
    shape = list(input.shape)
    start, end = start_dim % len(shape), end_dim % len(shape)
    return split_axes(input, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


def flatten(input: Activation, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """``torch.flatten``; the result is pixels."""
    return torch.flatten(decode(input), start_dim, end_dim)


def reshape(input: Activation, *shape: int | Sequence[int]) -> Tensor:
    """``torch.reshape``, and ``view`` if it splits or merges pixel axes; the result is pixels."""
    return decode(input).reshape(_listed(shape))


def expand(input: Tensor | Activation, *sizes: int | Sequence[int]) -> Tensor:
    """``torch.Tensor.expand``; the result is pixels. `mul` recognises if it holds one factor per channel."""
    pixels = input if isinstance(input, Tensor) else decode(input)
    return pixels.expand(*_listed(sizes))


def expand_as(input: Tensor | Activation, other: Tensor | Activation) -> Tensor:
    """``torch.Tensor.expand_as``, as `expand`."""
    return expand(input, other.shape)
