"""`read_header`: a file's size and sampling, without decoding anything."""

from dataclasses import dataclass
from typing import NoReturn

from jpegdomain.errors import TruncatedJpegError
from jpegdomain.geometry import Extent, component_extent

from .complaints import complaint
from .faults import error_of
from .kernel import numbers as n
from .metadata import metadata_of
from .segments import DNL, EOI, SOI, SOS, Segment, is_frame, is_read, segments
from .signatures import SIGNATURE
from .sources import Source, load

__all__ = ["JpegHeader", "read_header"]

_PRECISION = 8
_MOST_COMPONENTS = 4


@dataclass(frozen=True)
class JpegHeader:
    """What a file's headers say about its geometry.

    Attributes:
        extent: Height and width in pixels.
        factors: (vertical, horizontal) sampling factors of each component.
        orientation: EXIF orientation 1…8, 1 without.
    """

    extent: Extent
    factors: tuple[tuple[int, int], ...]
    orientation: int

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Each component's own height and width in samples."""
        largest = (max(v for v, _ in self.factors), max(h for _, h in self.factors))
        return tuple(component_extent(self.extent, factors, largest) for factors in self.factors)


def read_header(source: Source) -> JpegHeader:
    """Read a file's headers; whether its data can be read, and whether all of it is there, this does not say.

    What stands between segments is passed over, and so are markers that mean nothing, as in `read_jpeg`. A file may end
    anywhere behind its frame header, unless its height comes in a DNL segment behind the first scan (T.81 B.2.5).

    Args:
        source: As for `read_jpeg`.

    Returns:
        Size, sampling factors and orientation.

    Raises:
        NotJpegError: If the data does not begin as a JPEG file does.
        TruncatedJpegError: If it ends before its frame header does.
        DamagedJpegError: If a frame header is out of shape, or a scan or the end comes before it.
        UnsupportedJpegError: If the frame is of a kind that `read_jpeg` does not read.
    """
    data, name = load(source)
    if data[:2] != bytes([0xFF, SOI]):
        _refuse(data, name, n.NOT_JPEG, 0)
    found = _before_scan(data, name)
    frame = next(segment for segment in found if is_frame(segment.marker))
    payload = frame.payload
    count = payload[5] if len(payload) > 5 else 0
    factors = tuple((packed & 15, packed >> 4) for packed in payload[7::3])
    fault, detail = n.NO_FAULT, 0
    if len(payload) < 6 or len(payload) != 6 + 3 * count:
        fault = n.FRAME_LENGTH
    elif payload[0] != _PRECISION:
        fault, detail = n.PRECISION_NOT_READ if payload[0] == 12 else n.BAD_PRECISION, payload[0]
    elif not 1 <= count <= _MOST_COMPONENTS:
        fault, detail = n.MANY_COMPONENTS if count else n.NO_COMPONENTS, count
    elif not all(1 <= factor <= 4 for pair in factors for factor in pair):
        fault = n.BAD_FACTOR
    if fault != n.NO_FAULT:
        _refuse(data, name, fault, frame.at, frame.marker, detail)
    height, width = (int.from_bytes(payload[i : i + 2], "big") for i in (1, 3))
    height = height or _lines(data, frame.stop)
    if not width or not height:
        _refuse(data, name, n.NO_HEIGHT if width else n.NO_WIDTH, frame.at, frame.marker)
    return JpegHeader(Extent(height, width), factors, metadata_of(found).orientation)


def _before_scan(data: bytes, name: str) -> list[Segment]:
    """List the segments before the first scan, one of which is a frame header of a kind that is read."""
    found: list[Segment] = []
    framed = False
    for segment in segments(data):
        marker = segment.marker
        if segment.stop > len(data) or (framed and marker in {SOS, EOI}):
            break
        fault = n.NO_FAULT
        if is_frame(marker):
            fault = n.KIND_NOT_READ if not is_read(marker) else n.SECOND_FRAME if framed else n.NO_FAULT
            framed = True
        elif marker in {SOS, EOI}:
            fault = n.SCAN_BEFORE_FRAME if marker == SOS else n.NO_IMAGE
        if fault != n.NO_FAULT:
            _refuse(data, name, fault, segment.at, marker, marker)
        found.append(segment)
    if not framed:
        raise TruncatedJpegError(complaint(name, "the data ends before the frame header", len(data)))
    return found


def _refuse(data: bytes, name: str, fault: int, at: int, marker: int = 0, detail: int = 0) -> NoReturn:
    raise error_of(name, fault, at, marker, [detail, 0, 0, 0], data[:SIGNATURE])


def _lines(data: bytes, at: int) -> int:
    """Take the height from the DNL segment that follows the first scan behind `at`; 0 without one."""
    scanned = False
    for segment in segments(data, at):
        if scanned:
            return int.from_bytes(segment.payload, "big") if (segment.marker, len(segment.payload)) == (DNL, 2) else 0
        scanned = segment.marker == SOS
    return 0
