"""Read the application segments: the colour model, EXIF and its orientation, the ICC profile.

The EXIF block is a TIFF structure; its orientation is read as Pillow reads it, and written.
"""

import math
import re
import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from .kernel import markers
from .segments import SOS, Segment, segments

__all__ = ["NO_METADATA", "Color", "Metadata", "color_of", "metadata_of", "tiff_orientation", "with_orientation"]

Color = Literal["gray", "ycbcr", "rgb", "cmyk", "ycck", "unknown"]
"""A file's colour model; ``unknown`` if it has two components."""

_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ICC: Final = b"ICC_PROFILE\0"
# What Pillow looks for if EXIF has no orientation: an attribute or an element.
_XMP_ORIENTATION: Final = re.compile(rb'tiff:Orientation(="|>)([0-9])')
_ORDERS: Final = {
    b"II*\0": "<",
    b"MM\0*": ">",
    # Two that no writer should use, and the big-endian BigTIFF, whose directory Pillow reads like any other.
    b"II\0*": "<",
    b"MM*\0": ">",
    b"MM\0+": ">",
}
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
# TIFF 6.0, section 2, and the later types 13, IFD, and 16, LONG8: how `struct` writes one value. If the tag's value is
# bytes or text, Pillow does not convert it to a number, and does not turn the image.
_TYPES: Final = dict(
    zip((*range(1, 14), 16), ["s", "s", "H", "I", "II", "b", "s", "h", "i", "ii", "f", "d", "I", "Q"], strict=True)
)


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

    Several EXIF segments are the pieces of one block. The orientation is EXIF's; if EXIF has no such tag, that of the
    last XMP segment. The chunks of a profile (ICC.1, annex B.4) are joined in the order of their numbers, if there are
    as many as the first of them says.

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
        if marker == markers.APP1 and payload.startswith(_EXIF):
            exif.append(payload[len(_EXIF) :])
        elif marker == markers.APP1 and payload.startswith(_XMP):
            xmp = payload[len(_XMP) :]
        elif marker == markers.APP2 and payload.startswith(_ICC) and len(payload) >= len(_ICC) + 2:
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
    """Join the chunks of a profile, each of which begins with its number and the number of chunks."""
    ordered = sorted(chunks)
    if not ordered or ordered[0][1] != len(ordered):
        return None
    return b"".join(chunk[2:] for chunk in ordered)


class _Entry(NamedTuple):
    """A directory entry."""

    place: int
    tag: int
    kind: int
    values: int
    value: int  # its last four bytes: where its values are, if they are longer than that


class _Directory(NamedTuple):
    """A first directory."""

    order: str  # "<" or ">"
    announced: int  # how many entries it should have
    entries: list[_Entry]  # those that are there
    stop: int  # the position after them


def tiff_orientation(block: bytes) -> int | None:
    """Read tag 0x0112 of the first directory (Exif 2.3, 4.6.2), as Pillow's ``ImageOps.exif_transpose`` does.

    Returns:
        1…8, and 1 for other values; None if the tag is absent or malformed. The first entry of the tag that has a known
        type and all its values counts; of several values, the first one, a number of any type.
    """
    # Some writers put the name twice.
    block = block.removeprefix(_EXIF)
    directory = _directory(block)
    if directory is None:
        return None
    for entry, at in _with_values(block, directory):
        if entry.tag == _ORIENTATION:
            return _number(*struct.unpack_from(directory.order + _TYPES[entry.kind], block, at))
    return None


def with_orientation(block: bytes, orientation: int) -> bytes | None:
    """Set the orientation of a TIFF structure.

    Returns:
        The block, with one SHORT in place of its first entry of the tag. If it has no such entry, a copy of its first
        directory with one more entry is appended, so that everything else stays where it was. None if its first
        directory is absent or cut short.
    """
    tiff = bytearray(block.removeprefix(_EXIF))
    head = block[: len(block) - len(tiff)]
    directory = _directory(bytes(tiff))
    if directory is None:
        return None
    order, entries = directory.order, directory.entries
    fresh = struct.pack(order + "HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)
    for entry in entries:
        if entry.tag == _ORIENTATION:
            tiff[entry.place : entry.place + len(fresh)] = fresh
            return head + bytes(tiff)
    if len(entries) < directory.announced or directory.announced == 0xFFFF:
        return None
    following = bytes(tiff[directory.stop : directory.stop + 4]).ljust(4, b"\0")
    # Entries are in the order of their tags, directories at even offsets (TIFF 6.0, section 2).
    rows = [bytes(tiff[entry.place : entry.place + len(fresh)]) for entry in entries]
    rows.insert(sum(entry.tag < _ORIENTATION for entry in entries), fresh)
    tiff += bytes(len(tiff) % 2)
    struct.pack_into(order + "I", tiff, 4, len(tiff))
    return head + bytes(tiff) + struct.pack(order + "H", len(entries) + 1) + b"".join(rows) + following


def _directory(block: bytes) -> _Directory | None:
    """Read the first directory, as far as it is there; None without one."""
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, start)
    whole = min(count, (len(block) - start - 2) // 12)
    stop = start + 2 + 12 * whole
    places = range(start + 2, stop, 12)
    entries = [_Entry(place, *struct.unpack_from(order + "HHII", block, place)) for place in places]
    return _Directory(order, count, entries, stop)


def _with_values(block: bytes, directory: _Directory) -> Iterator[tuple[_Entry, int]]:
    """Yield the entries that Pillow takes, of each tag the first, with the position of its values."""
    # As in Pillow, values longer than four bytes after the end of the block end the search; values longer than the
    # block itself, alone or together with earlier ones, are skipped.
    seen: set[int] = set()
    total = 0
    for entry in directory.entries:
        if entry.tag in seen or entry.kind not in _TYPES or not entry.values:
            continue
        size, at = entry.values * struct.calcsize("=" + _TYPES[entry.kind]), entry.place + 8
        if size > 4:
            total, at = total + size, entry.value
            if total > len(block):
                continue
            if at + size > len(block):
                return
        seen.add(entry.tag)
        yield entry, at


def _number(value: float | bytes, divisor: int = 1) -> int:
    """Read a tag's value, a fraction of two numbers where its type has them, as an orientation."""
    if isinstance(value, bytes) or not divisor or not math.isfinite(value):
        return 1
    number = Fraction(value) / divisor
    return int(number) if number in range(1, 9) else 1
