"""Preprocessing of files as linear maps: `Resize`, `RandomCrop`, `ColorJitter` and the like, and their composition.

A step with the name of a torchvision transform does the same, with the same random draws, but without rounding and
clamping; its docstring says where it is exact and where approximate. `follow` transforms boxes, keypoints and masks
like their images.
"""

import warnings

from . import augmentation
from .banded_matrix import BandedMatrix
from .colour import ColorJitter, ColorMatrix, Grayscale, RandomChannelPermutation, RandomGrayscale, RandomInvert
from .crop import CenterCrop, Pad, RandomCrop, RandomResizedCrop
from .erasing import RandomErasing
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .frequency_budget import Bound, keep_for, low_frequency_bound
from .random_apply import RandomApply
from .recipe import Recipe, from_torchvision, recipe_of, simplified, split_torchvision
from .regions import region_of
from .requantize import JpegQuality, Requantize
from .resize import Resize
from .rotate import RandomRotate90, Rotate90, Transpose
from .separable_map import Fill, SeparableMap
from .targets import OnTargets, follow
from .transform import Compose, Transform

__all__ = [
    "BandedMatrix",
    "Bound",
    "CenterCrop",
    "ColorJitter",
    "ColorMatrix",
    "Compose",
    "Fill",
    "Grayscale",
    "JpegQuality",
    "OnTargets",
    "Pad",
    "RandomApply",
    "RandomChannelPermutation",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomVerticalFlip",
    "Recipe",
    "Requantize",
    "Resize",
    "Rotate90",
    "SeparableMap",
    "Transform",
    "Transpose",
    "augmentation",
    "follow",
    "from_torchvision",
    "keep_for",
    "low_frequency_bound",
    "recipe_of",
    "region_of",
    "simplified",
    "split_torchvision",
]

_RENAMED = {"AxisMap": BandedMatrix, "Placement": SeparableMap}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        now = _RENAMED[name]
        warnings.warn(f"jpegdomain.preprocess.{name} is now {now.__name__}", DeprecationWarning, stacklevel=2)
        return now
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
