"""Addition, multiplication, concatenation and padding: torch's own on coefficients wherever that is exact."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.rearranged import Rearranged

from .maps import Maps, from_pixels, laid_out, ones_along, pixel_axes, to_pixels
from .transform import affine, decode, encode

__all__ = ["add", "cat", "div", "mul", "neg", "pad", "sub"]

Operand: TypeAlias = Maps | Tensor | float


def _equal_extents(activations: Sequence[Maps]) -> None:
    extents = {x.extent for x in activations}
    if len(extents) > 1:
        listed = ", ".join(str(extent) for extent in sorted(extents))
        raise ExtentMismatchError(f"activations of different extents cannot be combined: {listed}")


def _per_channel(value: Tensor | float, x: Activation) -> Tensor | None:
    """The value as (c,) if it is the same for every image and pixel, else None."""
    if not isinstance(value, Tensor):
        return x.coefficients.new_full((x.coefficients.shape[1],), value)
    channels = x.coefficients.shape[1]
    if value.dim() == 0:
        # As in torch, a number in a tensor does not decide on the dtype.
        return value.to(x.dtype).expand(channels)
    one_each = value.dim() in (3, 4) and value.shape[-3] == value.numel() == channels
    return value.reshape(-1).expand(channels) if one_each or value.numel() == 1 else None


def _collapsed(value: Operand) -> Operand:
    """A tensor that was expanded along the last two axes as it was before: the same factor for every pixel."""
    if isinstance(value, Tensor) and value.dim() > 1 and value.stride()[-2:] == (0, 0):
        return value[..., :1, :1]
    return value


def _free_of_pixels(value: Operand, x: Rearranged) -> bool:
    """Whether a constant is the same for every pixel: numbers, and sizes of one along the pixel axes."""
    if not isinstance(value, Tensor):
        return not isinstance(value, (Activation, Rearranged))
    if value.dim() > x.ndim:
        return False
    return all(x.ndim - axis > value.dim() or value.shape[axis - x.ndim] == 1 for axis in x.axes)


def _on_pixels(operation: Callable[[Any, Any], Tensor], input: Operand, other: Operand) -> Maps:
    """J∘(operation)∘J̃ of any two operands; the pixel axes stay those of the one with the most axes."""
    maps = [x for x in (input, other) if isinstance(x, (Activation, Rearranged))]
    widest = max(maps, key=lambda x: x.ndim)
    result = operation(*(to_pixels(x) if isinstance(x, (Activation, Rearranged)) else x for x in (input, other)))
    first, second = (axis + result.dim() - widest.ndim for axis in pixel_axes(widest))
    return from_pixels(result, (first, second))


def _add_rearranged(input: Operand, other: Operand, alpha: float) -> Maps:
    if (
        isinstance(input, Rearranged)
        and isinstance(other, Rearranged)
        and (input.axes, input.extent, input.ndim) == (other.axes, other.extent, other.ndim)
    ):
        total = torch.add(input.coefficients, other.coefficients, alpha=alpha)
        return laid_out(total, input.extent, input.axes)
    if isinstance(input, Rearranged) and _free_of_pixels(other, input):
        shift = torch.as_tensor(other, dtype=input.dtype, device=input.device)
        return laid_out(input.coefficients + alpha * shift * ones_along(input), input.extent, input.axes)
    if isinstance(other, Rearranged) and _free_of_pixels(input, other):
        return _add_rearranged(mul(other, alpha), input, 1)
    return _on_pixels(lambda one, two: one + alpha * two, input, other)


def add(input: Operand, other: Operand, *, alpha: float = 1, inplace: bool = False) -> Maps:
    """Add, J(F + G) = J(F) + J(G), eq. (25); constants are added through J(1).

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.
        alpha: Factor of `other`, as in ``torch.add``.
        inplace: Whether `input` may be written over where both are activations; without effect while gradients are
            recorded.

    Returns:
        An activation.

    Raises:
        InputError: If neither is an activation.
    """
    if isinstance(input, Rearranged) or isinstance(other, Rearranged):
        return _add_rearranged(input, other, alpha)
    if isinstance(input, Activation) and isinstance(other, Activation):
        if input.extent != other.extent and (1, 1) in (input.extent, other.extent):
            return encode(torch.add(decode(input), decode(other), alpha=alpha))
        _equal_extents([input, other])
        if inplace and not torch.is_grad_enabled() and input.shape == other.shape and input.dtype == other.dtype:
            return Activation(input.coefficients.add_(other.coefficients, alpha=alpha), input.extent)
        return Activation(torch.add(input.coefficients, other.coefficients, alpha=alpha), input.extent)
    if isinstance(other, Activation):
        return add(mul(other, alpha), input)
    if not isinstance(input, Activation):
        raise InputError("add needs an Activation among its operands")
    shift = _per_channel(other, input)
    if shift is None:
        return encode(torch.add(decode(input), other, alpha=alpha))
    wide = input.coefficients.to(torch.promote_types(input.dtype, shift.dtype))
    return Activation(affine(wide, input.extent, None, shift * alpha), input.extent)


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Maps:
    """Subtract, `add` with the factor −alpha.

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.
        alpha: Factor of `other`, as in ``torch.sub``.

    Returns:
        An activation.
    """
    return add(input, other, alpha=-alpha)


def mul(input: Operand, other: Operand) -> Maps:
    """Multiply: by one factor per image and channel directly, eq. (24), by pixels as J∘(product)∘J̃, eq. (16).

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.

    Returns:
        An activation.

    Raises:
        InputError: If neither is an activation.
    """
    input, other = _collapsed(input), _collapsed(other)
    for one, two in ((input, other), (other, input)):
        if isinstance(one, Rearranged) and _free_of_pixels(two, one):
            return laid_out(one.coefficients * two, one.extent, one.axes)  # type: ignore[operator]
    if isinstance(input, Rearranged) or isinstance(other, Rearranged):
        return _on_pixels(operator.mul, input, other)
    if not isinstance(input, Activation):
        if not isinstance(other, Activation):
            raise InputError("mul needs an Activation among its operands")
        input, other = other, input
    if isinstance(other, Activation):
        return encode(decode(input) * decode(other))
    if isinstance(other, Tensor) and other.numel() != 1 and (other.dim() < 3 or other.shape[-2:] != (1, 1)):
        return encode(decode(input) * other)
    return Activation(input.coefficients * other, input.extent)


def div(input: Operand, other: Operand) -> Maps:
    """Divide: by one divisor per image and channel directly, else as J∘(quotient)∘J̃.

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.

    Returns:
        An activation.
    """
    if isinstance(input, (Activation, Rearranged)) and not isinstance(other, (Activation, Rearranged)):
        return mul(input, 1 / other)
    return _on_pixels(operator.truediv, input, other)


def neg(input: Maps) -> Maps:
    """Change the sign.

    Args:
        input: The activation.

    Returns:
        An activation.
    """
    return mul(input, -1.0)


def cat(tensors: Sequence[Maps], dim: int = 0) -> Maps:
    """Concatenate along pixels as J∘cat∘J̃, along all other axes on the coefficients.

    Args:
        tensors: Feature maps with the same axes.
        dim: As in ``torch.cat``.

    Returns:
        A feature map.

    Raises:
        InputError: If some are plain tensors, or their axes differ.
    """
    if not all(isinstance(x, (Activation, Rearranged)) for x in tensors):
        raise InputError("cat takes activations only: encode the pixels among them first")
    if len({(x.ndim, *pixel_axes(x)) for x in tensors}) > 1:
        raise InputError("cat takes activations with the same axes only: permute them alike first")
    axes = pixel_axes(tensors[0])
    if dim % tensors[0].ndim in axes:
        return from_pixels(torch.cat([to_pixels(x) for x in tensors], dim), axes)
    _equal_extents(tensors)
    return laid_out(torch.cat([x.coefficients for x in tensors], dim), tensors[0].extent, axes)


def pad(input: Activation, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Activation:
    """Pad: channels and images by zeros on the coefficients, anything else as J∘pad∘J̃.

    Args:
        input: The activation.
        pad: As in ``torch.nn.functional.pad``: (left, right, top, bottom, front, back, …).
        mode: Likewise.
        value: Likewise.

    Returns:
        An activation.
    """
    if mode == "constant" and not value and not any(pad[:4]):
        return Activation(F.pad(input.coefficients, list(pad)), input.extent)
    return encode(F.pad(decode(input), list(pad), mode, value))
