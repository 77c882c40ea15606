"""Addition, multiplication, concatenation, slicing and padding: torch's own on coefficients wherever that is exact."""

from collections.abc import Sequence
from types import EllipsisType
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError, InputError

from .transform import affine, decode, encode

__all__ = ["add", "cat", "div", "flatten", "getitem", "keeps_blocks", "mul", "neg", "pad", "reshape", "sub"]

Operand: TypeAlias = Activation | Tensor | float
Index: TypeAlias = int | slice | EllipsisType | Tensor | None
"""One part of a tensor's index."""


def _equal_extents(activations: Sequence[Activation]) -> None:
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


def add(input: Operand, other: Operand, *, alpha: float = 1, inplace: bool = False) -> Activation:
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


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Activation:
    """Subtract, `add` with the factor −alpha.

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.
        alpha: Factor of `other`, as in ``torch.sub``.

    Returns:
        An activation.
    """
    return add(input, other, alpha=-alpha)


def mul(input: Operand, other: Operand) -> Activation:
    """Multiply: by one factor per image and channel directly, eq. (24), by pixels as J∘(product)∘J̃, eq. (16).

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.

    Returns:
        An activation.

    Raises:
        InputError: If neither is an activation.
    """
    if not isinstance(input, Activation):
        if not isinstance(other, Activation):
            raise InputError("mul needs an Activation among its operands")
        input, other = other, input
    if isinstance(other, Activation):
        return encode(decode(input) * decode(other))
    if isinstance(other, Tensor) and other.numel() != 1 and (other.dim() < 3 or other.shape[-2:] != (1, 1)):
        return encode(decode(input) * other)
    return Activation(input.coefficients * other, input.extent)


def div(input: Operand, other: Operand) -> Activation:
    """Divide: by one divisor per image and channel directly, else as J∘(quotient)∘J̃.

    Args:
        input: An activation, or with the other an activation: pixels or a number.
        other: Likewise.

    Returns:
        An activation.
    """
    if isinstance(input, Activation) and not isinstance(other, Activation):
        return mul(input, 1 / other)
    pixels = [decode(value) if isinstance(value, Activation) else value for value in (input, other)]
    return encode(torch.as_tensor(pixels[0] / pixels[1]))


def neg(input: Activation) -> Activation:
    """Change the sign.

    Args:
        input: The activation.

    Returns:
        An activation.
    """
    return mul(input, -1.0)


def cat(tensors: Sequence[Activation], dim: int = 0) -> Activation:
    """Concatenate along images or channels on the coefficients, along pixels as J∘cat∘J̃.

    Args:
        tensors: Activations.
        dim: As in ``torch.cat``.

    Returns:
        An activation.

    Raises:
        InputError: If not all of them are activations.
    """
    if not all(isinstance(x, Activation) for x in tensors):
        raise InputError("cat takes activations only: encode the pixels among them first")
    if dim % 4 > 1:
        return encode(torch.cat([decode(x) for x in tensors], dim))
    _equal_extents(tensors)
    return Activation(torch.cat([x.coefficients for x in tensors], dim), tensors[0].extent)


def keeps_blocks(index: Index | tuple[Index, ...]) -> bool:
    """Say whether an index takes images and channels only, by slices.

    Args:
        index: As for a tensor (n, c, h, w).

    Returns:
        Whether `getitem` works on the coefficients as they are.
    """
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, slice) for part in parts[:2]) and all(
        isinstance(part, slice) and part == slice(None) for part in parts[2:]
    )


def getitem(input: Activation, index: Index | tuple[Index, ...]) -> Activation:
    """Index: images and channels by slices on the coefficients, pixels by slices as J∘(slice)∘J̃.

    Args:
        input: The activation.
        index: As for a tensor (n, c, h, w), if the result has four axes.

    Returns:
        An activation.

    Raises:
        InputError: If the result is not a feature map (n, c, h, w).
    """
    if keeps_blocks(index):
        front = index[:2] if isinstance(index, tuple) else index
        return Activation(input.coefficients[front], input.extent)
    pixels = decode(input)[index]
    if pixels.dim() != 4:
        raise InputError(f"indexing by {index!r} leaves {pixels.dim()} of a feature map's 4 axes; decode it first")
    return encode(pixels)


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


def flatten(input: Activation, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Leave the transform domain and flatten.

    Args:
        input: The activation.
        start_dim: As in ``torch.flatten``.
        end_dim: Likewise.

    Returns:
        Pixels.
    """
    return decode(input).flatten(start_dim, end_dim)


def reshape(input: Activation, *shape: int | Sequence[int]) -> Tensor:
    """Leave the transform domain and reshape; also what ``view`` becomes.

    Args:
        input: The activation.
        *shape: As in ``torch.Tensor.reshape``.

    Returns:
        Pixels.
    """
    sizes = [size for part in shape for size in ([part] if isinstance(part, int) else part)]
    return decode(input).reshape(sizes)
