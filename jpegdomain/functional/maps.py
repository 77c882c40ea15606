"""Feature maps with any axes: which arguments have closed forms, and functions that run on pixels in between."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.transform import constant_image

from .pixels import as_four, decode, encode, from_four

__all__ = [
    "alone",
    "each_from_pixels",
    "each_to_pixels",
    "elementwise",
    "four_axes",
    "island",
    "ones_along",
    "plain",
]

_PLAIN = (2, 3)


def alone(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Tell whether the first argument of an operation is an activation, and no other is.

    Args:
        input: The first argument.
        *args: The others.
        **kwargs: Likewise.

    Returns:
        Whether it is so.
    """
    return isinstance(input, Activation) and not any(isinstance(x, Activation) for x in (*args, *kwargs.values()))


def plain(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Tell whether the first argument is an activation (n, c, h, w), and no other is an activation.

    Args:
        input: The first argument.
        *args: The others.
        **kwargs: Likewise.

    Returns:
        Whether it is so.
    """
    return alone(input, *args, **kwargs) and (input.ndim, input.axes) == (4, _PLAIN)


def each_to_pixels(parts: Sequence[Activation]) -> tuple[Tensor, ...]:
    """Apply J̃ to several feature maps.

    Args:
        parts: The feature maps.

    Returns:
        The pixels of each.
    """
    return tuple(decode(part) for part in parts)


def each_from_pixels(parts: Sequence[Tensor], axes: tuple[int, int] = _PLAIN) -> tuple[Activation, ...]:
    """Apply J to several tensors.

    Args:
        parts: The tensors.
        axes: Positions of the pixel axes of each.

    Returns:
        The feature maps.
    """
    return tuple(encode(part, axes=axes) for part in parts)


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


def ones_along(x: Activation) -> Tensor:
    """Transform the image of ones, placed along the feature map's pixel axes.

    Args:
        x: The feature map.

    Returns:
        Coefficients that broadcast with the feature map's.
    """
    sizes = [1] * x.ndim
    for axis, size in zip(x.axes, x.extent.canvas, strict=True):
        sizes[axis] = size
    return constant_image(x.extent, dtype=x.dtype, device=x.device).view(sizes)


def elementwise(x: Activation, function: Callable[[Activation], Activation]) -> Activation:
    """Apply a function that treats all channels alike, whatever the order of the axes.

    Args:
        x: The feature map.
        function: An activation (n, c, h, w) to one of its shape.

    Returns:
        A feature map with the same axes.
    """
    if (x.ndim, x.axes) == (4, _PLAIN):
        return function(x)
    result = function(x.replace(as_four(x.coefficients, x.axes), axes=_PLAIN))
    return x.replace(from_four(result.coefficients, x.shape, x.axes))


def island(x: Activation, function: Callable[[Tensor], Tensor]) -> Activation:
    """Apply any function of feature maps exactly, J∘f∘J̃.

    Args:
        x: The feature map.
        function: Pixels with the feature map's axes to pixels with as many axes.

    Returns:
        A feature map with its pixel axes in the same places.
    """
    return encode(function(decode(x)), axes=x.axes, like=x)
