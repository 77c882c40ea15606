"""What a network of `experiments.frequency_channels` is fed with, by the name it has in Xu et al.'s tables."""

from dataclasses import dataclass
from typing import Literal

from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, ChannelSet, all_channels, published

__all__ = ["PIXELS", "Variant", "variant"]

PIXELS: dict[str, Literal["rgb", "ycbcr"]] = {"RGB": "rgb", "YCbCr": "ycbcr"}
"""Variants that are fed with pixels → the channels of the pixels."""

_GATE = "gate-"


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Args:
        name: Of the row.
        selection: Frequency channels that the network takes; None where it takes pixels.
        target: Channels that a gate in front of the network is to keep on average; None without a gate.
    """

    name: str
    selection: ChannelSet | None = None
    target: int | None = None


def variant(name: str) -> Variant:
    """Find a variant.

    Args:
        name: 'RGB', 'YCbCr', 'gate-N' for a gate that is to keep N of the 192 channels, or a published set such as
            '24S' or 'DCT-192'.

    Returns:
        The variant.

    Raises:
        InputError: If there is none of that name.
    """
    if name in PIXELS:
        return Variant(name)
    if name.startswith(_GATE):
        number = name.removeprefix(_GATE)
        if not number.isdecimal() or not 1 <= int(number) <= CHANNELS:
            raise InputError(f"a gate's target is 1…{CHANNELS} channels, as in {_GATE}24; got {name!r}")
        return Variant(name, all_channels(), int(number))
    try:
        return Variant(name, published(name))
    except InputError as error:
        raise InputError(f"variants are RGB, YCbCr, {_GATE}N and the published sets: {error}") from error
