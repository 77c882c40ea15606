"""Write the marker segments around a file's entropy-coded data (T.81 Annex B)."""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.tables import ZIGZAG

from .kernel import markers
from .metadata import tiff_orientation, with_orientation
from .records import Component, JpegImage

__all__ = ["application_segments", "frame_segment", "huffman_segment", "quantisation_segment", "scan_segment"]
__all__ += ["interval_segment"]


# Version 1.01, square pixels of no stated size, no thumbnail.
_JFIF_PAYLOAD: Final = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_ADOBE_PAYLOAD: Final = b"Adobe\0\x64\0\0\0\0"
_ADOBE_TRANSFORMS: Final = {"rgb": 0, "cmyk": 0, "ycck": 2}
_EXIF_NAME: Final = b"Exif\0\0"
_ICC_NAME: Final = b"ICC_PROFILE\0"
_LARGEST_PAYLOAD: Final = 65533
_WIDEST_BASELINE_STEP: Final = 255


def application_segments(image: JpegImage) -> bytes:
    """Write the segments that state the colour model, EXIF and the colour profile.

    Returns:
        JFIF for gray and YCbCr, unless the image has only Adobe's marker; Adobe's marker for RGB, for YCCK and for
        images that have it; neither for others. EXIF follows, with the record's orientation, and is created for it if
        the record has none; then the colour profile. Both take as many segments as they need.
    """
    pieces = []
    if image.color in {"gray", "ycbcr"} and (image.jfif or image.adobe is None):
        pieces.append(_segment(markers.APP0, _JFIF_PAYLOAD))
    exif = _exif_block(image)
    if exif is not None:
        pieces += [_segment(markers.APP1, _EXIF_NAME + chunk) for chunk in _chunks(exif, len(_EXIF_NAME))]
    if image.icc is not None:
        chunks = _chunks(image.icc, len(_ICC_NAME) + 2)
        for number, chunk in enumerate(chunks, start=1):
            pieces.append(_segment(markers.APP2, _ICC_NAME + bytes([number, len(chunks)]) + chunk))
    if image.adobe is not None or image.color in {"rgb", "ycck"}:
        pieces.append(_segment(markers.APP14, _ADOBE_PAYLOAD + bytes([_adobe_transform(image)])))
    return b"".join(pieces)


def quantisation_segment(tables: Sequence[NDArray[np.uint16]]) -> bytes:
    """Write DQT (B.2.4.1): tables, uint16 (64,), in slots 0, 1, …, each with 16-bit steps only where it needs them."""
    payload = b""
    for slot, table in enumerate(tables):
        wide = int(table.max()) > _WIDEST_BASELINE_STEP
        payload += bytes([16 * wide + slot]) + table[ZIGZAG].astype(">u2" if wide else np.uint8).tobytes()
    return _segment(markers.DQT, payload)


def frame_segment(image: JpegImage, slots: Sequence[int], *, progressive: bool = False) -> bytes:
    """Write the frame header (B.2.2) with each component's slot of a quantisation table."""
    # SOF0; or SOF1 if a table has 16-bit steps, which baseline decoders need not support.
    wide = any(int(part.table.max()) > _WIDEST_BASELINE_STEP for part in image.components)
    payload = struct.pack(">BHHB", 8, *image.extent, len(image.components))
    for part, slot in zip(image.components, slots, strict=True):
        vertical, horizontal = part.factors
        payload += bytes([part.identifier, 16 * horizontal + vertical, slot])
    return _segment(markers.SOF2 if progressive else markers.SOF1 if wide else markers.SOF0, payload)


def huffman_segment(tables: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]]) -> bytes:
    """Write DHT (B.2.4.2): for each table 16 · class (0 DC, 1 AC) + slot, BITS and HUFFVAL."""
    pieces = [bytes([place, *numbers.tolist(), *symbols.tolist()]) for place, numbers, symbols in tables]
    return _segment(markers.DHT, b"".join(pieces))


def interval_segment(interval: int) -> bytes:
    """Write DRI (B.2.4.4): MCUs between restart markers."""
    return _segment(markers.DRI, interval.to_bytes(2, "big"))


def scan_segment(
    components: Sequence[Component], tables: Sequence[int], band: tuple[int, int, int, int] = (0, 63, 0, 0)
) -> bytes:
    """Write the header of a scan (B.2.3) with each component's 16·Td + Ta, and Ss, Se, Ah, Al."""
    pairs = [bytes([part.identifier, slots]) for part, slots in zip(components, tables, strict=True)]
    first, last, high, low = band
    return _segment(markers.SOS, bytes([len(pairs), *b"".join(pairs), first, last, 16 * high + low]))


def _adobe_transform(image: JpegImage) -> int:
    given = image.adobe or 0
    if image.color == "ycbcr" and not image.jfif:
        # Here the transform byte determines the colour model, and 0 would mean RGB.
        return given or 1
    return _ADOBE_TRANSFORMS.get(image.color, given)


def _chunks(data: bytes, head: int) -> list[bytes]:
    """Cut data into pieces that fit into segments after a number of other bytes; one piece if it is empty."""
    size = _LARGEST_PAYLOAD - head
    return [data[at : at + size] for at in range(0, len(data) or 1, size)]


def _exif_block(image: JpegImage) -> bytes | None:
    if image.exif is None and image.orientation == 1:
        return None
    if image.exif is not None and (tiff_orientation(image.exif) or 1) == image.orientation:
        return image.exif
    # A directory at byte 8 of one entry: tag 0x0112, one 16-bit number.
    own = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, image.orientation, 0, 0)
    if image.exif is None:
        return own
    # Data without a directory is kept as bytes, after the directory that readers use.
    return with_orientation(image.exif, image.orientation) or own + image.exif


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
