"""J and J̃ along two axes of any number: between pixels, an `Activation` and a `Rearranged`."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import Extent
from jpegdomain.rearranged import Rearranged

from .transform import constant_image, decode, encode

__all__ = [
    "Maps",
    "each_from_pixels",
    "each_to_pixels",
    "elementwise",
    "four_axes",
    "from_pixels",
    "island",
    "laid_out",
    "ones_along",
    "pixel_axes",
    "to_pixels",
]

Maps: TypeAlias = Activation | Rearranged
"""A feature map in the transform domain, its axes in torch's order or in another."""

_PLAIN = (2, 3)


def pixel_axes(x: Maps) -> tuple[int, int]:
    """Say where the pixel axes lie.

    Args:
        x: The feature map.

    Returns:
        Two positions, (2, 3) for an activation.
    """
    return x.axes if isinstance(x, Rearranged) else _PLAIN


def laid_out(coefficients: Tensor, extent: Extent, axes: tuple[int, int]) -> Maps:
    """Make the datum that fits the axes.

    Args:
        coefficients: Tiles in place along two axes.
        extent: Height and width in pixels.
        axes: Positions of the pixel axes.

    Returns:
        An activation if they are the last two of four, else a `Rearranged`.
    """
    if coefficients.dim() == 4 and axes == _PLAIN:
        return Activation(coefficients, extent)
    return Rearranged(coefficients, extent, axes)


def _last(x: Rearranged) -> Activation:
    """The same numbers as (first axis, all other axes, height, width)."""
    moved = x.coefficients.movedim(x.axes, (-2, -1))
    leading = moved.shape[0] if moved.dim() > 2 else 1
    return Activation(moved.reshape(leading, -1, *moved.shape[-2:]), x.extent)


def _back(tensor: Tensor, like: torch.Size, axes: tuple[int, int]) -> Tensor:
    """Undo `_last` on a tensor (a, b, height, width), for axes of the sizes `like` but for the pixel axes."""
    others = [size for axis, size in enumerate(like) if axis not in axes]
    return tensor.reshape(*others, *tensor.shape[-2:]).movedim((-2, -1), axes)


def to_pixels(x: Maps) -> Tensor:
    """Apply J̃, eq. (10), along the pixel axes.

    Args:
        x: The feature map.

    Returns:
        Pixels, the axes in the feature map's order.
    """
    if isinstance(x, Activation):
        return decode(x)
    return _back(decode(_last(x)), x.shape, x.axes)


def from_pixels(pixels: Tensor, axes: tuple[int, int] = _PLAIN) -> Maps:
    """Apply J, eq. (3), along two axes.

    Args:
        pixels: Floating point, any axes.
        axes: Positions of the pixel axes.

    Returns:
        An activation if they are the last two of four, else a `Rearranged`.
    """
    if pixels.dim() == 4 and axes == _PLAIN:
        return encode(pixels)
    moved = pixels.movedim(axes, (-2, -1))
    leading = moved.shape[0] if moved.dim() > 2 else 1
    x = encode(moved.reshape(leading, -1, *moved.shape[-2:]))
    return laid_out(_back(x.coefficients, pixels.shape, axes), x.extent, axes)


def each_to_pixels(parts: Sequence[Maps]) -> tuple[Tensor, ...]:
    """Apply J̃ to several feature maps.

    Args:
        parts: The feature maps.

    Returns:
        The pixels of each, as `to_pixels` gives them.
    """
    return tuple(to_pixels(part) for part in parts)


def each_from_pixels(parts: Sequence[Tensor], axes: tuple[int, int] = _PLAIN) -> tuple[Maps, ...]:
    """Apply J to several tensors.

    Args:
        parts: The tensors.
        axes: Positions of the pixel axes of each.

    Returns:
        The feature maps, as `from_pixels` gives them.
    """
    return tuple(from_pixels(part, axes) for part in parts)


def four_axes(shape: Sequence[int], axes: tuple[int, int] = _PLAIN) -> tuple[int, ...]:
    """Read sizes as those of a feature map (n, c, h, w): all axes but the first and the pixels' are channels.

    Args:
        shape: Of pixels.
        axes: Positions of the pixel axes.

    Returns:
        Four sizes.
    """
    others = [size for axis, size in enumerate(shape) if axis not in axes]
    return (*(others[:1] or [1]), math.prod(others[1:]), *(shape[axis] for axis in axes))


def ones_along(x: Maps) -> Tensor:
    """Transform the image of ones, placed along the feature map's pixel axes.

    Args:
        x: The feature map.

    Returns:
        Coefficients that broadcast with the feature map's.
    """
    sizes = [1] * x.ndim
    for axis, size in zip(pixel_axes(x), x.extent.canvas, strict=True):
        sizes[axis] = size
    return constant_image(x.extent, dtype=x.dtype, device=x.device).view(sizes)


def elementwise(x: Maps, function: Callable[[Activation], Activation]) -> Maps:
    """Apply a function that treats all channels alike, whatever the order of the axes.

    Args:
        x: The feature map.
        function: An activation to one of its shape.

    Returns:
        A feature map with the same axes.
    """
    if isinstance(x, Activation):
        return function(x)
    result = function(_last(x))
    return Rearranged(_back(result.coefficients, x.shape, x.axes), x.extent, x.axes)


def island(x: Maps, function: Callable[[Tensor], Tensor]) -> Maps:
    """Apply any function of feature maps exactly, J∘f∘J̃.

    Args:
        x: The feature map.
        function: Pixels with the feature map's axes to pixels with as many axes.

    Returns:
        A feature map with its pixel axes in the same places.
    """
    return from_pixels(function(to_pixels(x)), pixel_axes(x))
