"""Geometric preprocessing as separable linear maps: `Resize`, `CenterCrop` and the like, and what they compose to."""

from . import augmentation
from .axis import AxisMap
from .crop import CenterCrop, Pad, RandomCrop, RandomResizedCrop
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .keeping import Bound, keep_for, low_frequency_bound
from .placement import Fill, Placement
from .recipe import Recipe, from_torchvision
from .resize import Resize
from .transform import Compose, Transform

__all__ = [
    "AxisMap",
    "Bound",
    "CenterCrop",
    "Compose",
    "Fill",
    "Pad",
    "Placement",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Recipe",
    "Resize",
    "Transform",
    "augmentation",
    "from_torchvision",
    "keep_for",
    "low_frequency_bound",
]
