"""The one walk over a file's marker segments in Python, as lenient as libjpeg's (T.81 B.1.1)."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["DNL", "EOI", "SOI", "SOS", "Segment", "is_frame", "is_reserved", "segments"]

SOI: Final = 0xD8
EOI: Final = 0xD9
SOS: Final = 0xDA
DNL: Final = 0xDC

# FF bytes may fill up to a marker. FF 00 and restart markers belong to a scan, and mean nothing elsewhere.
_MARKER: Final = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_TEM: Final = 0x01
_WITHOUT_LENGTH: Final = frozenset({_TEM, SOI, EOI})
_NO_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})
"""DHT, JPG and DAC, which stand among the numbers of the frame headers."""


class Segment(NamedTuple):
    """One marker and what belongs to it.

    Attributes:
        marker: The marker's second byte.
        start: Where it begins, with the FF bytes that fill up to it.
        at: The last FF before `marker`.
        payload: What follows the length, shorter than that says if the data ends first.
        stop: The position behind it by its length, which may lie behind the end of the data.
    """

    marker: int
    start: int
    at: int
    payload: bytes
    stop: int


def segments(data: bytes, at: int = 2) -> Iterator[Segment]:
    """Walk over a file's segments up to its end-of-image marker.

    What stands between two of them is passed over up to the next FF that begins a marker: entropy-coded data, restart
    markers and bytes that do not belong there. A length of 0 or 1 is one of 2, no payload.

    Args:
        data: A file, whole or cut.
        at: Where to begin; behind SOI unless told.

    Yields:
        The segments, EOI the last.
    """
    while found := _MARKER.search(data, at):
        marker, after = data[found.end() - 1], found.end()
        stop = after
        if marker not in _WITHOUT_LENGTH:
            stop += max(2, int.from_bytes(data[after : after + 2].ljust(2, b"\0"), "big"))
        yield Segment(marker, found.start(), after - 2, data[after + 2 : stop], stop)
        if marker == EOI:
            return
        at = stop


def is_frame(marker: int) -> bool:
    """Tell whether a segment is a frame header, or announces one, of any kind: SOFn, DHP, JPEG-LS's."""
    return (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES) or marker in {0xDE, 0xF7}


def is_reserved(marker: int) -> bool:
    """Tell whether a marker means nothing to a decoder (T.81 table B.1: RES and JPGn)."""
    return 0x02 <= marker <= 0xBF or marker == 0xC8 or 0xF0 <= marker <= 0xFD
