"""The Huffman tables that code given symbols in the fewest bits, and the codes of a table (T.81 Annexes C and K.2)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .framing import huffman_segment
from .kernels import CODE_SIZES, PACK

__all__ = ["CodeBook"]

_LONGEST: Final = 16
_TABLES: Final = 4


class CodeBook:
    """The Huffman tables of one scan, or of several, that code their entries in the fewest bits.

    Args:
        counts: int64 (1024,): how often each table and symbol occurs.
        places: 16 · class (0 DC, 1 AC) + slot of each table; later tables have no codes.
        sizes: int64 (1024,): number of bits that follow each symbol, at most 16.

    Attributes:
        segment: The marker segment that defines the tables; empty if there are none.
    """

    def __init__(self, counts: NDArray[np.int64], places: Sequence[int], sizes: NDArray[np.int64]) -> None:
        self._codes, self._lengths = np.zeros(_TABLES * 256, np.uint64), np.zeros(_TABLES * 256, np.int64)
        self._sizes = sizes
        written = []
        for table, place in enumerate(places):
            here = slice(256 * table, 256 * table + 256)
            if counts[here].any():
                numbers, symbols = _optimal_table(counts[here])
                self._codes[here], self._lengths[here] = _canonical_codes(numbers, symbols)
                written.append((place, numbers, symbols))
        self.segment = huffman_segment(written) if written else b""
        # Twice the bits if every byte were FF.
        self._room = int((counts * (self._lengths + sizes)).sum()) // 4

    def packed(self, entries: NDArray[np.uint32], ends: NDArray[np.int64]) -> bytes:
        """Code entries that have been counted: see `kernel.packing.pack`."""
        out = np.empty(self._room + 16 * len(ends), np.uint8)
        written = PACK(entries, ends, self._codes, self._lengths, self._sizes, out)
        return out[:written].tobytes()


def _optimal_table(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make the table, BITS and HUFFVAL, that codes symbols of these frequencies in the fewest bits (K.1 to K.4)."""
    # The code lengths are those of a Huffman tree with an extra symbol of frequency 1, whose code is then removed, so
    # that no code consists only of ones; lengths above 16 are shortened. A symbol of frequency 0 gets no code.
    sizes = np.zeros(257, np.int64)
    # The symbol after the last one is the reserved symbol.
    CODE_SIZES(np.append(counts, 1), sizes, np.full(257, -1, np.int64))
    numbers = np.bincount(sizes, minlength=_LONGEST + 1)
    numbers[0] = 0
    _shorten(numbers)
    # The reserved symbol has one of the longest codes.
    numbers[np.flatnonzero(numbers)[-1:]] -= 1
    # A stable sort keeps the symbols of one length in their own order (figure K.4).
    order = np.argsort(sizes[:256], kind="stable")
    return numbers[1 : _LONGEST + 1], order[sizes[order] > 0]


def _canonical_codes(numbers: NDArray[np.int64], symbols: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return (256,) codes and lengths in bits by symbol, 0 for one without a code, from BITS and HUFFVAL (C.1, C.2)."""
    codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    lengths[symbols] = np.repeat(np.arange(1, _LONGEST + 1), numbers)
    code, at = 0, 0
    for number in numbers.tolist():
        code *= 2
        codes[symbols[at : at + number]] = np.arange(code, code + number)
        code, at = code + number, at + number
    return codes, lengths


def _shorten(numbers: NDArray[np.int64]) -> None:
    """Bring code lengths above 16 down to 16 (figure K.3): numbers of codes by length, from 0 on, changed in place."""
    for length in range(len(numbers) - 1, _LONGEST, -1):
        while numbers[length]:
            # Two siblings of the longest codes: one takes the place of their parent, the other comes below
            # the deepest code that is two bits shorter or more, whose symbol moves down a level with it.
            shorter = length - 2
            while not numbers[shorter]:
                shorter -= 1
            numbers[length] -= 2
            numbers[length - 1] += 1
            numbers[shorter + 1] += 2
            numbers[shorter] -= 1
