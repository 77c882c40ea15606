"""From JPEG bytes to coefficients: `read_jpeg` reads a file, `collate` makes a batch of several."""

from .batch import Group, JpegBatch, Plane, by_extent, collate
from .reader import read_jpeg
from .records import Component, JpegImage

__all__ = [
    "Component",
    "Group",
    "JpegBatch",
    "JpegImage",
    "Plane",
    "by_extent",
    "collate",
    "read_jpeg",
]
