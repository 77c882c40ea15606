"""Surgery: remove the stem of torchvision's networks, so that frequency channels replace its output."""

from .adapting import FileImage, adapt
from .comparing import Comparison, compare, image_scale
from .entering import Design

__all__ = ["Comparison", "Design", "FileImage", "adapt", "compare", "image_scale"]
