"""Decode the quantised coefficients of a batch to normalised channels, as an activation or as pixels."""

from .affine import can_render, to_activation, to_pixels
from .entry import IMAGENET_MEAN, IMAGENET_STD, Entry, Values, decode_luma, decode_rgb
from .fixed import FixedMap
from .pixels import PixelCollate, read_pixels
from .whole import Components

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Components",
    "Entry",
    "FixedMap",
    "PixelCollate",
    "Values",
    "can_render",
    "decode_luma",
    "decode_rgb",
    "read_pixels",
    "to_activation",
    "to_pixels",
]
