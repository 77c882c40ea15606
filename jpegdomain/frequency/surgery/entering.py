"""What enters an adapted network: how many channels, of which components, and by which design."""

from typing import Literal, TypeAlias, get_args

from jpegdomain.errors import InputError
from jpegdomain.frequency.channel_set import CHANNELS, ChannelSet
from jpegdomain.frequency.frontend import Frontend
from jpegdomain.geometry import BLOCK

__all__ = ["Channels", "Design", "channel_count", "check_design", "component_counts"]

Channels: TypeAlias = int | ChannelSet | Frontend
"""A number of channels, a set, or a frontend that computes them."""

Design: TypeAlias = Literal[
    "first-block",
    "upsampling",
    "upsampling-rfa",
    "deconvolution-rfa",
    "late-concat-rfa",
    "late-concat-rfa-thinner",
]
"""How channels enter a ResNet: 'first-block' is Xu et al.'s, the others are Gueguen et al.'s."""


def channel_count(channels: Channels) -> int:
    """Return the number of channels, or raise `InputError` if the argument does not describe any."""
    if isinstance(channels, Frontend):
        return len(channels.selection)
    if isinstance(channels, ChannelSet):
        return len(channels)
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise InputError(
            f"channels must be a number ≥ 1, a ChannelSet such as jpegdomain.frequency.published('24S'), or a "
            f"Frontend; got {channels!r}"
        )
    return channels


def check_design(design: str, layer2_stride: int, resnet: bool) -> None:
    """Raise `InputError` if there is no such design, or it does not fit the stride or the kind of network."""
    if design not in get_args(Design):
        raise InputError(f"design must be one of {', '.join(get_args(Design))}; got {design!r}")
    if design != "first-block" and not resnet:
        raise InputError(f"design={design!r} is only for torchvision's ResNets")
    if design != "first-block" and layer2_stride != 2:
        raise InputError(f"layer2_stride is only for design='first-block': with {design!r} layer2 has stride 1")


def component_counts(channels: Channels, design: str) -> list[int]:
    """Return the numbers of channels of Y, Cb and Cr; raise `InputError` unless each has some, in this order."""
    if isinstance(channels, int):
        components = [index // BLOCK**2 for index in range(CHANNELS)] if channels == CHANNELS else []
    else:
        selection = channels.selection if isinstance(channels, Frontend) else channels
        components = [index // BLOCK**2 for index in selection.indices]
    parts = [components.count(component) for component in range(3)]
    if components != sorted(components) or 0 in parts:
        raise InputError(
            f"design={design!r} takes channels of Y, Cb and Cr in this order: give {CHANNELS}, or a ChannelSet such as "
            "jpegdomain.frequency.published('24S').in_order('row-major')"
        )
    return parts
