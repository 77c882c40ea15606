"""Surgery: torchvision's networks without their stem, so that frequency channels enter where its output did."""

from .adapting import adapt, image_scale
from .comparing import Comparison, compare
from .files import FileImage

__all__ = ["Comparison", "FileImage", "adapt", "compare", "image_scale"]
