"""From bytes to marker segments: the outer syntax of a JPEG file (ITU-T T.81 B.1), meaning aside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jpegdomain.errors import DamagedJpegError, NotJpegError, TruncatedJpegError

from .complaints import GIVE_JPEG, complaint

__all__ = ["EOI", "SOI", "SOS", "Segment", "segments"]

SOI: Final = 0xD8
"""Start of image."""
EOI: Final = 0xD9
"""End of image."""
SOS: Final = 0xDA
"""Start of scan, the only segment that entropy-coded data follows."""

_RESTARTS: Final = range(0xD0, 0xD8)
_TEMPORARY: Final = 0x01

# Within entropy-coded data FF 00 is a data byte, and FF FF a fill byte: a marker is FF and anything else
# (B.1.1.5).
_MARKER: Final = re.compile(rb"\xff[\x01-\xfe]")
_FILL: Final = re.compile(rb"\xff*")

_OTHER_FORMATS: Final = {
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"RIFF": "a RIFF container (WebP?)",
    b"BM": "a BMP image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"\0\0\0\x0cjP": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 codestream",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment, and the entropy-coded data after it where it starts a scan.

    Attributes:
        marker: The marker's second byte, 0xC0 for SOF0.
        offset: Position of the marker's 0xFF in the file, in bytes.
        payload: The parameters after the two bytes of length.
        entropy: First byte of the entropy-coded data and the byte after its last; empty except after SOS.
        restarts: Second bytes of the restart markers in that data, in order.
    """

    marker: int
    offset: int
    payload: bytes
    entropy: tuple[int, int]
    restarts: tuple[int, ...]

    @property
    def end(self) -> int:
        """The byte after the segment and its entropy-coded data."""
        return self.entropy[1]


def segments(data: bytes, source: str) -> Iterator[Segment]:
    """Walk over the segments between SOI and EOI.

    The walk is lazy: a caller that refuses an early segment learns nothing of faults in later ones. What
    follows EOI is not looked at: cameras and messengers append thumbnails and notes there.

    Args:
        data: A whole file.
        source: Its name, for messages.

    Yields:
        Every segment of the file, without SOI and EOI.

    Raises:
        NotJpegError: If the data does not begin with SOI.
        TruncatedJpegError: If it ends before EOI.
        DamagedJpegError: If something else stands where a marker must, or a length is impossible.
    """
    if not data.startswith(b"\xff\xd8"):
        raise NotJpegError(complaint(source, f"not a JPEG file: {_describe(data)}", advice=GIVE_JPEG))
    position = 2
    while True:
        position = _next_marker(data, position, source)
        marker = data[position + 1]
        if marker == EOI:
            return
        if marker in _RESTARTS or marker in {SOI, _TEMPORARY}:
            raise DamagedJpegError(complaint(source, f"marker FF{marker:02X} outside its place", position))
        start = position + 4
        length = int.from_bytes(data[position + 2 : start], "big")
        if start > len(data) or (length >= 2 and start + length - 2 > len(data)):
            raise TruncatedJpegError(complaint(source, f"the file ends inside segment FF{marker:02X}", position))
        if length < 2:
            raise DamagedJpegError(complaint(source, f"segment FF{marker:02X} gives its length as {length}", position))
        end = start + length - 2
        stop, restarts = _entropy_coded(data, end, source) if marker == SOS else (end, ())
        yield Segment(marker, position, data[start:end], (end, stop), restarts)
        position = stop


def _describe(data: bytes) -> str:
    if not data:
        return "it is empty"
    for signature, name in _OTHER_FORMATS.items():
        if data.startswith(signature):
            return f"it is {name}"
    return f"it begins with the bytes {data[:4].hex(' ').upper()} instead of FF D8"


def _next_marker(data: bytes, position: int, source: str) -> int:
    """Step over fill bytes (B.1.1.2) to a marker.

    Args:
        data: The file.
        position: Where a marker, or fill bytes before one, must begin.
        source: The file's name.

    Returns:
        The position of the marker's own 0xFF.

    Raises:
        TruncatedJpegError: If the file ends first.
        DamagedJpegError: If neither is there.
    """
    fill = _FILL.match(data, position)
    end = position if fill is None else fill.end()
    if end >= len(data):
        raise TruncatedJpegError(complaint(source, "the file ends before its end-of-image marker", len(data)))
    if end == position or data[end] == 0:
        raise DamagedJpegError(complaint(source, f"byte {data[end]:02X} where a marker must begin", end))
    return end - 1


def _entropy_coded(data: bytes, start: int, source: str) -> tuple[int, tuple[int, ...]]:
    """Find the end of a scan's entropy-coded data.

    Args:
        data: The file.
        start: The first byte after the scan header.
        source: The file's name.

    Returns:
        The position of the next marker that is no restart marker, and the restart markers passed.

    Raises:
        TruncatedJpegError: If there is no such marker.
    """
    restarts: list[int] = []
    for match in _MARKER.finditer(data, start):
        marker = data[match.start() + 1]
        if marker not in _RESTARTS:
            return match.start(), tuple(restarts)
        restarts.append(marker)
    raise TruncatedJpegError(
        complaint(source, "the file ends inside the compressed data, before its end-of-image marker", len(data))
    )
