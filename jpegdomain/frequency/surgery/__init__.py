"""Surgery: remove the stem of torchvision's networks, so that frequency channels replace its output."""

from .adapting import Comparison, FileImage, adapt, compare, image_scale

__all__ = ["Comparison", "FileImage", "adapt", "compare", "image_scale"]
