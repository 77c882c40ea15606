"""What the application segments say: the colour model, the EXIF orientation, the ICC profile."""

import struct
from collections.abc import Iterator
from typing import Final, Literal

__all__ = ["Color", "color_of", "exif_of", "icc_of", "orientation_of", "orientation_place"]

Color = Literal["gray", "ycbcr", "rgb", "cmyk", "ycck", "unknown"]
"""What a file's components are; ``unknown`` for two of them."""

_APP2: Final = 0xE2
_SOS: Final = 0xDA
_EXIF: Final = b"Exif\0\0"
_ICC: Final = b"ICC_PROFILE\0"
_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3


def color_of(identifiers: tuple[int, ...], jfif: bool, adobe: int | None) -> Color:
    """Decide the colour model by libjpeg's default rules.

    Args:
        identifiers: The frame's component identifiers, one to four.
        jfif: Whether the file has a JFIF segment.
        adobe: The transform byte of its Adobe segment, None without.

    Returns:
        ``gray`` for one component. For three, JFIF means YCbCr; else Adobe's transform 0 means RGB and any other
        YCbCr; else the identifiers R, G, B mean RGB; else YCbCr. For four, an Adobe transform other than 0 means
        YCCK, of which only 2 is defined; else CMYK.
    """
    if len(identifiers) == 3:
        if jfif:
            return "ycbcr"
        if adobe is not None:
            return "rgb" if adobe == 0 else "ycbcr"
        return "rgb" if bytes(identifiers) == b"RGB" else "ycbcr"
    if len(identifiers) == 1:
        return "gray"
    if len(identifiers) == 2:
        return "unknown"
    return "ycck" if adobe else "cmyk"


def exif_of(data: bytes, at: int) -> bytes:
    """Take the EXIF data out of its segment.

    Args:
        data: A file.
        at: Position of the segment's marker.

    Returns:
        The TIFF structure behind ``Exif`` and two zero bytes.
    """
    return data[at + 4 + len(_EXIF) : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]


def orientation_of(tiff: bytes) -> int:
    """Read the orientation.

    Args:
        tiff: What `exif_of` gives.

    Returns:
        1…8, or 1, upright, if the tag is absent or anything is out of shape.
    """
    place = orientation_place(tiff)
    if place is None:
        return 1
    (value,) = struct.unpack_from(place[0] + "H", tiff, place[1])
    return value if 1 <= value <= 8 else 1


def orientation_place(tiff: bytes) -> tuple[str, int] | None:
    """Find the value of tag 0x0112 in the first directory of a TIFF header (Exif 2.3, 4.6.2).

    Args:
        tiff: What `exif_of` gives.

    Returns:
        The byte order, ``<`` or ``>``, and the offset of the 16-bit value; None if the tag is absent or
        anything is out of shape.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            place = directory + 2 + 12 * entry
            # With the value, so that it is there where the tag is.
            tag, kind, count, _ = struct.unpack_from(order + "HHIH", tiff, place)
            if (tag, kind, count) == (_ORIENTATION_TAG, _SHORT, 1):
                return order, place + 8
    except struct.error:
        pass
    return None


def icc_of(data: bytes) -> bytes | None:
    """Join the chunks of the ICC profile (ICC.1, annex B.4) that stand before the first scan.

    Args:
        data: A file whose headers are sound.

    Returns:
        The profile; None if a chunk is missing or comes twice.
    """
    chunks: dict[int, bytes] = {}
    expected = set()
    for marker, payload in _segments(data):
        if marker == _APP2 and payload.startswith(_ICC) and len(payload) >= len(_ICC) + 2:
            number, count = payload[len(_ICC)], payload[len(_ICC) + 1]
            if number in chunks:
                return None
            chunks[number] = payload[len(_ICC) + 2 :]
            expected.add(count)
    if len(expected) != 1 or sorted(chunks) != list(range(1, expected.pop() + 1)):
        return None
    return b"".join(chunks[number] for number in sorted(chunks))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SOS:
        if data[at + 1] == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], data[at + 4 : end]
        at = end
