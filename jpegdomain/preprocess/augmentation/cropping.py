"""Cutting whole blocks out of a record."""

from dataclasses import replace

import numpy as np

from jpegdomain.codec import JpegImage
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent

from .labels import EXACT, labelled

__all__ = ["crop", "unit"]


def unit(image: JpegImage) -> tuple[int, int]:
    """Give the pixels that a block of the coarsest component covers: where whole blocks of all components begin.

    Args:
        image: Any record whose sampling factors are whole multiples.

    Returns:
        Height and width.
    """
    steps = image.upsampling
    return BLOCK * max(vertical for vertical, _ in steps), BLOCK * max(horizontal for _, horizontal in steps)


@labelled(EXACT)
def crop(image: JpegImage, top: int, left: int, height: int, width: int) -> JpegImage:
    """Cut out a rectangle that begins at whole blocks, without decoding: its samples are those of the image.

    Exact on every component. Where chroma is upsampled by the triangle filter, a decoder repeats the new edge instead
    of reading the samples that were beyond it, so that the outermost pixels along a cut can differ.

    Args:
        image: A record.
        top: First row, a multiple of 8 times the largest vertical upsampling.
        left: First column, likewise horizontally.
        height: Rows, any number.
        width: Columns, any number.

    Returns:
        A record of that extent, for `collate` or `write_jpeg`.

    Raises:
        InputError: If the rectangle leaves the image or begins inside a block.
    """
    if min(top, left) < 0 or min(height, width) < 1 or top + height > image.extent[0] or left + width > image.extent[1]:
        raise InputError(
            f"{image.source}: {height}×{width} pixels from ({top}, {left}) on are not inside {image.extent}"
        )
    across = unit(image)
    if top % across[0] or left % across[1]:
        raise InputError(
            f"{image.source}: a crop of {image.sampling} begins at multiples of {across[0]} rows and {across[1]} "
            f"columns, not at ({top}, {left}); jpegdomain.preprocess crops anywhere"
        )
    parts = []
    for part, (vertical, horizontal) in zip(image.components, image.upsampling, strict=True):
        extent = Extent(-(-height // vertical), -(-width // horizontal))
        rows, columns = extent.blocks
        first, begin = top // vertical // BLOCK, left // horizontal // BLOCK
        blocks = part.coefficients[first : first + rows, begin : begin + columns]
        parts.append(replace(part, coefficients=np.ascontiguousarray(blocks), extent=extent))
    return replace(image, components=tuple(parts), extent=Extent(height, width))
