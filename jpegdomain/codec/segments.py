"""Marker segments in Python, walked over and read as leniently as by libjpeg (T.81 B.1.1)."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .kernel.markers import DNL, EOI, SOF0, SOF1, SOF2, SOF9, SOF10, SOI, SOS

__all__ = ["DNL", "EOI", "SOI", "SOS", "FrameHeader", "Segment", "is_frame", "is_read", "segments"]


# Fill bytes FF may come before a marker. FF 00 and restart markers belong to a scan, and mean nothing elsewhere.
_MARKER: Final = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_FIRST_WITH_LENGTH: Final = 0xC0
"""Markers below this are reserved, or TEM, and have no payload."""
_READ: Final = frozenset({SOF0, SOF1, SOF2, SOF9, SOF10})
_NO_FRAMES: Final = frozenset({0xC4, 0xC8, 0xCC})
"""DHT, JPG and DAC, whose numbers are between those of frame headers."""


class Segment(NamedTuple):
    """One marker and what belongs to it."""

    marker: int  # its second byte
    start: int  # where it begins, including fill bytes FF
    at: int  # the last FF before `marker`
    payload: bytes  # what follows the length; shorter than the length says if the data ends early
    stop: int  # the position after it according to its length, which may be after the end of the data


class FrameHeader(NamedTuple):
    """The parameters of a frame (B.2.2); factors are (vertical, horizontal)."""

    height: int
    width: int
    identifiers: tuple[int, ...]
    factors: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, payload: bytes) -> "FrameHeader":
        """Read a payload of the right length."""
        height, width = (int.from_bytes(payload[i : i + 2], "big") for i in (1, 3))
        return cls(height, width, tuple(payload[6::3]), tuple((packed & 15, packed >> 4) for packed in payload[7::3]))


def segments(data: bytes, at: int = 2) -> Iterator[Segment]:
    """Yield a file's segments from position `at` on up to its end-of-image marker, EOI the last.

    Anything between two segments is skipped up to the next FF that begins a marker: entropy-coded data, restart markers
    and bytes that do not belong there. A length of 0 or 1 is taken as 2, without payload. A frame header ends after its
    one to four components, whatever its length says.

    Yields:
        The segments.
    """
    while found := _MARKER.search(data, at):
        marker, after = data[found.end() - 1], found.end()
        alone = marker < _FIRST_WITH_LENGTH or marker in {SOI, EOI}
        stop = after if alone else _stop(data, marker, after)
        yield Segment(marker, found.start(), after - 2, data[after + 2 : stop], stop)
        if marker == EOI:
            return
        at = stop


def is_frame(marker: int) -> bool:
    """Return whether a segment is a frame header, or announces one, of any kind: SOFn, DHP, JPEG-LS's."""
    return (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES) or marker in {0xDE, 0xF7}


def is_read(marker: int) -> bool:
    """Return whether a frame is of a kind that is read: SOF0, SOF1, SOF2, SOF9 and SOF10."""
    return marker in _READ


def _stop(data: bytes, marker: int, at: int) -> int:
    """Return the position after a segment whose length is at `at`."""
    stop = at + max(2, int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big"))
    if marker in _READ and at + 8 <= len(data):
        count = data[at + 7]
        own = at + 8 + 3 * count
        if 1 <= count <= 4 and own <= len(data):
            return own
    return stop
