"""Crops, flips, transposition and rotations of quantised coefficients.

Under reflection, the DCT-II basis function of frequency β only changes its sign for odd β: a flipped block has the
coefficients (−1)^β·c. A transposed block has transposed coefficients and a transposed table.
"""

from dataclasses import replace

import numpy as np

from jpegdomain.codec import Component, JpegImage
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess.component_map import turn_of

from .labels import EXACT, labelled

__all__ = ["crop", "flip", "rotate", "transpose", "transposed", "upright"]


def _unit(image: JpegImage) -> tuple[int, int]:
    """Height and width of a block of the coarsest component: blocks of all components begin at multiples of it."""
    steps = image.upsampling
    return BLOCK * max(vertical for vertical, _ in steps), BLOCK * max(horizontal for _, horizontal in steps)


@labelled(EXACT)
def crop(image: JpegImage, top: int, left: int, height: int, width: int) -> JpegImage:
    """Crop a rectangle that begins at whole blocks, without decoding: its samples are those of the image.

    Exact on every component. If chroma is upsampled by the triangle filter, a decoder now repeats the new edge instead
    of reading the samples beyond it, so the outermost pixels along a cut can differ.

    Args:
        image: A record.
        top: First row, a multiple of 8 times the largest vertical upsampling.
        left: First column, a multiple of 8 times the largest horizontal upsampling.
        height: Rows, any number.
        width: Columns, any number.

    Returns:
        A record of that extent, for `collate` or `write_jpeg`.

    Raises:
        InputError: If the rectangle leaves the image or begins inside a block.
    """
    if min(top, left) < 0 or min(height, width) < 1 or top + height > image.extent[0] or left + width > image.extent[1]:
        raise InputError(
            f"{image.source}: a crop of {height}×{width} at ({top}, {left}) is not inside the image of {image.extent}"
        )
    across = _unit(image)
    if top % across[0] or left % across[1]:
        raise InputError(
            f"{image.source}: a crop of {image.sampling} must begin at multiples of {across[0]} rows and {across[1]} "
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


@labelled(EXACT)
def flip(image: JpegImage, *, vertical: bool = False, horizontal: bool = False, trim: bool = False) -> JpegImage:
    """Flip an image upside down, left to right, or both, without decoding.

    Args:
        image: A record.
        vertical: Reverse the rows.
        horizontal: Reverse the columns.
        trim: First cut off the rows and columns after the last whole block along a flipped axis, like jpegtran's
            ``-trim``.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is unchanged.

    Raises:
        InputError: If an axis to be flipped does not consist of whole blocks in every component, and `trim` is False:
            the last block has samples outside the image, which would come first.
    """
    size, across = list(image.extent), _unit(image)
    for axis, (turned, name) in enumerate([(vertical, "height"), (horizontal, "width")]):
        left = size[axis] % across[axis] if turned else 0
        if left and (not trim or left == size[axis]):
            raise InputError(
                f"{image.source}: its {name}, {size[axis]}, is not a multiple of {across[axis]}, which an exact flip "
                "needs: trim=True cuts off the rest, and jpegdomain.preprocess flips any size"
            )
        size[axis] -= left
    if Extent(*size) != image.extent:
        image = crop(image, 0, 0, *size)
    return replace(image, components=tuple(_flipped(part, vertical, horizontal) for part in image.components))


def _flipped(part: Component, vertical: bool, horizontal: bool) -> Component:
    keep = part.keep
    signs = np.where(np.arange(keep) % 2, -1, 1).astype(np.int16)
    blocks = part.coefficients.reshape(*part.extent.blocks, keep, keep)
    if vertical:
        blocks = blocks[::-1] * signs[:, None]
    if horizontal:
        blocks = blocks[:, ::-1] * signs
    return replace(part, coefficients=np.ascontiguousarray(blocks).reshape(part.coefficients.shape))


@labelled(EXACT)
def transpose(image: JpegImage) -> JpegImage:
    """Exchange rows and columns, without decoding; any size.

    Exact on every component. Libjpeg upsamples components of at most 2 columns by repetition, but those of 2 rows by
    its triangle filter, so a decoder can treat images of up to 4 pixels along a side differently afterwards.

    Args:
        image: A record.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is unchanged.
    """
    components = tuple(transposed(part) for part in image.components)
    return replace(image, components=components, extent=Extent(image.extent.width, image.extent.height))


def transposed(component: Component) -> Component:
    """A component with rows and columns exchanged, both of blocks and of the frequencies in them."""
    m = component.keep
    rows, columns, _ = component.coefficients.shape
    blocks = component.coefficients.reshape(rows, columns, m, m).transpose(1, 0, 3, 2)
    return Component(
        component.identifier,
        np.ascontiguousarray(blocks).reshape(columns, rows, m * m),
        np.ascontiguousarray(component.table.reshape(BLOCK, BLOCK).T).reshape(-1),
        component.factors[::-1],
        Extent(component.extent.width, component.extent.height),
    )


@labelled(EXACT)
def rotate(image: JpegImage, quarters: int, *, trim: bool = False) -> JpegImage:
    """Rotate by quarter turns, clockwise, without decoding.

    Args:
        image: A record.
        quarters: How many quarter turns; negative numbers are counter-clockwise.
        trim: As for `flip`, along the axis that the rotation reverses.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is unchanged.
    """
    quarters %= 4
    if quarters == 0:
        return image
    if quarters == 2:
        return flip(image, vertical=True, horizontal=True, trim=trim)
    # Flipped first, so that an error names the image's own sides.
    return transpose(flip(image, vertical=quarters == 1, horizontal=quarters == 3, trim=trim))


@labelled(EXACT)
def upright(image: JpegImage, *, trim: bool = False) -> JpegImage:
    """Apply an image's EXIF orientation, without decoding; its orientation is 1 afterwards.

    Args:
        image: A record.
        trim: As for `flip`.

    Returns:
        A record, for `collate` or `write_jpeg`.
    """
    turn = turn_of(image.orientation)
    vertical, horizontal = turn.vertical, turn.horizontal
    if turn.transpose:
        # The same as flipping before transposing, so that an error names the image's own sides.
        vertical, horizontal = horizontal, vertical
    turned = flip(image, vertical=vertical, horizontal=horizontal, trim=trim)
    return replace(transpose(turned) if turn.transpose else turned, orientation=1)
