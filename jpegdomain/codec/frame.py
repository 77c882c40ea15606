"""The frame header: size, components, sampling factors, and which kinds of JPEG are read (T.81 B.2.2)."""

from dataclasses import dataclass
from typing import Final

from jpegdomain.errors import DamagedJpegError, UnsupportedJpegError
from jpegdomain.geometry import Extent, component_extent

from .complaints import RE_ENCODE, complaint
from .segments import Segment

__all__ = ["Frame", "FrameComponent", "is_frame", "read_frame"]

_PROGRESSIVE: Final = 0xC2
_READ: Final = {0xC0, 0xC1, _PROGRESSIVE}
_REFUSED: Final = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical lossless",
    0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded",
    0xCB: "arithmetic-coded lossless",
    0xCD: "hierarchical arithmetic-coded",
    0xCE: "hierarchical arithmetic-coded",
    0xCF: "hierarchical arithmetic-coded lossless",
    # These announce their kind of frame without being one.
    0xCC: "arithmetic-coded",
    0xDE: "hierarchical",
    0xF7: "JPEG-LS",
}
# libjpeg's own limit, a little below the format's 65535.
_LARGEST_SIDE: Final = 65500
_LARGEST_FACTOR: Final = 4


@dataclass(frozen=True, slots=True)
class FrameComponent:
    """What the frame header says of one component.

    Attributes:
        identifier: Its identifier, 0…255.
        factors: Vertical and horizontal sampling factors V, H.
        table: The slot, 0…3, of its quantisation table.
        extent: Its own size in samples (T.81 A.1.1).
    """

    identifier: int
    factors: tuple[int, int]
    table: int
    extent: Extent

    @property
    def blocks(self) -> int:
        """Number of 8×8 blocks of the component, those that only fill an MCU left out."""
        rows, columns = self.extent.blocks
        return rows * columns


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header.

    Attributes:
        extent: The image's height and width in pixels.
        components: In file order.
        progressive: Whether the frame is SOF2.
        largest: The largest vertical and horizontal sampling factors.
    """

    extent: Extent
    components: tuple[FrameComponent, ...]
    progressive: bool
    largest: tuple[int, int]


def is_frame(marker: int) -> bool:
    """Tell whether a marker starts a frame, or announces one, of any kind.

    Args:
        marker: The marker's second byte.

    Returns:
        Whether `read_frame` is to be asked about it.
    """
    return marker in _READ or marker in _REFUSED


def read_frame(segment: Segment, source: str) -> Frame:
    """Read a frame header, or say why its kind is not read.

    Args:
        segment: A segment for which `is_frame` holds.
        source: The file's name, for messages.

    Returns:
        The frame.

    Raises:
        UnsupportedJpegError: If the frame is legal but not 8-bit Huffman-coded DCT of one or three
            components, if its height is given later, or a component's sampling is no whole fraction of the
            image's.
        DamagedJpegError: If it contradicts itself or the standard.
    """
    if segment.marker in _REFUSED:
        raise UnsupportedJpegError(
            complaint(source, f"{_REFUSED[segment.marker]} JPEG is not read", segment.offset, advice=RE_ENCODE)
        )
    payload = segment.payload
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise DamagedJpegError(complaint(source, "the frame header has the wrong length", segment.offset))
    precision, count = payload[0], payload[5]
    extent = Extent(int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big"))
    _check_kind(precision, count, segment, source)
    _check_size(extent, segment, source)

    identifiers = payload[6::3]
    if len(set(identifiers)) < count:
        raise DamagedJpegError(complaint(source, "two components have the same identifier", segment.offset))
    factors = [(packed % 16, packed // 16) for packed in payload[7::3]]
    if any(not 1 <= factor <= _LARGEST_FACTOR for pair in factors for factor in pair):
        raise DamagedJpegError(complaint(source, "a sampling factor is not in 1…4", segment.offset))
    largest = (max(vertical for vertical, _ in factors), max(horizontal for _, horizontal in factors))
    if any(largest[axis] % pair[axis] for pair in factors for axis in (0, 1)):
        listed = ", ".join(f"{horizontal}x{vertical}" for vertical, horizontal in factors)
        raise UnsupportedJpegError(
            complaint(source, f"sampling factors {listed} are not whole multiples", segment.offset, advice=RE_ENCODE)
        )
    components = tuple(
        FrameComponent(identifier, pair, table, component_extent(extent, pair, largest))
        for identifier, pair, table in zip(identifiers, factors, payload[8::3], strict=True)
    )
    return Frame(extent, components, segment.marker == _PROGRESSIVE, largest)


def _check_kind(precision: int, count: int, segment: Segment, source: str) -> None:
    if precision == 12:
        raise UnsupportedJpegError(complaint(source, "12-bit JPEG is not read", segment.offset, advice=RE_ENCODE))
    if precision != 8:
        raise DamagedJpegError(complaint(source, f"{precision} bits a sample", segment.offset))
    if count == 0:
        raise DamagedJpegError(complaint(source, "the frame has no components", segment.offset))
    if count == 4:
        raise UnsupportedJpegError(
            complaint(source, "four components (CMYK or YCCK) are not read", segment.offset, advice=RE_ENCODE)
        )
    if count not in {1, 3}:
        raise UnsupportedJpegError(
            complaint(source, f"{count} components are not read", segment.offset, advice=RE_ENCODE)
        )


def _check_size(extent: Extent, segment: Segment, source: str) -> None:
    if extent.height == 0 and extent.width > 0:
        raise UnsupportedJpegError(
            complaint(source, "a height that only a DNL segment gives is not read", segment.offset, advice=RE_ENCODE)
        )
    if extent.width == 0:
        raise DamagedJpegError(complaint(source, f"the image is {extent} pixels", segment.offset))
    if max(extent) > _LARGEST_SIDE:
        raise UnsupportedJpegError(
            complaint(
                source,
                f"{extent} pixels are more than {_LARGEST_SIDE} a side",
                segment.offset,
                advice=RE_ENCODE,
            )
        )
