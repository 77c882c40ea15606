"""`read_header`: a file's size and sampling, without decoding anything."""

import struct
from dataclasses import dataclass

from jpegdomain.errors import DamagedJpegError, NotJpegError, TruncatedJpegError, UnsupportedJpegError
from jpegdomain.geometry import Extent, component_extent

from .complaints import GIVE_JPEG, complaint
from .metadata import orientation_of
from .sources import Source, load

__all__ = ["JpegHeader", "read_header"]

_EXIF = b"Exif\0\0"
_NO_FRAMES = {0xC4, 0xC8, 0xCC}
"""DHT, JPG and DAC, which stand among the numbers of the frame headers."""


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
    """Read a file's headers up to its frame header; whether the rest can be read, it does not say.

    Args:
        source: As for `read_jpeg`.

    Returns:
        Size, sampling factors and orientation.

    Raises:
        NotJpegError: If the data does not begin as a JPEG file does.
        TruncatedJpegError: If it ends before its frame header does.
        DamagedJpegError: If there is no marker where one must be, or the frame header is out of shape.
        UnsupportedJpegError: If the height comes after the first scan (T.81 B.2.5): `read_jpeg` knows it.
    """
    data, name = load(source)
    if data[:2] != b"\xff\xd8":
        raise NotJpegError(complaint(name, "no JPEG file begins like this", 0, advice=GIVE_JPEG))
    at, orientation = 2, 1
    try:
        while True:
            if data[at] != 0xFF:
                raise DamagedJpegError(complaint(name, "no marker where one must be", at))
            marker = data[at + 1]
            if marker == 0xFF:
                at += 1
                continue
            (length,) = struct.unpack_from(">H", data, at + 2)
            body = at + 4
            if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
                return _frame(data, body, orientation, name)
            if marker == 0xE1 and data[body : body + len(_EXIF)] == _EXIF:
                orientation = orientation_of(data[body + len(_EXIF) : at + 2 + length])
            if marker in {0xD9, 0xDA}:
                raise DamagedJpegError(complaint(name, "a scan or the end comes before any frame header", at, marker))
            at += 2 + length
    except (struct.error, IndexError):
        raise TruncatedJpegError(complaint(name, "the data ends before the frame header", len(data))) from None


def _frame(data: bytes, body: int, orientation: int, name: str) -> JpegHeader:
    """Read a frame header (T.81 B.2.2)."""
    _, height, width, count = struct.unpack_from(">BHHB", data, body)
    packed = [data[body + 7 + 3 * component] for component in range(count)]
    factors = tuple((value & 15, value >> 4) for value in packed)
    if not factors or width == 0 or not all(pair[0] and pair[1] for pair in factors):
        raise DamagedJpegError(complaint(name, "a frame header without width, components or factors", body))
    if height == 0:
        raise UnsupportedJpegError(
            complaint(name, "the height comes after the first scan", body, advice="take it from read_jpeg's record")
        )
    return JpegHeader(Extent(height, width), factors, orientation)
