"""`read_header`: read a file's size and sampling without decoding anything."""

from dataclasses import dataclass
from typing import NoReturn

from jpegdomain.errors import TruncatedJpegError
from jpegdomain.geometry import Extent

from .fault_messages import error_of
from .kernel import fault_codes as codes
from .messages import SIGNATURE, message
from .metadata import metadata_of
from .records import component_extents
from .segments import DNL, EOI, SOI, SOS, FrameHeader, Segment, is_frame, is_read, segments
from .sources import Source, load

__all__ = ["JpegHeader", "read_header"]


@dataclass(frozen=True)
class JpegHeader:
    """What a file's headers say about its geometry.

    Attributes:
        extent: Height and width in pixels.
        factors: (vertical, horizontal) sampling factors of each component.
        orientation: EXIF orientation 1…8; 1 if the file has none.
    """

    extent: Extent
    factors: tuple[tuple[int, int], ...]
    orientation: int

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Each component's own height and width in samples."""
        return component_extents(self.extent, self.factors)


def read_header(source: Source) -> JpegHeader:
    """Read a file's headers; its image data may be missing or damaged.

    Bytes between segments and markers without a meaning are skipped, as in `read_jpeg`. A file may end anywhere after
    its frame header, unless its height is in a DNL segment after the first scan (T.81 B.2.5).

    Args:
        source: As for `read_jpeg`.

    Returns:
        Size, sampling factors and orientation.

    Raises:
        NotJpegError: If the data does not begin as a JPEG file does.
        TruncatedJpegError: If it ends before its frame header does.
        DamagedJpegError: If the frame header is malformed, or comes after a scan or the end-of-image marker.
        UnsupportedJpegError: If the frame is of a kind that `read_jpeg` does not support.
    """
    data, name = load(source)
    if data[:2] != bytes([0xFF, SOI]):
        _refuse(data, name, codes.NOT_JPEG, 0)
    found = _before_scan(data, name)
    frame = next(segment for segment in found if is_frame(segment.marker))
    payload = frame.payload
    count = payload[5] if len(payload) > 5 else 0
    header = FrameHeader.parse(payload)
    fault, detail = codes.NO_FAULT, 0
    if len(payload) < 6 or len(payload) != 6 + 3 * count:
        fault = codes.FRAME_LENGTH
    elif payload[0] != 8:
        fault, detail = codes.PRECISION_NOT_READ if payload[0] == 12 else codes.BAD_PRECISION, payload[0]
    elif not 1 <= count <= 4:
        fault, detail = codes.MANY_COMPONENTS if count else codes.NO_COMPONENTS, count
    elif not all(1 <= factor <= 4 for pair in header.factors for factor in pair):
        fault = codes.BAD_FACTOR
    if fault:
        _refuse(data, name, fault, frame.at, frame.marker, detail)
    height = header.height or _lines(data, frame.stop)
    if not header.width or not height:
        _refuse(data, name, codes.NO_HEIGHT if header.width else codes.NO_WIDTH, frame.at, frame.marker)
    return JpegHeader(Extent(height, header.width), header.factors, metadata_of(found).orientation)


def _before_scan(data: bytes, name: str) -> list[Segment]:
    """List the segments before the first scan, which include a frame header of a supported kind."""
    found: list[Segment] = []
    framed = False
    for segment in segments(data):
        marker = segment.marker
        if segment.stop > len(data) or (framed and marker in {SOS, EOI}):
            break
        fault = codes.NO_FAULT
        if is_frame(marker):
            fault = codes.KIND_NOT_READ if not is_read(marker) else codes.SECOND_FRAME if framed else codes.NO_FAULT
            framed = True
        elif marker in {SOS, EOI}:
            fault = codes.SCAN_BEFORE_FRAME if marker == SOS else codes.NO_IMAGE
        if fault:
            _refuse(data, name, fault, segment.at, marker, marker)
        found.append(segment)
    if not framed:
        raise TruncatedJpegError(message(name, "the data ends before the frame header", len(data)))
    return found


def _refuse(data: bytes, name: str, fault: int, at: int, marker: int = 0, detail: int = 0) -> NoReturn:
    raise error_of(name, data[:SIGNATURE], fault, at, marker, [detail, 0, 0, 0])


def _lines(data: bytes, at: int) -> int:
    """Return the height in the DNL segment that follows the first scan after `at`; 0 if there is none."""
    scanned = False
    for segment in segments(data, at):
        if scanned:
            return int.from_bytes(segment.payload, "big") if (segment.marker, len(segment.payload)) == (DNL, 2) else 0
        scanned = segment.marker == SOS
    return 0
