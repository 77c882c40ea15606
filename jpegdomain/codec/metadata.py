"""What the application segments say: the colour model, and the EXIF orientation."""

import struct
from typing import Final, Literal

__all__ = ["Color", "Metadata"]

Color = Literal["gray", "ycbcr", "rgb"]
"""What a file's components are."""

_JFIF: Final = 0xE0
_EXIF: Final = 0xE1
_ADOBE: Final = 0xEE
_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3


class Metadata:
    """Collects what matters of the APPn segments that stand before a file's first scan."""

    def __init__(self) -> None:
        self._jfif = False
        self._adobe_transform: int | None = None
        self._orientation: int | None = None

    def add(self, marker: int, payload: bytes) -> None:
        """Take note of one segment.

        Args:
            marker: The marker's second byte; others than APP0, APP1 and APP14 say nothing here.
            payload: The segment's parameters.
        """
        # The least lengths are libjpeg's: shorter segments are somebody else's.
        if marker == _JFIF and len(payload) >= 14 and payload.startswith(b"JFIF\0"):
            self._jfif = True
        elif marker == _ADOBE and len(payload) >= 12 and payload.startswith(b"Adobe"):
            self._adobe_transform = payload[11]
        elif marker == _EXIF and payload.startswith(b"Exif\0\0") and self._orientation is None:
            self._orientation = _orientation(payload[6:])

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1…8; 1, upright, where the file gives none or an unreadable one."""
        return self._orientation or 1

    def color(self, identifiers: tuple[int, ...]) -> Color:
        """Decide the colour model by libjpeg's default rules.

        Args:
            identifiers: The frame's component identifiers, one or three.

        Returns:
            ``gray`` for one component. For three, JFIF means YCbCr; else Adobe's transform 0 means RGB and
            any other YCbCr; else the identifiers R, G, B mean RGB; else YCbCr.
        """
        if len(identifiers) == 1:
            return "gray"
        if self._jfif:
            return "ycbcr"
        if self._adobe_transform is not None:
            return "rgb" if self._adobe_transform == 0 else "ycbcr"
        return "rgb" if bytes(identifiers) == b"RGB" else "ycbcr"


def _orientation(tiff: bytes) -> int:
    """Read tag 0x0112 of the first directory of a TIFF header (Exif 2.3, 4.6.2).

    Args:
        tiff: What follows ``Exif`` and two zero bytes.

    Returns:
        1…8, or 1 if the tag is absent or anything is out of shape.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * entry)
            if (tag, kind, count) == (_ORIENTATION_TAG, _SHORT, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1
