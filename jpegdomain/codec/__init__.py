"""Read and write JPEG files' coefficients: `read_jpeg`, `read_jpegs`, `read_header`, `index_jpeg`, `write_jpeg`."""

from .decoding import MAX_PIXELS, MAX_SCANS
from .header import JpegHeader, read_header
from .index import JpegIndex
from .indexing import index_jpeg
from .reader import read_jpeg, read_jpegs
from .records import Component, JpegImage
from .writer import write_jpeg

__all__ = [
    "MAX_PIXELS",
    "MAX_SCANS",
    "Component",
    "JpegHeader",
    "JpegImage",
    "JpegIndex",
    "index_jpeg",
    "read_header",
    "read_jpeg",
    "read_jpegs",
    "write_jpeg",
]
