"""Geometric preprocessing as separable linear maps: `Resize`, `CenterCrop` and the like, and what they compose to."""

import warnings

from . import augmentation
from .banded_matrix import BandedMatrix
from .crop import CenterCrop, Pad, RandomCrop, RandomResizedCrop
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .frequency_budget import Bound, keep_for, low_frequency_bound
from .recipe import Recipe, from_torchvision, recipe_of, simplified
from .resize import Resize
from .separable_map import Fill, SeparableMap
from .transform import Compose, Transform

__all__ = [
    "BandedMatrix",
    "Bound",
    "CenterCrop",
    "Compose",
    "Fill",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Recipe",
    "Resize",
    "SeparableMap",
    "Transform",
    "augmentation",
    "from_torchvision",
    "keep_for",
    "low_frequency_bound",
    "recipe_of",
    "simplified",
]

_RENAMED = {"AxisMap": BandedMatrix, "Placement": SeparableMap}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        now = _RENAMED[name]
        warnings.warn(f"jpegdomain.preprocess.{name} is now {now.__name__}", DeprecationWarning, stacklevel=2)
        return now
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
