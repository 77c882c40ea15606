"""Augmentation in the JPEG domain.

On files' records, exact: `flip`, `transpose`, `rotate`, `upright`, `crop` reorder quantised coefficients and change
their signs; nothing is decoded or rounded. `requantize` rounds them to other tables, as saving at another quality does.
`jpegdomain.write_jpeg` writes the result. On activations, linear:
`adjust_brightness`, `adjust_contrast`, `adjust_saturation`, which are torchvision's but for its clamping. The attribute
``exactness`` of each function says which of the two it is.
"""

from .colour import adjust_brightness, adjust_contrast, adjust_saturation
from .labels import APPROXIMATE, EXACT, Exactness
from .lossless import crop, flip, rotate, transpose, upright
from .quality import requantize

__all__ = [
    "APPROXIMATE",
    "EXACT",
    "Exactness",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_saturation",
    "crop",
    "flip",
    "requantize",
    "rotate",
    "transpose",
    "upright",
]
