"""From the kernel's arrays to records."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegdomain.geometry import Extent, component_extent

from .kernel.slots import ADOBE, EXIF, FRAME, HEIGHT, ICC, JFIF, PROGRESSIVE
from .metadata import Color, color_of, exif_of, icc_of, orientation_of
from .records import JpegImage, component_of_decoder

__all__ = ["build"]


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a component's coefficients lie: ``[start:stop]``, in this shape."""

    identifier: int
    factors: tuple[int, int]
    extent: Extent
    shape: tuple[int, int, int]
    start: int
    stop: int


@functools.lru_cache(maxsize=1024)
def _layout(frame: bytes, height: int, keep: int) -> tuple[Extent, tuple[_Part, ...]]:
    """Read a sound frame header once more: a data set has few of them.

    Args:
        frame: Its parameters (T.81 B.2.2).
        height: The image's height, which a DNL segment may have given.
        keep: Frequencies along each side of a block.

    Returns:
        The image's extent, and its components.
    """
    extent = Extent(height, int.from_bytes(frame[3:5], "big"))
    factors = [(packed % 16, packed // 16) for packed in frame[7::3]]
    largest = (max(vertical for vertical, _ in factors), max(horizontal for _, horizontal in factors))
    parts, start = [], 0
    for identifier, pair in zip(frame[6::3], factors, strict=True):
        own = component_extent(extent, pair, largest)
        rows, columns = own.blocks
        stop = start + rows * columns * keep * keep
        parts.append(_Part(identifier, pair, own, (rows, columns, keep * keep), start, stop))
        start = stop
    return extent, tuple(parts)


def build(
    data: bytes,
    name: str,
    report: list[int],
    begin: int,
    out: NDArray[np.int16],
    quant: NDArray[np.uint16],
    keep: int,
    damage: str | None = None,
) -> JpegImage:
    """Make the record of one file.

    Args:
        data: The file.
        name: Its name.
        report: The first entries of its state, as `kernel.slots` has them.
        begin: Where the file began in the data that the kernel saw.
        out: Its coefficients, to be read-only views in the record.
        quant: uint16 (4, 64), its components' tables, likewise.
        keep: Frequencies along each side of a block.
        damage: The message of the fault that was passed over.

    Returns:
        The record.
    """
    frame = report[FRAME] - begin
    header = data[frame + 4 : frame + 2 + (data[frame + 2] << 8 | data[frame + 3])]
    extent, parts = _layout(header, report[HEIGHT], keep)
    components = tuple(
        [
            component_of_decoder(
                part.identifier, out[part.start : part.stop].reshape(part.shape), table, part.factors, part.extent
            )
            for part, table in zip(parts, quant, strict=False)
        ]
    )
    jfif = report[JFIF] == 1
    adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    exif = exif_of(data, report[EXIF] - begin) if report[EXIF] else None
    return JpegImage(
        components,
        extent,
        _color(header[6::3], jfif, adobe),
        1 if exif is None else orientation_of(exif),
        report[PROGRESSIVE] == 1,
        name,
        jfif,
        adobe,
        icc_of(data) if report[ICC] else None,
        exif,
        damage,
    )


@functools.lru_cache(maxsize=1024)
def _color(identifiers: bytes, jfif: bool, adobe: int | None) -> Color:
    return color_of(tuple(identifiers), jfif, adobe)
