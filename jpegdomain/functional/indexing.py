"""Indexing: images and channels on the coefficients as they are, pixels as J∘(slice)∘J̃."""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any, TypeAlias

from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.table import implements

from .maps import alone
from .pixels import decode, encode

__all__ = ["Index", "getitem", "kept_axes", "pixel_index", "takes_pixels"]

Index: TypeAlias = int | slice | EllipsisType | Tensor | Sequence[int] | None
"""One part of a tensor's index."""


def _parts(index: Index | tuple[Index, ...], ndim: int) -> list[Index]:
    """One part per axis that the index takes, and None for each that it inserts."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(part is not None and part is not ... for part in parts)
    place = next((i for i, part in enumerate(parts) if part is ...), len(parts))
    rest: list[Index] = [slice(None)] * (ndim - taken)
    return parts[:place] + rest + parts[place + 1 :]


def kept_axes(
    index: Index | tuple[Index, ...], ndim: int = 4, axes: tuple[int, int] = (2, 3)
) -> tuple[int, int] | None:
    """Say where the pixel axes lie after indexing.

    Args:
        index: As for a tensor.
        ndim: Of the feature map.
        axes: Positions of its pixel axes.

    Returns:
        Two positions if the index takes other axes only, by numbers and slices, so that `getitem` works on the
        coefficients as they are; else None.
    """
    axis, after = 0, 0
    found: list[int] = []
    for part in _parts(index, ndim):
        if part is None:
            after += 1
            continue
        if axis in axes:
            if not (isinstance(part, slice) and part == slice(None)):
                return None
            found.append(after)
        elif isinstance(part, bool) or not isinstance(part, (int, slice)):
            return None
        after += not isinstance(part, int)
        axis += 1
    return found[0], found[1]


def takes_pixels(index: Index | tuple[Index, ...], ndim: int = 4, axes: tuple[int, int] = (2, 3)) -> bool:
    """Say whether an index takes one row or one column, so that the result is no feature map.

    Args:
        index: As for a tensor.
        ndim: Of the feature map.
        axes: Positions of its pixel axes.

    Returns:
        Whether there is a number for a pixel axis.
    """
    taken = [part for part in _parts(index, ndim) if part is not None]
    return any(isinstance(taken[axis], int) for axis in axes)


def _keeps_axes(input: Any, index: Any) -> bool:
    return alone(input, index) and kept_axes(index, input.ndim, input.axes) is not None


@implements("__getitem__", accepts=_keeps_axes)
def getitem(input: Activation, index: Index | tuple[Index, ...]) -> Activation:
    """Index: images and channels by numbers and slices on the coefficients, anything else as J∘(slice)∘J̃.

    Args:
        input: The feature map.
        index: As for a tensor of its shape.

    Returns:
        A feature map, (n, c, h, w) if the index took pixels.

    Raises:
        InputError: If the index takes pixels and the result has not four axes.
    """
    axes = kept_axes(index, input.ndim, input.axes)
    if axes is not None:
        return input.moved(lambda values: values[index], axes=axes)
    pixels = decode(input)[index]
    if pixels.dim() != 4:
        raise InputError(f"indexing by {index!r} leaves {pixels.dim()} of a feature map's 4 axes; decode it first")
    return encode(pixels, like=input)


def pixel_index(input: Activation, index: Index | tuple[Index, ...]) -> Tensor:
    """Leave the transform domain and index.

    Args:
        input: The feature map.
        index: As for a tensor of its shape.

    Returns:
        Pixels.
    """
    return decode(input)[index]
