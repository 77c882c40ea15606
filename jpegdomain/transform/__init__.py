"""J, J̃ and the masks between them on tensors: by torch's matrix products, or compiled for the CPU."""

from .backends import backend, forward, inverse, masked
from .edges import affine, constant_image, cut
from .protocol import Backend, Clamp, Frequencies, Mask, check_frequencies
from .reference import basis, low_pass, own_dtype

__all__ = [
    "Backend",
    "Clamp",
    "Frequencies",
    "Mask",
    "affine",
    "backend",
    "basis",
    "check_frequencies",
    "constant_image",
    "cut",
    "forward",
    "inverse",
    "low_pass",
    "masked",
    "own_dtype",
]
