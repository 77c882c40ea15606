"""Networks on selected frequency channels (Xu et al. 2020), of the files' own coefficients."""

from .channel_set import CHANNELS, ChannelSet
from .channels import Chroma, frequency_channels
from .frontend import Frontend
from .order import Order
from .published import LEARNED_24, all_channels, published, square, top, triangle
from .statistics import ChannelStatistics, fit_statistics
from .surgery import Comparison, FileImage, adapt, compare, image_scale

__all__ = [
    "CHANNELS",
    "LEARNED_24",
    "ChannelSet",
    "ChannelStatistics",
    "Chroma",
    "Comparison",
    "FileImage",
    "Frontend",
    "Order",
    "adapt",
    "all_channels",
    "compare",
    "fit_statistics",
    "frequency_channels",
    "image_scale",
    "published",
    "square",
    "top",
    "triangle",
]
