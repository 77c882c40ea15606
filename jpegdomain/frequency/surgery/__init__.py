"""Surgery: torchvision's networks without their stem, so that frequency channels enter where its output did."""

from .adapting import adapt, image_scale
from .comparing import Comparison, compare

__all__ = ["Comparison", "adapt", "compare", "image_scale"]
