"""Read JPEG files as exact tensors, and run neural networks on JPEG's own coefficients."""

import warnings

# Modules that are attributes of the package, but not in `__all__`.
from . import codec as codec
from . import data as data
from . import errors as errors
from . import frequency, functional, nn, preprocess
from . import geometry as geometry
from . import models as models
from . import planning as planning
from . import tables as tables
from . import testing as testing
from .activation import Activation
from .codec import JpegImage, read_jpeg, read_jpegs, write_jpeg
from .conversion import ConvertedModel, Report, convert, exportable, register_rule, to_spatial, verify
from .data import Collate, JpegBatch, JpegDataset, JpegFolder, collate, loader
from .decoding import PixelCollate, decode_luma, decode_rgb, read_pixels
from .functional import decode, encode
from .theory import folding as folding
from .theory import tensors

__version__ = "0.2.0"

__all__ = [
    "Activation",
    "Collate",
    "ConvertedModel",
    "JpegBatch",
    "JpegDataset",
    "JpegFolder",
    "JpegImage",
    "PixelCollate",
    "Report",
    "collate",
    "convert",
    "decode",
    "decode_luma",
    "decode_rgb",
    "encode",
    "exportable",
    "frequency",
    "functional",
    "loader",
    "nn",
    "preprocess",
    "read_jpeg",
    "read_jpegs",
    "read_pixels",
    "register_rule",
    "tensors",
    "to_spatial",
    "verify",
    "write_jpeg",
]


def __getattr__(name: str) -> object:
    if name == "batch":
        warnings.warn("jpegdomain.batch is part of jpegdomain.data", DeprecationWarning, stacklevel=2)
        return data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
