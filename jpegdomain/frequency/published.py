"""The sets of Xu et al. (CVPR 2020), squares, triangles and the learned one; and sets by score."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .channel_set import CHANNELS, ChannelSet, Order

__all__ = ["LEARNED_24", "all_channels", "published", "square", "top", "triangle"]

_SQUARES: Final[dict[int, tuple[Sequence[int], Sequence[int]]]] = {
    6: ((2, 2), (1,)),
    12: ((3, 3, 2), (2,)),
    24: ((4, 4, 4, 4), (2, 2)),
    32: ((5, 5, 5, 4, 3), (3, 2)),
    48: ((6, 6, 6, 6, 4, 4), (3, 3, 2)),
    64: ((7, 7, 6, 6, 6, 6, 6), (3, 3, 2, 2)),
}
"""For each number of channels, how many first columns of rows 0, 1, 2, … are kept: of luma, and of each chroma."""

LEARNED_24: Final = ChannelSet(
    (*range(6), 8, 9, 10, 16, 17, 18, 24, 32), (0, 1, 3, 8, 24), (0, 1, 3, 8, 24), "row-major", "24D"
)
"""The set that Xu et al.'s gate learned on ImageNet, from their released code."""


def all_channels() -> ChannelSet:
    """All 192 channels, row-major."""
    every = tuple(range(BLOCK * BLOCK))
    return ChannelSet(every, every, every, name="DCT-192")


def square(channels: int) -> ChannelSet:
    """Keep approximately a square of low frequencies of each component, at least two thirds of the channels from luma.

    The sets of 6, 24, 32, 48 and 64 are those of Xu et al.'s released code. It lacks the set of 12 that is in their
    table 2: ours divides 12 like 24 and 48, with 8 channels of luma and 2 of each chroma component.

    Args:
        channels: 6, 12, 24, 32, 48, 64 or 192.

    Returns:
        The set, row-major.
    """
    if channels == CHANNELS:
        return all_channels()
    luma, chroma = _shape(channels)
    return ChannelSet(_columns(luma), _columns(chroma), _columns(chroma), "row-major", f"{channels}S")


def triangle(channels: int) -> ChannelSet:
    """Keep the lowest spatial frequencies α+β of each component.

    Xu et al. did not publish their triangles. These have as many channels of each component as the square of the same
    size, namely the first ones in zigzag order.

    Args:
        channels: 6, 12, 24, 32, 48, 64 or 192.

    Returns:
        The set, row-major.
    """
    if channels == CHANNELS:
        return all_channels()
    y, cb = (tuple(range(sum(part))) for part in _shape(channels))
    return ChannelSet(y, cb, cb, "zigzag", f"{channels}T").in_order("row-major")


def top(scores: Tensor, channels: int, order: Order = "row-major", name: str = "") -> ChannelSet:
    """Keep the channels with the highest scores, for example how often a trained gate kept them.

    Args:
        scores: (192,), by channel number 64·component + frequency; ties go to the lower number.
        channels: How many channels to keep, 1…192.
        order: How frequencies are numbered, in `scores` and in the set.
        name: The set's name.

    Returns:
        The set.

    Raises:
        InputError: If there are not 192 scores, one is NaN, or `channels` is out of range.
    """
    if tuple(scores.shape) != (CHANNELS,):
        raise InputError(f"scores must be one for each of {CHANNELS} channels, got the shape {tuple(scores.shape)}")
    if scores.isnan().any():
        raise InputError(f"scores must be numbers, got NaN for {int(scores.isnan().sum())} channels")
    if not isinstance(channels, int) or not 1 <= channels <= CHANNELS:
        raise InputError(f"channels must be 1…{CHANNELS}, got {channels!r}")
    best = torch.sort(scores, descending=True, stable=True).indices[:channels]
    return ChannelSet.of_indices(best.tolist(), order, name)


def published(name: str) -> ChannelSet:
    """Return a set by its name in Xu et al.'s tables: '6S' … '64S', '6T' … '64T', '24D' or 'DCT-192'.

    Raises:
        InputError: If no set has this name.
    """
    if name == LEARNED_24.name:
        return LEARNED_24
    if name == "DCT-192":
        return all_channels()
    maker = {"S": square, "T": triangle}.get(name[-1:]) if isinstance(name, str) else None
    if maker is None or not name[:-1].isdecimal():
        known = ", ".join(map(str, _SQUARES))
        raise InputError(f"the name must be DCT-192, 24D, or one of {known} followed by S or T; got {name!r}")
    return maker(int(name[:-1]))


def _shape(channels: int) -> tuple[Sequence[int], Sequence[int]]:
    if channels not in _SQUARES:
        known = ", ".join(map(str, _SQUARES))
        raise InputError(f"there are only sets of {known} and {CHANNELS} channels, got {channels}")
    return _SQUARES[channels]


def _columns(widths: Sequence[int]) -> tuple[int, ...]:
    return tuple(BLOCK * row + column for row, width in enumerate(widths) for column in range(width))
