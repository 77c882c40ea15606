"""Neural networks that run on JPEG's own coefficients: ``jpegdomain.convert(model)`` and what it is made of."""

from . import (
    batch,
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
from .batch import JpegBatch, collate
from .codec import JpegImage, read_jpeg, read_jpegs, write_jpeg
from .conversion import ConvertedModel, Report, convert, exportable, register_rule, to_spatial, verify
from .data import Collate, JpegDataset, JpegFolder, loader
from .entry import decode_luma, decode_rgb
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
    "batch",
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
