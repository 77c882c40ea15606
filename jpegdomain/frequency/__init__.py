"""Networks on selected frequency channels (Xu et al. 2020), of the files' own coefficients."""

from .channel_set import CHANNELS, ChannelSet
from .gate import ChannelGate
from .order import Order
from .penalty import gate_penalty, target_penalty
from .published import LEARNED_24, all_channels, published, square, top, triangle
from .schedule import Schedule

__all__ = [
    "CHANNELS",
    "LEARNED_24",
    "ChannelGate",
    "ChannelSet",
    "Order",
    "Schedule",
    "all_channels",
    "gate_penalty",
    "published",
    "square",
    "target_penalty",
    "top",
    "triangle",
]
