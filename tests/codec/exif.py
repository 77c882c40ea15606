"""EXIF blocks made by hand: TIFF directories with any entries."""

import struct

import PIL
import pytest

reads_as_pillow_13 = pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13, reason="Pillow before 13 reads EXIF entries of unusual types differently"
)


def entry(order, kind, count, value, tag=0x0112):
    """Twelve bytes of a directory; the value is packed as a 32-bit number, or four bytes as they are."""
    if isinstance(value, bytes):
        return struct.pack(order + "HHI", tag, kind, count) + value
    return struct.pack(order + "HHII", tag, kind, count, value)


def tiff(order, *entries, head=None, start=8, count=None, tail=b"", following=b"\0\0\0\0"):
    """A TIFF structure of one directory, which begins at byte `start`."""
    head = head or {"<": b"II*\0", ">": b"MM\0*"}[order]
    number = len(entries) if count is None else count
    directory = struct.pack(order + "H", number) + b"".join(entries) + following
    return (head + struct.pack(order + "I", start)).ljust(start, b"\0") + directory + tail


def oriented(data, orientation):
    """Return a JPEG file with an EXIF segment with this orientation after its first marker."""
    block = b"Exif\0\0" + tiff("<", entry("<", 3, 1, orientation))
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
