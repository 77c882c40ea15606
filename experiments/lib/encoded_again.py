"""Files of another quality, in memory."""

import argparse
import io

from PIL import Image

import jpegdomain as jd
from jpegdomain.preprocess.augmentation.quality import requantize
from jpegdomain.tables import CHROMINANCE, LUMINANCE, quality_table

__all__ = ["BY", "encoded", "quality", "requantised"]


def encoded(data: bytes, quality: int) -> bytes:
    """Decode a file to pixels of 8 bits, and encode it again at its own sampling; both by Pillow."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.save(buffer, "JPEG", quality=quality, subsampling="keep")
    return buffer.getvalue()


def requantised(data: bytes, quality: int) -> bytes:
    """Quantise a file's coefficients again, by libjpeg's tables of a quality."""
    luma, chroma = (quality_table(base, quality).reshape(-1) for base in (LUMINANCE, CHROMINANCE))
    return jd.write_jpeg(requantize(jd.read_jpeg(data), luma, chroma))


BY = {"encoded": encoded, "requantised": requantised}
"""How files get another quality."""


def quality(text: str) -> int:
    """Read a quality from a command line.

    Raises:
        argparse.ArgumentTypeError: If it is not a whole number of 1…100.
    """
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"a quality is a whole number, 1…100; got {text!r}")
    return int(text)
