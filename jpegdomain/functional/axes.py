"""Permuting, splitting and merging axes: on the coefficients as they are, as long as the pixel axes stay whole."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .maps import Maps, from_pixels, laid_out, pixel_axes, to_pixels

__all__ = [
    "expand",
    "expand_as",
    "flatten",
    "merge",
    "permute",
    "reshape",
    "split_axes",
    "squeeze",
    "transpose",
    "unsqueeze",
]


def _listed(sizes: Sequence[int | Sequence[int]]) -> list[int]:
    """``f(1, 2)`` and ``f((1, 2))`` alike."""
    return [size for part in sizes for size in ([part] if isinstance(part, int) else part)]


def permute(input: Maps, *dims: int | Sequence[int]) -> Maps:
    """Permute the axes. Exchanged pixel axes are no exception: J(Iᵀ) = J(I)ᵀ.

    Args:
        input: The feature map.
        *dims: As in ``torch.Tensor.permute``.

    Returns:
        A feature map.
    """
    order = [dim % input.ndim for dim in _listed(dims)]
    vertical, horizontal = (order.index(axis) for axis in pixel_axes(input))
    extent = input.extent if vertical < horizontal else Extent(input.extent.width, input.extent.height)
    axes = min(vertical, horizontal), max(vertical, horizontal)
    return laid_out(input.coefficients.permute(order), extent, axes)


def transpose(input: Maps, dim0: int, dim1: int) -> Maps:
    """Exchange two axes.

    Args:
        input: The feature map.
        dim0: One axis.
        dim1: The other.

    Returns:
        A feature map.
    """
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, order)


def unsqueeze(input: Maps, dim: int) -> Maps:
    """Insert an axis of size one.

    Args:
        input: The feature map.
        dim: As in ``torch.unsqueeze``.

    Returns:
        A feature map.
    """
    place = dim % (input.ndim + 1)
    first, second = (axis + (axis >= place) for axis in pixel_axes(input))
    return laid_out(input.coefficients.unsqueeze(place), input.extent, (first, second))


def squeeze(input: Maps, *dim: int | Sequence[int]) -> Maps | Tensor:
    """Drop axes of size one; where pixel axes are among them, the result leaves the transform domain.

    Args:
        input: The feature map.
        *dim: As in ``torch.squeeze``; none for all.

    Returns:
        A feature map, or pixels.
    """
    shape, axes = input.shape, pixel_axes(input)
    asked = {one % input.ndim for one in _listed(dim)} if dim else set(range(input.ndim))
    dropped = sorted(one for one in asked if shape[one] == 1)
    if not dim or asked & set(axes):
        return to_pixels(input).squeeze(tuple(asked))
    first, second = (axis - sum(one < axis for one in dropped) for axis in axes)
    return laid_out(input.coefficients.squeeze(tuple(dropped)), input.extent, (first, second))


def _sizes(input: Maps, shape: Sequence[int | Sequence[int]]) -> list[int]:
    """The new sizes, without −1."""
    sizes = _listed(shape)
    known = math.prod(size for size in sizes if size != -1)
    return [math.prod(input.shape) // known if size == -1 else size for size in sizes]


def split_axes(input: Maps, *shape: int | Sequence[int]) -> Maps:
    """Reshape: split and merge other axes than the pixels' on the coefficients, anything else as J∘reshape∘J̃.

    Args:
        input: The feature map.
        *shape: As in ``torch.Tensor.reshape``.

    Returns:
        A feature map, (n, c, h, w) if its pixel axes did not survive.

    Raises:
        InputError: If the pixel axes do not survive, and the result has not four axes.
    """
    sizes, old = _sizes(input, shape), input.shape
    places = [
        (first, second)
        for second in range(len(sizes))
        for first in range(second)
        if all(
            sizes[now] == old[then] and math.prod(sizes[:now]) == math.prod(old[:then])
            for now, then in zip((first, second), pixel_axes(input), strict=True)
        )
    ]
    if not places:
        if len(sizes) != 4:
            raise InputError(
                f"a feature map {tuple(old)} reshaped to {tuple(sizes)} has its pixel axes taken apart; decode it first"
            )
        return from_pixels(to_pixels(input).reshape(sizes))
    axes = places[-1]
    coefficients = input.coefficients
    if pixel_axes(input)[0] and axes[0] and sizes[0] == old[0]:
        # Images, then pixels, then the rest: a copy that this takes comes out channels-last.
        others = [size for axis, size in enumerate(sizes) if axis and axis not in axes]
        front = coefficients.movedim(pixel_axes(input), (1, 2))
        moved = front.reshape(sizes[0], *input.extent.canvas, *others).movedim((1, 2), axes)
        return laid_out(moved, input.extent, axes)
    for axis, size in zip(axes, input.extent.canvas, strict=True):
        sizes[axis] = size
    return laid_out(coefficients.reshape(sizes), input.extent, axes)


def merge(input: Maps, start_dim: int = 0, end_dim: int = -1) -> Maps:
    """Flatten axes that are not the pixels' on the coefficients.

    Args:
        input: The feature map.
        start_dim: As in ``torch.flatten``.
        end_dim: Likewise.

    Returns:
        A feature map.
    """
    shape = list(input.shape)
    start, end = start_dim % len(shape), end_dim % len(shape)
    return split_axes(input, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


def flatten(input: Maps, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Leave the transform domain and flatten.

    Args:
        input: The feature map.
        start_dim: As in ``torch.flatten``.
        end_dim: Likewise.

    Returns:
        Pixels.
    """
    return torch.flatten(to_pixels(input), start_dim, end_dim)


def reshape(input: Maps, *shape: int | Sequence[int]) -> Tensor:
    """Leave the transform domain and reshape; also what ``view`` becomes where it takes the pixel axes apart.

    Args:
        input: The feature map.
        *shape: As in ``torch.Tensor.reshape``.

    Returns:
        Pixels.
    """
    return to_pixels(input).reshape(_listed(shape))


def expand(input: Tensor | Maps, *sizes: int | Sequence[int]) -> Tensor:
    """Repeat along axes of size one, on pixels; a feature map leaves the transform domain.

    Args:
        input: The tensor or feature map.
        *sizes: As in ``torch.Tensor.expand``.

    Returns:
        Pixels; `mul` knows a tensor that holds one factor for all pixels of a channel.
    """
    pixels = input if isinstance(input, Tensor) else to_pixels(input)
    return pixels.expand(*_listed(sizes))


def expand_as(input: Tensor | Maps, other: Tensor | Maps) -> Tensor:
    """Repeat along axes of size one until the shape is another's.

    Args:
        input: The tensor or feature map.
        other: The tensor or feature map whose shape is taken.

    Returns:
        Pixels, as for `expand`.
    """
    return expand(input, other.shape)
