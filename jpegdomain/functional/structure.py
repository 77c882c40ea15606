"""Addition, multiplication, concatenation and padding: torch's own, on the coefficients wherever that is exact."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.table import implements
from jpegdomain.transform import affine

from .maps import alone, ones_along, plain
from .pixels import decode, encode, pixels_of

__all__ = ["add", "cat", "div", "mul", "neg", "pad", "sub"]

Operand: TypeAlias = Activation | Tensor | float


def _from_the_end(x: Activation) -> tuple[int, int]:
    """Positions of the pixel axes as negative numbers, which broadcasting does not move."""
    return x.axes[0] - x.ndim, x.axes[1] - x.ndim


def _alike(one: Activation, other: Activation) -> bool:
    """Whether the pixels of two activations lie on the same blocks along the same axes."""
    return one.extent == other.extent and _from_the_end(one) == _from_the_end(other)


def _is_spread(value: Any, x: Any) -> TypeGuard[Tensor | float]:
    """Whether a real factor or summand is the same for every pixel: a number, or of size 1 along the pixel axes."""
    if not isinstance(x, Activation):
        return False
    if isinstance(value, (int, float, torch.SymInt, torch.SymFloat)):
        return True
    if not isinstance(value, Tensor) or value.is_complex():
        return False
    return all(value.dim() < -axis or value.shape[axis] == 1 for axis in _from_the_end(x))


def _adds(input: Any, other: Any, *, alpha: Any = 1) -> bool:
    """Whether a sum needs no pixels."""
    if isinstance(input, Activation) and isinstance(other, Activation):
        return isinstance(alpha, (int, float)) and _alike(input, other)
    return isinstance(alpha, (int, float)) and (_is_spread(other, input) or _is_spread(input, other))


def _scales(input: Any, other: Any) -> bool:
    """Whether a product needs no pixels."""
    return _divides(input, other) or _divides(other, input)


def _divides(input: Any, other: Any) -> bool:
    """Whether a quotient needs no pixels."""
    return _is_spread(_collapsed(other, input), input)


def _collapsed(value: Any, x: Any) -> Any:
    """A tensor as it was before it was expanded along the activation's last two axes: one factor for every pixel."""
    if isinstance(value, Tensor) and value.dim() > 1 and value.stride()[-2:] == (0, 0):
        return value[..., :1, :1] if isinstance(x, Activation) and value.shape[-2:] == x.shape[-2:] else value
    return value


def _per_channel(value: Tensor | float, x: Activation) -> Tensor | None:
    """The value as (c,) if it is the same for every image and pixel of (n, c, h, w), else None."""
    channels = x.shape[1]
    if not isinstance(value, Tensor):
        return x.coefficients.new_full((channels,), value)
    if value.dim() == 0:
        # As in torch, a 0-d tensor does not determine the dtype.
        return value.to(x.dtype).expand(channels)
    one_each = value.dim() in (3, 4) and value.shape[-3] == value.numel() == channels
    return value.reshape(-1).expand(channels) if one_each or (value.numel() == 1 and value.dim() < 5) else None


def _on_pixels(operation: Callable[[Any, Any], Tensor], input: Operand, other: Operand) -> Activation:
    """J∘(operation)∘J̃ of any two operands; the pixel axes are those of the operand with more axes."""
    maps = [x for x in (input, other) if isinstance(x, Activation)]
    if not maps:
        raise InputError("one of the operands must be an Activation")
    sizes = [set(sizes) - {1} for sizes in zip(*(x.extent for x in maps), strict=True)]
    if any(len(different) > 1 for different in sizes):
        listed = ", ".join(str(extent) for extent in sorted(x.extent for x in maps))
        raise ExtentMismatchError(f"activations of different extents cannot be combined: {listed}")
    widest = max(maps, key=lambda x: x.ndim)
    result = operation(*(decode(x) if isinstance(x, Activation) else x for x in (input, other)))
    return encode(result, axes=_from_the_end(widest), like=widest)


def _made(x: Activation, coefficients: Tensor) -> Activation:
    """A result, whose other axes may have been broadcast."""
    return x.replace(coefficients, axes=_from_the_end(x))


@implements("add", "__add__", "__radd__", accepts=_adds, anywhere=True)
def add(input: Operand, other: Operand, *, alpha: float = 1, inplace: bool = False) -> Activation:
    """``torch.add``: J(F + G) = J(F) + J(G), eq. (25); constants are added through J(1).

    One operand is an activation, the other an activation, pixels or a number. If both are activations, `inplace` lets
    the first be overwritten; it is ignored while gradients are recorded.

    Returns:
        An activation.
    """
    if isinstance(input, Activation) and isinstance(other, Activation) and _alike(input, other):
        widest = input if input.ndim >= other.ndim else other
        if inplace and not torch.is_grad_enabled() and input.shape == other.shape and input.dtype == other.dtype:
            return input.replace(input.coefficients.add_(other.coefficients, alpha=alpha))
        return _made(widest, torch.add(input.coefficients, other.coefficients, alpha=alpha))
    if isinstance(input, Activation) and _is_spread(other, input):
        shift = _per_channel(other, input) if plain(input) else None
        if shift is None:
            return _made(input, input.coefficients + alpha * other * ones_along(input))
        wide = input.coefficients.to(torch.promote_types(input.dtype, shift.dtype))
        return input.replace(affine(wide, input.extent, None, shift * alpha))
    if isinstance(other, Activation) and _is_spread(input, other):
        return add(other if alpha == 1 else mul(other, alpha), input)
    return _on_pixels(lambda one, two: torch.add(one, two, alpha=alpha), input, other)


@implements("sub", "subtract", "__sub__", accepts=_adds, anywhere=True)
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Activation:
    """``torch.sub``: `add` with the factor −alpha."""
    return add(input, other, alpha=-alpha)


@implements("rsub", "__rsub__", accepts=_adds, anywhere=True)
def _rsub(input: Operand, other: Operand, *, alpha: float = 1) -> Activation:
    return add(other, input, alpha=-alpha)


@implements("mul", "multiply", "__mul__", "__rmul__", accepts=_scales, anywhere=True)
def mul(input: Operand, other: Operand) -> Activation:
    """``torch.mul``: directly if a factor is the same for every pixel, eq. (24), else as J∘(product)∘J̃, eq. (16)."""
    for one, two in ((input, other), (other, input)):
        if isinstance(one, Activation) and _is_spread(factor := _collapsed(two, one), one):
            return _made(one, one.coefficients * factor)
    return _on_pixels(operator.mul, input, other)


@implements("div", "divide", "true_divide", "__truediv__", accepts=_divides, anywhere=True)
def div(input: Operand, other: Operand) -> Activation:
    """``torch.div``: directly if the divisor is the same for every pixel, else as J∘(quotient)∘J̃; as in `mul`."""
    if isinstance(input, Activation) and _is_spread(other := _collapsed(other, input), input):
        return _made(input, input.coefficients / other)
    return _on_pixels(operator.truediv, input, other)


@implements("neg", "negative", "__neg__", accepts=alone)
def neg(input: Activation) -> Activation:
    """``torch.neg``."""
    return input.moved(torch.neg)


@implements("positive", "__pos__", accepts=alone)
def _pos(input: Activation) -> Activation:
    return input


def _joins(tensors: Any, dim: Any = 0) -> bool:
    """Whether feature maps can be joined along an axis without their pixels."""
    parts = list(tensors)
    if not isinstance(dim, int) or not all(isinstance(x, Activation) for x in parts):
        return False
    first = parts[0]
    same = all((x.ndim, x.axes, x.extent) == (first.ndim, first.axes, first.extent) for x in parts)
    return same and dim % first.ndim not in first.axes


@implements("cat", "concat", "concatenate", accepts=_joins)
def cat(tensors: Sequence[Activation | Tensor], dim: int = 0) -> Activation:
    """``torch.cat``: on the coefficients, or as J∘cat∘J̃ along pixel axes; plain tensors are encoded.

    Returns:
        A feature map.

    Raises:
        ExtentMismatchError: If the extents differ.
        InputError: If there is no activation among them, or their axes differ.
    """
    like = next((x for x in tensors if isinstance(x, Activation)), None)
    if like is None:
        raise InputError("one of the tensors must be an Activation")
    parts = [x if isinstance(x, Activation) else encode(x, axes=like.axes, like=like) for x in tensors]
    if len({(x.ndim, *x.axes) for x in parts}) > 1:
        raise InputError("cat takes activations with the same axes: permute them to the same order first")
    first = parts[0]
    if dim % first.ndim in first.axes:
        return encode(torch.cat([decode(x) for x in parts], dim), axes=first.axes, like=first)
    if len(extents := {x.extent for x in parts}) > 1:
        listed = ", ".join(str(extent) for extent in sorted(extents))
        raise ExtentMismatchError(f"activations of different extents cannot be combined: {listed}")
    if not any(x.has_coefficients for x in parts):
        return Activation.from_pixels(torch.cat([pixels_of(x) for x in parts], dim), first.axes, first)
    return first.replace(torch.cat([x.coefficients for x in parts], dim))


def _pads_others(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> bool:
    return plain(input) and mode == "constant" and not value and not any(pad[:4])


@implements("pad", accepts=_pads_others)
def pad(input: Activation, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Activation:
    """``torch.nn.functional.pad``: on the coefficients for zeros along channels and images, else as J∘pad∘J̃."""
    if _pads_others(input, pad, mode, value):
        return input.replace(F.pad(input.coefficients, list(pad)))
    return encode(F.pad(decode(input), list(pad), mode, value), like=input)
