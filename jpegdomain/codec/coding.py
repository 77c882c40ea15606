"""The tables that a file defines on its way: quantisation, Huffman, restart interval (ITU-T T.81 B.2.4)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import DamagedJpegError
from jpegdomain.tables import ZIGZAG

from .complaints import complaint
from .segments import Segment

__all__ = ["CodingTables"]

_SLOTS: Final = 4
_AC: Final = 1
_LARGEST_DC_CATEGORY: Final = 15


class CodingTables:
    """The tables in force at some point of a file.

    Attributes:
        quantisation: By slot 0…3, uint16 (64,) steps in row-major frequency order 8α+β.
        huffman: The Huffman tables defined so far, as (class, slot): class 0 for DC, 1 for AC.
        restart_interval: MCUs between restart markers, 0 for none.
    """

    def __init__(self, source: str) -> None:
        self.quantisation: dict[int, NDArray[np.uint16]] = {}
        self.huffman: set[tuple[int, int]] = set()
        self.restart_interval = 0
        self._source = source

    def define_quantisation(self, segment: Segment) -> None:
        """Take a DQT segment (B.2.4.1).

        Args:
            segment: Any number of tables of 8-bit or 16-bit steps in zigzag order.

        Raises:
            DamagedJpegError: If the length, a precision, a slot or a step is impossible.
        """
        payload, at = segment.payload, 0
        while at < len(payload):
            wide, slot = divmod(payload[at], 16)
            size = 64 * (1 + wide)
            steps = payload[at + 1 : at + 1 + size]
            if wide > 1 or slot >= _SLOTS:
                raise self._damaged(f"quantisation table with precision {wide} in slot {slot}", segment)
            if len(steps) < size:
                raise self._damaged("a quantisation table is longer than its segment", segment)
            table = np.empty(64, np.uint16)
            table[ZIGZAG] = np.frombuffer(steps, ">u2" if wide else np.uint8)
            if not table.all():
                raise self._damaged("a quantisation table has a step of 0", segment)
            table.flags.writeable = False
            self.quantisation[slot] = table
            at += 1 + size

    def define_huffman(self, segment: Segment) -> None:
        """Take a DHT segment (B.2.4.2) and check that its codes can exist.

        Args:
            segment: Any number of tables.

        Raises:
            DamagedJpegError: If the length, a class, a slot, the code counts or a DC category is impossible.
        """
        payload, at = segment.payload, 0
        while at < len(payload):
            kind, slot = divmod(payload[at], 16)
            counts = payload[at + 1 : at + 17]
            symbols = payload[at + 17 : at + 17 + sum(counts)]
            if kind > _AC or slot >= _SLOTS:
                raise self._damaged(f"Huffman table of class {kind} in slot {slot}", segment)
            if len(counts) < 16 or len(symbols) < sum(counts):
                raise self._damaged("a Huffman table is longer than its segment", segment)
            if sum(counts) > 256 or not _codes_fit(counts):
                raise self._damaged("a Huffman table has more codes than there can be", segment)
            if kind != _AC and max(symbols, default=0) > _LARGEST_DC_CATEGORY:
                raise self._damaged("a Huffman table for DC has a category above 15", segment)
            self.huffman.add((kind, slot))
            at += 17 + len(symbols)

    def define_restarts(self, segment: Segment) -> None:
        """Take a DRI segment (B.2.4.4).

        Args:
            segment: The number of MCUs between restart markers.

        Raises:
            DamagedJpegError: If its length is not that of one number.
        """
        if len(segment.payload) != 2:
            raise self._damaged("the restart interval's segment has the wrong length", segment)
        self.restart_interval = int.from_bytes(segment.payload, "big")

    def _damaged(self, reason: str, segment: Segment) -> DamagedJpegError:
        return DamagedJpegError(complaint(self._source, reason, segment.offset))


def _codes_fit(counts: bytes) -> bool:
    """Tell whether a prefix code with these lengths exists (T.81 C.2).

    Args:
        counts: Sixteen numbers of codes, by length 1…16 bits.

    Returns:
        Whether at every length there are as many free codes as are asked for, the all-ones code kept free.
    """
    used = 0
    for bits, count in enumerate(counts, start=1):
        used = 2 * used + count
        if used >= 1 << bits:
            return False
    return True
