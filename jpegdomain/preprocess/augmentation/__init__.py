"""Augmentation in the JPEG domain.

On files' records, exact: `flip`, `transpose`, `rotate`, `upright` and `crop` reorder quantised coefficients and change
their signs; nothing is decoded or rounded. `requantize` rounds them to other tables, like saving at another quality.
`jpegdomain.write_jpeg` writes the result.

On activations, linear: `adjust_brightness`, `adjust_contrast` and `adjust_saturation` are torchvision's without its
clamping. The attribute ``exactness`` of each function says which of the two kinds it is.
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
