"""Neural networks that run on JPEG's own coefficients: ``jpegdomain.convert(model)`` and what it is made of."""

import warnings

from . import (
    codec,
    data,
    errors,
    frequency,
    functional,
    geometry,
    models,
    nn,
    planning,
    preprocess,
    tables,
    testing,
)
from .activation import Activation
from .codec import JpegImage, read_jpeg, read_jpegs, write_jpeg
from .conversion import ConvertedModel, Report, convert, exportable, register_rule, to_spatial, verify
from .data import Collate, JpegBatch, JpegDataset, JpegFolder, collate, loader
from .decoding import decode_luma, decode_rgb
from .functional import decode, encode
from .theory import folding, tensors

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Collate",
    "ConvertedModel",
    "JpegBatch",
    "JpegDataset",
    "JpegFolder",
    "JpegImage",
    "Report",
    "codec",
    "collate",
    "convert",
    "data",
    "decode",
    "decode_luma",
    "decode_rgb",
    "encode",
    "errors",
    "exportable",
    "folding",
    "frequency",
    "functional",
    "geometry",
    "loader",
    "models",
    "nn",
    "planning",
    "preprocess",
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


def __getattr__(name: str) -> object:
    if name == "batch":
        warnings.warn("jpegdomain.batch is part of jpegdomain.data", DeprecationWarning, stacklevel=2)
        return data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
