"""Flips, transposition and rotations of quantised coefficients.

The DCT-II basis function of frequency β changes its sign under reflection for odd β, and nothing else: a flipped block
has the coefficients (−1)^β·c. A transposed block has transposed coefficients and a transposed table.
"""

from dataclasses import replace

import numpy as np

from jpegdomain.codec import Component, JpegImage
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess.component_map import turn_of

from .cropping import crop, unit
from .labels import EXACT, labelled

__all__ = ["flip", "rotate", "transpose", "upright"]


@labelled(EXACT)
def flip(image: JpegImage, *, vertical: bool = False, horizontal: bool = False, trim: bool = False) -> JpegImage:
    """Turn an image upside down or left to right, without decoding.

    Args:
        image: A record.
        vertical: Whether rows change their order.
        horizontal: Whether columns do.
        trim: Whether the rows and columns behind the last whole block are cut off first, along a flipped axis, as
            jpegtran's ``-trim`` does.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is as it was.

    Raises:
        InputError: If an axis to be flipped does not consist of whole blocks in every component, and `trim` is false:
            its last block holds samples outside the image that would come to stand in front.
    """
    size, across = list(image.extent), unit(image)
    for axis, (turned, name) in enumerate([(vertical, "height"), (horizontal, "width")]):
        left = size[axis] % across[axis] if turned else 0
        if left and (not trim or left == size[axis]):
            raise InputError(
                f"{image.source}: its {name}, {size[axis]}, is no multiple of {across[axis]}: the flip is exact only "
                "there; trim=True cuts off the rest, and jpegdomain.preprocess flips any size"
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
    """Let rows and columns change places, without decoding; any size.

    Exact on every component. libjpeg upsamples components of at most 2 columns by repetition and those of 2 rows by its
    triangle filter, so that a decoder can treat images of up to 4 pixels along a side differently afterwards.

    Args:
        image: A record.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is as it was.
    """
    parts = []
    for part in image.components:
        keep, (rows, columns) = part.keep, part.extent.blocks
        blocks = part.coefficients.reshape(rows, columns, keep, keep).transpose(1, 0, 3, 2)
        parts.append(
            Component(
                part.identifier,
                np.ascontiguousarray(blocks).reshape(columns, rows, keep * keep),
                np.ascontiguousarray(part.table.reshape(BLOCK, BLOCK).T).reshape(-1),
                part.factors[::-1],
                Extent(part.extent.width, part.extent.height),
            )
        )
    return replace(image, components=tuple(parts), extent=Extent(image.extent.width, image.extent.height))


@labelled(EXACT)
def rotate(image: JpegImage, quarters: int, *, trim: bool = False) -> JpegImage:
    """Rotate by quarter turns, clockwise, without decoding.

    Args:
        image: A record.
        quarters: How many; negative ones are counter-clockwise.
        trim: As for `flip`, along the axis that the rotation reverses.

    Returns:
        A record, for `collate` or `write_jpeg`; its EXIF orientation is as it was.
    """
    quarters %= 4
    if quarters == 0:
        return image
    if quarters == 2:
        return flip(image, vertical=True, horizontal=True, trim=trim)
    # Flipped first, so that a refusal speaks of the image's own sides.
    return transpose(flip(image, vertical=quarters == 1, horizontal=quarters == 3, trim=trim))


@labelled(EXACT)
def upright(image: JpegImage, *, trim: bool = False) -> JpegImage:
    """Turn an image as its EXIF orientation asks, without decoding; its orientation is 1 afterwards.

    Args:
        image: A record.
        trim: As for `flip`.

    Returns:
        A record, for `collate` or `write_jpeg`.
    """
    turn = turn_of(image.orientation)
    vertical, horizontal = turn.vertical, turn.horizontal
    if turn.transpose:
        # The same, flipped before it is transposed: a refusal then speaks of the image's own sides.
        vertical, horizontal = horizontal, vertical
    turned = flip(image, vertical=vertical, horizontal=horizontal, trim=trim)
    return replace(transpose(turned) if turn.transpose else turned, orientation=1)
