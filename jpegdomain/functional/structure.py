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

__all__ = ["add", "cat", "flatten", "getitem", "mul", "pad", "reshape"]

Operand: TypeAlias = Activation | Tensor | float
_Index: TypeAlias = int | slice | EllipsisType | Tensor | None


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


def add(x: Operand, y: Operand, *, alpha: float = 1) -> Activation:
    """Add, J(F + G) = J(F) + J(G), eq. (25); constants are added through J(1).

    Args:
        x: An activation, or with the other an activation: pixels or a number.
        y: Likewise.
        alpha: Factor of `y`, as in ``torch.add``.

    Returns:
        An activation.

    Raises:
        InputError: If neither is an activation.
    """
    if isinstance(x, Activation) and isinstance(y, Activation):
        if x.extent != y.extent and (1, 1) in (x.extent, y.extent):
            return encode(torch.add(decode(x), decode(y), alpha=alpha))
        _equal_extents([x, y])
        return Activation(torch.add(x.coefficients, y.coefficients, alpha=alpha), x.extent)
    if isinstance(y, Activation):
        return add(mul(y, alpha), x)
    if not isinstance(x, Activation):
        raise InputError("add needs an Activation among its operands")
    shift = _per_channel(y, x)
    if shift is None:
        return encode(torch.add(decode(x), y, alpha=alpha))
    return Activation(affine(x.coefficients, x.extent, None, shift * alpha), x.extent)


def mul(x: Operand, y: Operand) -> Activation:
    """Multiply: by one factor per image and channel directly, eq. (24), by pixels as J∘(product)∘J̃, eq. (16).

    Args:
        x: An activation, or with the other an activation: pixels or a number.
        y: Likewise.

    Returns:
        An activation.

    Raises:
        InputError: If neither is an activation.
    """
    if not isinstance(x, Activation):
        if not isinstance(y, Activation):
            raise InputError("mul needs an Activation among its operands")
        x, y = y, x
    if isinstance(y, Activation):
        return encode(decode(x) * decode(y))
    if isinstance(y, Tensor) and y.numel() != 1 and (y.dim() < 3 or y.shape[-2:] != (1, 1)):
        return encode(decode(x) * y)
    return Activation(x.coefficients * y, x.extent)


def cat(tensors: Sequence[Activation], dim: int = 0) -> Activation:
    """Concatenate along images or channels on the coefficients, along pixels as J∘cat∘J̃.

    Args:
        tensors: Activations.
        dim: As in ``torch.cat``.

    Returns:
        An activation.
    """
    if dim % 4 > 1:
        return encode(torch.cat([decode(x) for x in tensors], dim))
    _equal_extents(tensors)
    return Activation(torch.cat([x.coefficients for x in tensors], dim), tensors[0].extent)


def getitem(x: Activation, index: _Index | tuple[_Index, ...]) -> Activation:
    """Index: images and channels by slices on the coefficients, pixels by slices as J∘(slice)∘J̃.

    Args:
        x: The activation.
        index: As for a tensor (n, c, h, w), if the result has four axes.

    Returns:
        An activation.

    Raises:
        InputError: If the result is not a feature map (n, c, h, w).
    """
    parts = index if isinstance(index, tuple) else (index,)
    front = len(parts) <= 2 or all(isinstance(part, slice) and part == slice(None) for part in parts[2:])
    if front and all(isinstance(part, slice) for part in parts[:2]):
        return Activation(x.coefficients[parts[:2]], x.extent)
    pixels = decode(x)[index]
    if pixels.dim() != 4:
        raise InputError(f"indexing by {index!r} leaves {pixels.dim()} of a feature map's 4 axes; decode it first")
    return encode(pixels)


def pad(x: Activation, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Activation:
    """Pad: channels and images by zeros on the coefficients, anything else as J∘pad∘J̃.

    Args:
        x: The activation.
        pad: As in ``torch.nn.functional.pad``: (left, right, top, bottom, front, back, …).
        mode: Likewise.
        value: Likewise.

    Returns:
        An activation.
    """
    if mode == "constant" and not value and not any(pad[:4]):
        return Activation(F.pad(x.coefficients, list(pad)), x.extent)
    return encode(F.pad(decode(x), list(pad), mode, value))


def flatten(x: Activation, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Leave the transform domain and flatten.

    Args:
        x: The activation.
        start_dim: As in ``torch.flatten``.
        end_dim: Likewise.

    Returns:
        Pixels.
    """
    return decode(x).flatten(start_dim, end_dim)


def reshape(x: Activation, *shape: int | Sequence[int]) -> Tensor:
    """Leave the transform domain and reshape; also what ``view`` becomes.

    Args:
        x: The activation.
        *shape: As in ``torch.Tensor.reshape``.

    Returns:
        Pixels.
    """
    sizes = [size for part in shape for size in ([part] if isinstance(part, int) else part)]
    return decode(x).reshape(sizes)
