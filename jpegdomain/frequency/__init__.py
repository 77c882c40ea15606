"""Networks on selected frequency channels (Xu et al. 2020) of the files' own coefficients."""

from .bandwidth import Bandwidth, bandwidth, selected
from .channel_set import CHANNELS, ChannelSet, Order
from .channels import frequency_channels
from .frontend import Frontend
from .gate import ChannelGate, NormalisedGate
from .gate_training import Schedule, gate_penalty, keep_rates, target_penalty, to_static
from .masking import MaskedEntry
from .nearest import Chroma
from .plotting import plot_rates
from .published import LEARNED_24, all_channels, published, square, top, triangle
from .published_statistics import published_statistics
from .statistics import ChannelStatistics, fit_statistics
from .surgery import Comparison, FileImage, adapt, compare, image_scale

__all__ = [
    "CHANNELS",
    "LEARNED_24",
    "Bandwidth",
    "ChannelGate",
    "ChannelSet",
    "ChannelStatistics",
    "Chroma",
    "Comparison",
    "FileImage",
    "Frontend",
    "MaskedEntry",
    "NormalisedGate",
    "Order",
    "Schedule",
    "adapt",
    "all_channels",
    "bandwidth",
    "compare",
    "fit_statistics",
    "frequency_channels",
    "gate_penalty",
    "image_scale",
    "keep_rates",
    "plot_rates",
    "published",
    "published_statistics",
    "selected",
    "square",
    "target_penalty",
    "to_static",
    "top",
    "triangle",
]
