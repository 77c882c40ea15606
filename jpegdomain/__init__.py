"""Neural networks that run on JPEG's own coefficients: ``jpegdomain.convert(model)`` and what it is made of."""

from . import codec, errors, folding, functional, geometry, models, nn, planning, tables, tensors, testing
from .activation import Activation
from .codec import JpegBatch, JpegImage, collate, read_jpeg, read_jpegs, write_jpeg
from .conversion import ConvertedModel, Report, convert, register_rule, to_spatial, verify
from .entry import decode_luma, decode_rgb
from .functional import decode, encode

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "ConvertedModel",
    "JpegBatch",
    "JpegImage",
    "Report",
    "codec",
    "collate",
    "convert",
    "decode",
    "decode_luma",
    "decode_rgb",
    "encode",
    "errors",
    "folding",
    "functional",
    "geometry",
    "models",
    "nn",
    "planning",
    "read_jpeg",
    "read_jpegs",
    "register_rule",
    "tables",
    "tensors",
    "testing",
    "to_spatial",
    "verify",
    "write_jpeg",
]
