"""Feature maps with any axes: conditions for closed forms, and functions that run on pixels."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.table import implements
from jpegdomain.transform import constant_image

from .pixels import as_four, decode, encode, from_four

__all__ = ["alone", "dropout", "each_from_pixels", "each_to_pixels", "elementwise", "four_axes", "island"]
__all__ += ["ones_along", "plain"]

_PLAIN = (2, 3)


def alone(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Return whether an operation's first argument is its only activation."""
    return isinstance(input, Activation) and not any(isinstance(x, Activation) for x in (*args, *kwargs.values()))


def plain(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Return whether an operation's first argument is its only activation, and is (n, c, h, w)."""
    return alone(input, *args, **kwargs) and (input.ndim, input.axes) == (4, _PLAIN)


def each_to_pixels(parts: Sequence[Activation]) -> tuple[Tensor, ...]:
    """Apply J̃ to several feature maps."""
    return tuple(decode(part) for part in parts)


def each_from_pixels(parts: Sequence[Tensor], axes: tuple[int, int] = _PLAIN) -> tuple[Activation, ...]:
    """Apply J to several tensors."""
    return tuple(encode(part, axes=axes) for part in parts)


def four_axes(shape: Sequence[int], axes: tuple[int, int] = _PLAIN) -> tuple[int, ...]:
    """Read sizes as (n, c, h, w): all axes except the first and the pixel axes are channels."""
    others = [size for axis, size in enumerate(shape) if axis not in axes]
    return (*(others[:1] or [1]), math.prod(others[1:]), *(shape[axis] for axis in axes))


def ones_along(x: Activation) -> Tensor:
    """Transform the image of ones: coefficients that broadcast with the feature map's."""
    sizes = [1] * x.ndim
    for axis, size in zip(x.axes, x.extent.canvas, strict=True):
        sizes[axis] = size
    return constant_image(x.extent, dtype=x.dtype, device=x.device).view(sizes)


def elementwise(x: Activation, function: Callable[[Activation], Activation]) -> Activation:
    """Apply a function of (n, c, h, w) that treats all channels alike, whatever the order of the axes."""
    if (x.ndim, x.axes) == (4, _PLAIN):
        return function(x)
    result = function(x.replace(as_four(x.coefficients, x.axes), axes=_PLAIN))
    return x.replace(from_four(result.coefficients, x.shape, x.axes))


def island(x: Activation, function: Callable[[Tensor], Tensor]) -> Activation:
    """Apply any function of pixels that keeps the number of axes, exactly, as J∘f∘J̃; pixel axes stay in place."""
    return encode(function(decode(x)), axes=x.axes, like=x)


def dropout(input: Activation, p: float = 0.5, training: bool = True) -> Activation:
    """``torch.nn.functional.dropout`` of pixels, J∘(mask)∘J̃; outside training, the feature map itself."""
    return island(input, lambda pixels: F.dropout(pixels, p, training)) if training else input


def _is_off(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, train: bool = False) -> bool:  # noqa: ARG001
    """Whether a dropout does nothing; torch then returns its argument itself."""
    return alone(input) and not (training or train)


@implements(
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout), accepts=_is_off
)
def _itself(input: Activation, *_args: Any, **_kwargs: Any) -> Activation:
    return input
