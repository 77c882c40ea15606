"""An index of entry points, where decoding of a file's entropy-coded data can start; and its file format."""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from jpegdomain.errors import JpegIndexError
from jpegdomain.storing import put_in_place

from .kernel import layout as L
from .kernel.layout import Integers

__all__ = ["JpegIndex", "ScanIndex"]

_MAGIC: Final = b"JPEGIDX1"
_CHECKSUM: Final = struct.Struct("<I")
# For an index: the file's size, the headers' checksum, MCUs from one entry point to the next, number of scans.
_HEAD: Final = struct.Struct("<QIIB")
# For a scan: where its header, its data and what follows begin; number of entry points; number of components.
_SCAN: Final = struct.Struct("<QQQIB")
_STUFFED: Final = 0xFF
_END: Final = b"\xff\xd9"
_AGAIN: Final = "make it again with index_jpeg"


@dataclass(frozen=True, eq=False)
class ScanIndex:
    """The entry points of one scan.

    Attributes:
        header: Position in the file of the scan header's marker.
        start: Position of the scan's first byte of entropy-coded data.
        stop: Position of the marker after the scan.
        parts: Number of components in the scan.
        entries: int64 (⌈MCUs/every⌉ + 1, 7), the last of them after the scan's last MCU. The columns are: position in
            the file of the byte with the first bit; how many earlier bits that byte has; four DC predictions; a hash of
            these and of the data up to the next entry point.
    """

    header: int
    start: int
    stop: int
    parts: int
    entries: Integers

    def ends_the_file(self, data: bytes) -> bool:
        """Whether an end-of-image marker follows directly after the last MCU."""
        at, bit = self.entries[-1, : L.ENTRY_BIT + 1].tolist()
        # A partly used byte counts as used, and so does an FF with the 00 stuffed after it.
        end = at + (0 if bit == 0 else 2 if data[at] == _STUFFED else 1)
        return end == self.stop and data.startswith(_END, end)


@dataclass(frozen=True, eq=False)
class JpegIndex:
    """Where decoding of a baseline or extended sequential file can start; `index_jpeg` makes it for `read_jpeg`.

    An index belongs to one file, byte for byte: it has the file's size, a checksum of all headers, and a hash of the
    data between any two entry points. Data that is read with the index is first compared with these, and decoding must
    arrive at the next entry point's bit with its DC predictions.

    Attributes:
        size: The file's size in bytes.
        headers: CRC-32 of all the file's bytes before and between the scans' data.
        every: MCUs from one entry point to the next.
        scans: The file's scans, in its order, until each component has been in one.
    """

    size: int
    headers: int
    every: int
    scans: tuple[ScanIndex, ...]

    def to_bytes(self) -> bytes:
        """Serialise the index: about 15 bytes for each entry point of a scan of three components."""
        pieces = [_HEAD.pack(self.size, self.headers, self.every, len(self.scans))]
        for scan in self.scans:
            pieces.append(_SCAN.pack(scan.header, scan.start, scan.stop, len(scan.entries), scan.parts))
            pieces += [array.tobytes() for array in _columns(scan)]
        payload = b"".join(pieces)
        return _MAGIC + _CHECKSUM.pack(zlib.crc32(payload)) + payload

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "<bytes>") -> "JpegIndex":
        """Read what `to_bytes` wrote; `name` is for messages.

        Returns:
            The index.

        Raises:
            JpegIndexError: If the data is not an index, or is damaged.
        """
        begin = len(_MAGIC) + _CHECKSUM.size
        if data[: len(_MAGIC)] != _MAGIC:
            raise JpegIndexError(f"{name} is not an index of a JPEG file, or has another version; {_AGAIN}")
        if len(data) < begin or _CHECKSUM.unpack_from(data, len(_MAGIC))[0] != zlib.crc32(data[begin:]):
            raise JpegIndexError(f"{name} is damaged; {_AGAIN}")
        try:
            return cls._parse(data, begin)
        except (struct.error, ValueError, OverflowError) as problem:
            raise JpegIndexError(f"{name} is damaged: {problem}; {_AGAIN}") from problem

    @classmethod
    def _parse(cls, data: bytes, at: int) -> "JpegIndex":
        size, headers, every, count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        scans = []
        for _ in range(count):
            header, start, stop, length, parts = _SCAN.unpack_from(data, at)
            at += _SCAN.size
            columns = []
            for kind, width in _kinds(parts):
                column = np.frombuffer(data, kind, length * width, at).reshape(length, width)
                columns.append(column)
                at += column.nbytes
            scans.append(ScanIndex(header, start, stop, parts, _joined(columns, start, parts)))
        return cls(size, headers, every, tuple(scans))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file, completely or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        put_in_place(Path(path), self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "JpegIndex":
        """Read an index from the file that `save` wrote.

        Returns:
            The index.

        Raises:
            JpegIndexError: If the file is damaged, or is not an index.
            OSError: If it cannot be opened.
        """
        return cls.from_bytes(Path(path).read_bytes(), str(path))


def _kinds(parts: int) -> list[tuple[Any, int]]:
    """Return type and width of the columns of a scan with this many components: steps of position, bits, DC, hashes."""
    return [(np.dtype("<u4"), 1), (np.dtype("<u1"), 1), (np.dtype("<i2"), parts), (np.dtype("<u4"), 1)]


def _columns(scan: ScanIndex) -> list[np.ndarray[Any, Any]]:
    entries = scan.entries
    parts = [
        np.diff(entries[:, L.ENTRY_AT], prepend=scan.start),
        entries[:, L.ENTRY_BIT],
        entries[:, L.ENTRY_DC : L.ENTRY_DC + scan.parts],
        entries[:, L.ENTRY_HASH],
    ]
    return [part.astype(kind) for part, (kind, _) in zip(parts, _kinds(scan.parts), strict=True)]


def _joined(columns: list[np.ndarray[Any, Any]], start: int, parts: int) -> Integers:
    steps, bits, predictions, hashes = columns
    entries = np.zeros((len(steps), L.ENTRY), np.int64)
    entries[:, L.ENTRY_AT] = start + np.cumsum(steps[:, 0], dtype=np.int64)
    entries[:, L.ENTRY_BIT] = bits[:, 0]
    entries[:, L.ENTRY_DC : L.ENTRY_DC + parts] = predictions
    entries[:, L.ENTRY_HASH] = hashes[:, 0]
    return entries
