"""Between JPEG files and coefficients: `read_jpeg`, `read_jpegs`, `write_jpeg`; `collate` makes a batch of several."""

from .batch import Group, JpegBatch, Plane, by_extent, collate
from .decoding import MAX_PIXELS
from .reader import read_jpeg, read_jpegs
from .records import Component, JpegImage
from .writer import write_jpeg

__all__ = [
    "MAX_PIXELS",
    "Component",
    "Group",
    "JpegBatch",
    "JpegImage",
    "Plane",
    "by_extent",
    "collate",
    "read_jpeg",
    "read_jpegs",
    "write_jpeg",
]
