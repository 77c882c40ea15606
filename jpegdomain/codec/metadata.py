"""What the application segments say: the colour model, EXIF and its orientation, the ICC profile."""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from .segments import SOS, Segment, segments
from .tiff import tiff_orientation

__all__ = ["NO_METADATA", "Color", "Metadata", "color_of", "metadata_of"]

Color = Literal["gray", "ycbcr", "rgb", "cmyk", "ycck", "unknown"]
"""What a file's components are; ``unknown`` for two of them."""

_APP1: Final = 0xE1
_APP2: Final = 0xE2
_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ICC: Final = b"ICC_PROFILE\0"
# What Pillow looks for where EXIF has no orientation: an attribute or an element.
_XMP_ORIENTATION: Final = re.compile(rb'tiff:Orientation(="|>)([0-9])')


class Metadata(NamedTuple):
    """What segments before the first scan say, as `JpegImage` has it."""

    orientation: int
    exif: bytes | None
    icc: bytes | None


NO_METADATA: Final = Metadata(1, None, None)


def color_of(identifiers: tuple[int, ...], jfif: bool, adobe: int | None) -> Color:
    """Decide the colour model by libjpeg's default rules, from identifiers, JFIF and the Adobe transform byte."""
    # For four components, Adobe's transform is 2 for YCCK; any other than 0 is taken for it.
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


def metadata_of(found: bytes | Iterable[Segment]) -> Metadata:
    """Read the metadata of a file, or of its segments up to the first scan header, as Pillow reads it.

    Several EXIF segments are one block cut in pieces. The orientation is EXIF's; if EXIF has no such tag, that of the
    last XMP segment. The chunks of a profile (ICC.1, annex B.4) are put in the order of their numbers, if as many are
    there as the first of them says.

    Returns:
        Orientation, EXIF and profile.
    """
    exif: list[bytes] = []
    chunks: list[bytes] = []
    xmp = b""
    for segment in segments(found) if isinstance(found, bytes) else found:
        marker, payload = segment.marker, segment.payload
        if marker == SOS:
            break
        if marker == _APP1 and payload.startswith(_EXIF):
            exif.append(payload[len(_EXIF) :])
        elif marker == _APP1 and payload.startswith(_XMP):
            xmp = payload[len(_XMP) :]
        elif marker == _APP2 and payload.startswith(_ICC) and len(payload) >= len(_ICC) + 2:
            chunks.append(payload[len(_ICC) :])
    block = b"".join(exif) if exif else None
    return Metadata(_orientation(block, xmp), block, _joined(chunks))


def _orientation(exif: bytes | None, xmp: bytes) -> int:
    own = None if exif is None else tiff_orientation(exif)
    if own is not None:
        return own
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[2]) if found and 1 <= int(found[2]) <= 8 else 1


def _joined(chunks: list[bytes]) -> bytes | None:
    """Join the chunks of a profile, each behind its number and how many there are."""
    ordered = sorted(chunks)
    if not ordered or ordered[0][1] != len(ordered):
        return None
    return b"".join(chunk[2:] for chunk in ordered)
