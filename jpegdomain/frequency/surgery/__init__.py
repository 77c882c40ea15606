"""Surgery: torchvision's networks without their stem, so that frequency channels enter in place of its output."""

from .adapting import Comparison, FileImage, adapt, compare, image_scale

__all__ = ["Comparison", "FileImage", "adapt", "compare", "image_scale"]
