"""Linear maps over axes other than the pixel axes: directly on the coefficients."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import BLOCK
from jpegdomain.table import implements

from .maps import alone, island, ones_along
from .pixels import decode, encode

__all__ = ["linear", "reduce_amax", "reduce_mean", "reduce_sum"]


def _maps_others(input: Any, weight: Any, bias: Any = None) -> bool:
    return alone(input, weight, bias) and input.ndim - 1 not in input.axes


@implements(F.linear, accepts=_maps_others)
def linear(input: Activation, weight: Tensor, bias: Tensor | None = None) -> Activation:
    """Map the last axis by a matrix (c', c), J(Wx + b) = W·J(x) + b·J(1); as J∘W∘J̃ if it is a pixel axis."""
    axes = input.axes
    if input.ndim - 1 in axes:
        return island(input, lambda pixels: F.linear(pixels, weight, bias))
    coefficients = F.linear(input.coefficients, weight)
    if bias is not None:
        coefficients = coefficients + (bias * ones_along(input)).to(coefficients.dtype)
    return input.replace(coefficients)


def _reduce(
    input: Activation, dim: int | Sequence[int] | None, keepdim: bool, function: Callable[..., Tensor], linear: bool
) -> Activation | Tensor:
    axes = input.axes
    dims = sorted({one % input.ndim for one in ([dim] if isinstance(dim, int) else dim or range(input.ndim))})
    taken = set(dims) & set(axes)
    first, second = (axis if keepdim else axis - sum(one < axis for one in dims) for axis in axes)
    if not taken and linear:
        return input.replace(function(input.coefficients, dims, keepdim), axes=(first, second))
    if len(taken) == 2 and linear:
        return _from_dc(input, dims, keepdim, function)
    pixels = function(decode(input), dims, keepdim)
    return encode(pixels, axes=(first, second), like=input) if not taken or (keepdim and len(taken) == 1) else pixels


def _from_dc(input: Activation, dims: Sequence[int], keepdim: bool, function: Callable[..., Tensor]) -> Tensor:
    """Sums and means over both pixel axes: a block's orthonormal DC is an eighth of the sum of its pixels."""
    dc = input.coefficients
    for axis in input.axes:
        dc = dc[(slice(None),) * axis + (slice(None, None, BLOCK),)]
    total = function(dc, dims, keepdim) * BLOCK
    if function is torch.sum:
        return total
    blocks, size = input.extent.blocks, input.extent
    return total * (blocks[0] * blocks[1] / (size.height * size.width))


def _reduces(input: Any, dim: Any = None, keepdim: Any = False) -> bool:
    """Whether a sum or mean needs no pixels: over other axes than theirs, or over both of them."""
    if not alone(input, dim, keepdim) or not math.prod(input.shape):
        return False
    if isinstance(dim, int):
        return dim % input.ndim not in input.axes
    dims = {one % input.ndim for one in dim or range(input.ndim)}
    return len(dims & set(input.axes)) != 1


@implements("mean", accepts=_reduces, anywhere=True)
def reduce_mean(
    input: Activation, dim: int | Sequence[int] | None = None, keepdim: bool = False
) -> Activation | Tensor:
    """``torch.mean``: over both pixel axes from DC, over others on the coefficients.

    Returns:
        A feature map if both pixel axes are left, even if one was averaged with `keepdim`; otherwise pixels.
    """
    return _reduce(input, dim, keepdim, torch.mean, linear=True)


@implements("sum", accepts=_reduces, anywhere=True)
def reduce_sum(input: Activation, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Activation | Tensor:
    """``torch.sum``, as `reduce_mean`."""
    return _reduce(input, dim, keepdim, torch.sum, linear=True)


def reduce_amax(
    input: Activation, dim: int | Sequence[int] | None = None, keepdim: bool = False
) -> Activation | Tensor:
    """``torch.amax``, J∘max∘J̃; the result is as for `reduce_mean`."""
    return _reduce(input, dim, keepdim, torch.amax, linear=False)
