"""Between activations and their pixels: J, J̃, and functions of single pixels between them."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent
from jpegdomain.transform import Frequencies, backend, check_frequencies, cpu, forward, inverse

__all__ = ["as_four", "decode", "encode", "from_four", "map_pixels", "pixels_of", "transform"]

_PLAIN: Final = (2, 3)


def as_four(tensor: Tensor, axes: tuple[int, int]) -> Tensor:
    """Order axes as (first other axis, all further ones, pixel axes): (n, c, h, w), n = 1 if there is no second."""
    if tensor.dim() == 4 and axes == _PLAIN:
        return tensor
    moved = tensor.movedim(axes, (-2, -1))
    images = moved.shape[0] if moved.dim() > 3 else 1
    return moved.reshape(images, math.prod(moved.shape[:-2]) // max(images, 1), *moved.shape[-2:])


def from_four(tensor: Tensor, shape: Sequence[int], axes: tuple[int, int]) -> Tensor:
    """Undo `as_four`; `shape` is the result's shape, except for the pixel axes."""
    if len(shape) == 4 and axes == _PLAIN:
        return tensor
    others = [size for axis, size in enumerate(shape) if axis not in axes]
    return tensor.reshape(*others, *tensor.shape[-2:]).movedim((-2, -1), axes)


def encode(
    pixels: Tensor, *, inplace: bool = False, axes: tuple[int, int] = (-2, -1), like: Activation | None = None
) -> Activation:
    """Apply J: pixels to coefficients, with orthonormal scaling and without level shift or rounding (eq. 3).

    Args:
        pixels: (n, c, h, w) or any axes, floating point, any h and w ≥ 1.
        inplace: Whether the pixels' memory may be overwritten; ignored if autograd needs them.
        axes: Positions of the pixel axes, in ascending order.
        like: An activation whose options the result should have, or None.

    Returns:
        The activation of extent (h, w).

    Raises:
        InputError: If `pixels` is not a floating-point tensor of two or more axes.
    """
    if not isinstance(pixels, Tensor) or pixels.dim() < 2 or not pixels.is_floating_point():
        raise InputError(f"encode takes a floating-point tensor (n, c, h, w), got {_describe(pixels)}")
    shape, ndim = pixels.shape, pixels.dim()
    first, second = axes[0] % ndim, axes[1] % ndim
    extent = Extent(shape[first], shape[second])
    four = forward(as_four(pixels, (first, second)), inplace=inplace)
    coefficients = from_four(four, shape, (first, second))
    if like is None:
        return Activation(coefficients, extent, (first, second))
    return like.replace(coefficients, extent, (first, second))


def decode(activation: Activation, *, frequencies: Frequencies = 15, inplace: bool = False) -> Tensor:
    """Apply J̃: coefficients to pixels (eq. 10), from the lowest spatial frequencies or from all.

    Args:
        activation: Coefficients and extent.
        frequencies: 1…15; only coefficients with α+β < frequencies are read, 15 reads all; or a tensor, as in
            `functional.low_pass`.
        inplace: Whether the coefficients' memory may be overwritten; ignored if autograd needs them.

    Returns:
        (n, c, h, w) pixels, h and w those of the extent; if the activation has other axes, pixels with these axes.

    Raises:
        InputError: If `activation` is not an `Activation`.
    """
    if not isinstance(activation, Activation):
        raise InputError(f"decode takes an Activation, got {_describe(activation)}")
    check_frequencies(frequencies)
    if activation._values is None and not isinstance(frequencies, Tensor) and frequencies == 15:
        return pixels_of(activation).clone()
    return _inverse(activation, frequencies, inplace)


def _inverse(activation: Activation, frequencies: Frequencies = 15, inplace: bool = False) -> Tensor:
    coefficients, axes = activation.coefficients, activation.axes
    four = inverse(as_four(coefficients, axes), activation.extent, frequencies, inplace=inplace)
    return from_four(four, coefficients.shape, axes)


def pixels_of(x: Activation) -> Tensor:
    """Return an activation's pixels, not to be modified; if J̃ is needed, its result is kept."""
    x.bring_up_to_date()
    pixels = x._pixels
    if pixels is None:
        pixels = _inverse(x)
        if _may_keep(x.coefficients):
            x._pixels = pixels
    return pixels


def transform(x: Activation) -> Tensor:
    """Return the coefficients of an activation that was made from pixels; they are kept."""
    pixels = x._first
    coefficients = encode(pixels, axes=x.axes).coefficients
    if _may_keep(pixels):
        x._values = coefficients
    return coefficients


def _may_keep(source: Tensor) -> bool:
    """Whether a transform computed now can be reused: gradients are recorded, or none could flow."""
    if not torch.is_grad_enabled() and source.requires_grad:
        return False
    return torch.compiler.is_compiling() or not torch.is_inference_mode_enabled() or source.is_inference()


def map_pixels(
    x: Activation,
    function: Callable[..., Tensor],
    *,
    frequencies: Sequence[Frequencies] = (15,),
    inplace: bool = False,
) -> Activation:
    """Apply a function of single pixels, J∘f∘J̃; without gradients, a few block rows at a time in cache.

    Args:
        x: The activation.
        function: Takes a tensor of pixels for each of the `frequencies`, and returns one of the same shape. It may
            depend on the channel, but not on a pixel's position: it can be given any block rows, (m, c, 8, w).
        frequencies: The frequencies of the reconstructions, each as in `low_pass`; 15 is exact.
        inplace: Whether the activation's memory may be overwritten; ignored while gradients are recorded.

    Returns:
        An activation of the same extent.
    """
    for kept in frequencies:
        check_frequencies(kept)
    numbers = [kept for kept in frequencies if not isinstance(kept, Tensor)]
    if torch.is_grad_enabled() or len(numbers) < len(frequencies) or backend(x.coefficients) is not cpu:
        return encode(function(*(decode(x, frequencies=kept) for kept in frequencies)), like=x)
    return x.replace(cpu.map_pixels(x.coefficients, x.extent, function, numbers, inplace=inplace))


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {value.dtype}"
    return f"{type(value).__module__}.{type(value).__qualname__}"
