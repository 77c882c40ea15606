"""Augmentation in the JPEG domain.

On files' records, exact: `flip`, `transpose`, `rotate`, `upright`, `crop` reorder quantised coefficients and change
their signs; nothing is decoded or rounded, and `jpegdomain.write_jpeg` writes the result. On activations, linear:
`adjust_brightness`, `adjust_contrast`, `adjust_saturation`, which are torchvision's but for its clamping. The attribute
``exactness`` of each function says which of the two it is.
"""

from .colour import adjust_brightness, adjust_contrast, adjust_saturation
from .labels import APPROXIMATE, EXACT, Exactness
from .lossless import crop, flip, rotate, transpose, upright

__all__ = [
    "APPROXIMATE",
    "EXACT",
    "Exactness",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_saturation",
    "crop",
    "flip",
    "rotate",
    "transpose",
    "upright",
]
