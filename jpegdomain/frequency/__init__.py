"""Networks on selected frequency channels (Xu et al. 2020), of the files' own coefficients."""

from .channel_set import CHANNELS, ChannelSet
from .order import Order
from .published import LEARNED_24, all_channels, published, square, top, triangle

__all__ = [
    "CHANNELS",
    "LEARNED_24",
    "ChannelSet",
    "Order",
    "all_channels",
    "published",
    "square",
    "top",
    "triangle",
]
