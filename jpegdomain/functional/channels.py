"""Linear maps over other axes than the pixels': on the coefficients as they are."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .maps import Maps, from_pixels, island, laid_out, ones_along, pixel_axes, to_pixels

__all__ = ["linear", "reduce_amax", "reduce_mean", "reduce_sum"]


def linear(input: Maps, weight: Tensor, bias: Tensor | None = None) -> Maps:
    """Map the last axis by a matrix, J(Wx + b) = W·J(x) + b·J(1); on channels-last maps a 1×1 convolution.

    Args:
        input: The feature map; where its last axis holds pixels, the map is taken as J∘W∘J̃.
        weight: (c', c).
        bias: (c',) or None.

    Returns:
        A feature map with c' in the place of c.
    """
    axes = pixel_axes(input)
    if input.ndim - 1 in axes:
        return island(input, lambda pixels: F.linear(pixels, weight, bias))
    coefficients = F.linear(input.coefficients, weight)
    if bias is not None:
        coefficients = coefficients + (bias * ones_along(input)).to(coefficients.dtype)
    return laid_out(coefficients, input.extent, axes)


def _reduce(
    input: Maps, dim: int | Sequence[int] | None, keepdim: bool, function: Callable[..., Tensor], linear: bool
) -> Maps | Tensor:
    axes = pixel_axes(input)
    dims = sorted({one % input.ndim for one in ([dim] if isinstance(dim, int) else dim or range(input.ndim))})
    taken = set(dims) & set(axes)
    first, second = (axis if keepdim else axis - sum(one < axis for one in dims) for axis in axes)
    if not taken and linear:
        return laid_out(function(input.coefficients, dims, keepdim), input.extent, (first, second))
    pixels = function(to_pixels(input), dims, keepdim)
    return from_pixels(pixels, (first, second)) if not taken or (keepdim and len(taken) == 1) else pixels


def reduce_mean(input: Maps, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Maps | Tensor:
    """Average over axes: over others than the pixels' on the coefficients.

    Args:
        input: The feature map.
        dim: As in ``torch.mean``.
        keepdim: Likewise.

    Returns:
        A feature map while both pixel axes are there, also where one of them was averaged with `keepdim`; else pixels.
    """
    return _reduce(input, dim, keepdim, torch.mean, linear=True)


def reduce_sum(input: Maps, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Maps | Tensor:
    """Add up over axes: over others than the pixels' on the coefficients.

    Args:
        input: The feature map.
        dim: As in ``torch.sum``.
        keepdim: Likewise.

    Returns:
        As for `reduce_mean`.
    """
    return _reduce(input, dim, keepdim, torch.sum, linear=True)


def reduce_amax(input: Maps, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Maps | Tensor:
    """Take the largest value over axes, J∘max∘J̃.

    Args:
        input: The feature map.
        dim: As in ``torch.amax``.
        keepdim: Likewise.

    Returns:
        As for `reduce_mean`.
    """
    return _reduce(input, dim, keepdim, torch.amax, linear=False)
