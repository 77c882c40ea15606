"""The header walker: everything a JPEG file says outside its entropy-coded data, checked (T.81 Annex B).

It refuses whatever it can before a decoder written in C sees the file. That is no politeness: the decoder
that this package uses crashes the process when a header is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import DamagedJpegError, TruncatedJpegError, UnsupportedJpegError

from .coding import CodingTables
from .complaints import RE_ENCODE, complaint
from .frame import Frame, is_frame, read_frame
from .metadata import Color, Metadata
from .scans import ScanLog
from .segments import EOI, SOI, SOS, Segment, segments

__all__ = ["Header", "read_header"]

_DHT: Final = 0xC4
_DQT: Final = 0xDB
_DNL: Final = 0xDC
_DRI: Final = 0xDD
_APPLICATION: Final = range(0xE0, 0xF0)
_COMMENT: Final = 0xFE


@dataclass(frozen=True, slots=True)
class Header:
    """What `read_header` finds.

    Attributes:
        frame: Size and components.
        tables: By component identifier, the uint16 (64,) quantisation table, row-major frequency order 8α+β,
            that was in force when the component's first scan began.
        color: The colour model.
        orientation: EXIF orientation, 1…8.
        stream: The file without application segments, comments, fill bytes and whatever follows EOI: all that
            the coefficients depend on.
    """

    frame: Frame
    tables: Mapping[int, NDArray[np.uint16]]
    color: Color
    orientation: int
    stream: bytes


def read_header(data: bytes, source: str) -> Header:
    """Walk a whole file, scans included, and check it.

    Args:
        data: The file.
        source: Its name, for messages.

    Returns:
        The header, of a file that is complete and of a kind that can be decoded.

    Raises:
        TruncatedJpegError: If the file has no frame, no scan, or not all components' scans.
    """
    walk = _Walk(source)
    for segment in segments(data, source):
        walk.take(segment)
    if walk.frame is None or walk.scans is None:
        raise TruncatedJpegError(complaint(source, "the file holds no image: it has no scan"))
    walk.scans.check_complete()
    pieces = [data[segment.offset : segment.end] for segment in walk.kept]
    stream = b"".join([bytes([0xFF, SOI]), *pieces, bytes([0xFF, EOI])])
    return Header(walk.frame, walk.first_tables, walk.color, walk.metadata.orientation, stream)


class _Walk:
    """The state of a walk over segments."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.frame: Frame | None = None
        self.scans: ScanLog | None = None
        self.color: Color = "gray"
        self.metadata = Metadata()
        self.tables = CodingTables(source)
        self.first_tables: dict[int, NDArray[np.uint16]] = {}
        self.kept: list[Segment] = []

    def take(self, segment: Segment) -> None:
        """Take one segment.

        Args:
            segment: The next of the file.

        Raises:
            DamagedJpegError: If it has no place there.
            UnsupportedJpegError: If it gives the height after the fact.
        """
        marker = segment.marker
        if marker in _APPLICATION:
            # libjpeg decides on the colour model at the first scan; what comes later does not count.
            if self.scans is None:
                self.metadata.add(marker, segment.payload)
            return
        if marker == _COMMENT:
            return
        self.kept.append(segment)
        if marker == SOS:
            self._take_scan(segment)
        elif marker == _DQT:
            self.tables.define_quantisation(segment)
        elif marker == _DHT:
            self.tables.define_huffman(segment)
        elif marker == _DRI:
            self.tables.define_restarts(segment)
        elif is_frame(marker):
            if self.frame is not None:
                raise DamagedJpegError(complaint(self.source, "a second frame begins", segment.offset))
            self.frame = read_frame(segment, self.source)
        elif marker == _DNL:
            raise UnsupportedJpegError(
                complaint(self.source, "a DNL segment is not read", segment.offset, advice=RE_ENCODE)
            )
        else:
            raise DamagedJpegError(complaint(self.source, f"reserved marker FF{marker:02X}", segment.offset))

    def _take_scan(self, segment: Segment) -> None:
        if self.frame is None:
            raise DamagedJpegError(complaint(self.source, "a scan comes before the frame header", segment.offset))
        if self.scans is None:
            self.scans = ScanLog(self.frame, self.source)
            self.color = self.metadata.color(tuple(part.identifier for part in self.frame.components))
        for component in self.scans.add(segment, self.tables):
            if component.table not in self.tables.quantisation:
                reason = f"component {component.identifier} needs table {component.table}, which no DQT defines"
                raise DamagedJpegError(complaint(self.source, reason, segment.offset))
            self.first_tables[component.identifier] = self.tables.quantisation[component.table]
