"""Between activations and their pixels: J and J̃, and functions of single pixels in between."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.transform.blocks import from_coefficients, to_coefficients
from jpegdomain.transform.cpu import can_write_over, launch, takes
from jpegdomain.transform.reference import Frequencies, check_frequencies

__all__ = [
    "as_four",
    "decode",
    "encode",
    "from_four",
    "inverse_blocks",
    "map_pixels",
    "pixels_of",
    "transform",
    "transform_blocks",
]

_PLAIN: Final = (2, 3)

_CACHED_ELEMENTS: Final = 2**18
"""Elements of an intermediate result: a megabyte of float32, one core's second-level cache."""


def transform_blocks(pixels: Tensor, *, inplace: bool = False) -> Tensor:
    """Transform every 8×8 tile, I'_{αβ} = Σ d_{αm} d_{βn} I_{mn} (eq. 5, two one-dimensional products).

    Args:
        pixels: (n, c, 8X, 8Y) floating point.
        inplace: Whether the pixels' memory may be written over; without effect where autograd needs them.

    Returns:
        (n, c, 8X, 8Y) coefficients in place; channels-last in memory from 8 channels on.
    """
    return to_coefficients(pixels, Extent(*pixels.shape[2:]), inplace=inplace)


def inverse_blocks(coefficients: Tensor) -> Tensor:
    """Invert `transform_blocks`, I_{mn} = Σ d_{αm} d_{βn} I'_{αβ}.

    Args:
        coefficients: (n, c, 8X, 8Y) in place, floating point.

    Returns:
        (n, c, 8X, 8Y) pixels of the whole blocks; channels-last in memory from 8 channels on.
    """
    return from_coefficients(coefficients, Extent(*coefficients.shape[2:]))


def as_four(tensor: Tensor, axes: tuple[int, int]) -> Tensor:
    """Order the axes as (first other axis, all further ones, first pixel axis, second pixel axis).

    Args:
        tensor: Any axes.
        axes: Positions of the pixel axes.

    Returns:
        (n, c, h, w); n is 1 where there are fewer than two other axes.
    """
    if tensor.dim() == 4 and axes == _PLAIN:
        return tensor
    moved = tensor.movedim(axes, (-2, -1))
    images = moved.shape[0] if moved.dim() > 3 else 1
    return moved.reshape(images, math.prod(moved.shape[:-2]) // max(images, 1), *moved.shape[-2:])


def from_four(tensor: Tensor, shape: Sequence[int], axes: tuple[int, int]) -> Tensor:
    """Undo `as_four`.

    Args:
        tensor: (n, c, h, w).
        shape: Of the result but for the pixel axes.
        axes: Positions of the pixel axes.

    Returns:
        The tensor with its axes in the order of `shape`.
    """
    if len(shape) == 4 and axes == _PLAIN:
        return tensor
    others = [size for axis, size in enumerate(shape) if axis not in axes]
    return tensor.reshape(*others, *tensor.shape[-2:]).movedim((-2, -1), axes)


def encode(
    pixels: Tensor, *, inplace: bool = False, axes: tuple[int, int] = (-2, -1), like: Activation | None = None
) -> Activation:
    """Apply J: pixels to coefficients at orthonormal scaling, without level shift or rounding (eq. 3).

    Args:
        pixels: (n, c, h, w) or any axes, floating point, any h and w ≥ 1.
        inplace: Whether the pixels' memory may be written over; without effect where autograd needs them.
        axes: Positions of the pixel axes, in ascending order.
        like: An activation whose options the result is to have, or None.

    Returns:
        The activation of extent (h, w).

    Raises:
        InputError: If `pixels` is not a floating-point tensor of two or more axes.
    """
    if not isinstance(pixels, Tensor) or pixels.dim() < 2 or not pixels.is_floating_point():
        raise InputError(f"encode takes a floating-point tensor (n, c, h, w); got {_describe(pixels)}")
    shape, ndim = pixels.shape, pixels.dim()
    first, second = axes[0] % ndim, axes[1] % ndim
    extent = Extent(shape[first], shape[second])
    four = to_coefficients(as_four(pixels, (first, second)), extent, inplace=inplace)
    coefficients = from_four(four, shape, (first, second))
    if like is None:
        return Activation(coefficients, extent, (first, second))
    return like.replace(coefficients, extent, (first, second))


def decode(activation: Activation, *, frequencies: Frequencies = 15) -> Tensor:
    """Apply J̃: coefficients to pixels (eq. 10), from the lowest spatial frequencies or from all.

    Args:
        activation: Coefficients and extent.
        frequencies: 1…15; only coefficients with α+β < frequencies are read, 15 reads all; or a tensor, as in
            `functional.low_pass`.

    Returns:
        (n, c, h, w) pixels, h and w those of the extent; for other axes, pixels with these axes.

    Raises:
        InputError: If `activation` is not an `Activation`.
    """
    if not isinstance(activation, Activation):
        raise InputError(f"decode takes an Activation; got {_describe(activation)}")
    check_frequencies(frequencies)
    if activation._values is None and not isinstance(frequencies, Tensor) and frequencies == 15:
        return pixels_of(activation).clone()
    return _inverse(activation, frequencies)


def _inverse(activation: Activation, frequencies: Frequencies = 15) -> Tensor:
    coefficients, axes = activation.coefficients, activation.axes
    four = from_coefficients(as_four(coefficients, axes), activation.extent, frequencies)
    return from_four(four, coefficients.shape, axes)


def pixels_of(x: Activation) -> Tensor:
    """Apply J̃, unless the pixels are at hand; they are kept.

    Args:
        x: The activation.

    Returns:
        Its pixels, to be read only.
    """
    x.bring_up_to_date()
    pixels = x._pixels
    if pixels is None:
        pixels = _inverse(x)
        if _may_keep(x.coefficients):
            x._pixels = pixels
    return pixels


def transform(x: Activation) -> Tensor:
    """Apply J to an activation that was made of pixels; the coefficients are kept.

    Args:
        x: The activation.

    Returns:
        Its coefficients.
    """
    pixels = x._first
    coefficients = encode(pixels, axes=x.axes).coefficients
    if _may_keep(pixels):
        x._values = coefficients
    return coefficients


def _may_keep(source: Tensor) -> bool:
    """Whether a transform taken now serves later, too: where gradients are wanted, or none could flow."""
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
        function: Takes one tensor of pixels per entry of `frequencies` and returns their like. It may depend on the
            channel, not on a pixel's place: it can be handed any block rows, (m, c, 8, w).
        frequencies: Of the reconstructions that the function is given, each as in `low_pass`; 15 is exact.
        inplace: Whether the activation's memory may be written over; without effect while gradients are recorded.

    Returns:
        An activation of the same extent.

    Raises:
        ValueError: If a number of frequencies is outside 1…15.
    """
    coefficients, extent = x.coefficients, x.extent
    for kept in frequencies:
        check_frequencies(kept)
    alone = torch.is_grad_enabled() or not takes(coefficients)
    if alone or any(isinstance(kept, Tensor) for kept in frequencies):
        return encode(function(*(decode(x, frequencies=kept) for kept in frequencies)), like=x)
    inplace = inplace and can_write_over(coefficients)
    result = coefficients if inplace else torch.empty_like(coefficients, memory_format=torch.channels_last)
    for image, height, rows in _in_cache(coefficients, extent):
        part = Extent(height, extent.width)
        tiles = coefficients[image, :, rows]
        mapped = function(*(from_coefficients(tiles, part, kept) for kept in frequencies))
        place = result[image, :, rows]
        if takes(mapped):
            launch(mapped, part, from_pixels=True, to_pixels=False, out=place)
        else:
            place.copy_(to_coefficients(mapped, part))
    return x.replace(result)


def _in_cache(coefficients: Tensor, extent: Extent) -> Iterator[tuple[slice, int, slice]]:
    """Cut a batch into runs of whole images, or of one image's block rows, that stay in a core's cache.

    Args:
        coefficients: (n, c, 8X, 8Y) in place.
        extent: Height and width in pixels.

    Yields:
        The images, the height in pixels of what is taken of them, and its rows.
    """
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


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {value.dtype}"
    return f"{type(value).__module__}.{type(value).__qualname__}"
