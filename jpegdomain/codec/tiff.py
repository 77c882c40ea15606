"""The EXIF block, a TIFF structure: its orientation, read as Pillow reads it, and written."""

import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

__all__ = ["tiff_orientation", "with_orientation"]

_EXIF: Final = b"Exif\0\0"
_ORDERS: Final = {
    b"II*\0": "<",
    b"MM\0*": ">",
    # Two that no writer should write, and the big-endian BigTIFF, whose directory Pillow reads as any other's.
    b"II\0*": "<",
    b"MM*\0": ">",
    b"MM\0+": ">",
}
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
# TIFF 6.0, section 2, and the later types 13, IFD, and 16, LONG8: how `struct` writes one value. The tag's bytes and
# texts are no numbers: Pillow gives them as such, and turns nothing.
_TYPES: Final = dict(
    zip((*range(1, 14), 16), ["s", "s", "H", "I", "II", "b", "s", "h", "i", "ii", "f", "d", "I", "Q"], strict=True)
)


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
    stop: int  # the position behind them


def tiff_orientation(block: bytes) -> int | None:
    """Read tag 0x0112 of the first directory (Exif 2.3, 4.6.2), as Pillow's ``ImageOps.exif_transpose`` does.

    The first entry of the tag that has a known type and its values counts, and of several values the first: a number of
    any type.

    Returns:
        1…8, 1 for other values; None if the tag is absent or out of shape.
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
        The block with one SHORT in place of its first entry of the tag; or, if it has none, with a copy of its first
        directory at its end that has one more entry, so that all else stays where it was. None if its first directory
        is absent or cut short.
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
    # The entries stand in the order of their tags, directories at even places (TIFF 6.0, section 2).
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
    # Values longer than four bytes that lie behind the end of the block end the search, as Pillow ends it; those that
    # are longer than the block itself, alone or with those before them, are passed over.
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
