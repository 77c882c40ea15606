"""Between JPEG files and coefficients: `read_jpeg`, `read_jpegs`, `read_header`, `write_jpeg`."""

from .decoding import MAX_PIXELS, MAX_SCANS
from .header import JpegHeader, read_header
from .reader import read_jpeg, read_jpegs
from .records import Component, JpegImage
from .writer import write_jpeg

__all__ = [
    "MAX_PIXELS",
    "MAX_SCANS",
    "Component",
    "JpegHeader",
    "JpegImage",
    "read_header",
    "read_jpeg",
    "read_jpegs",
    "write_jpeg",
]
