"""The next bits of a scan, in a word: left-aligned, refilled a word at a time without a branch.

A reservoir is three variables that travel together: `word` uint64, whose `bits` most significant bits are valid
and the others the bits that follow or zero; and `at`, the position of the next byte to take.
"""

from typing import Any, TypeAlias

import numpy as np

from jpegdomain.compiled.jit import inlined

from .huffman import search
from .slots import PROBE, Tables
from .words import Bytes, load

__all__ = ["Word", "peek", "refilled", "symbol_at", "value_of"]

Word: TypeAlias = Any
"""np.uint64; mypy knows no arithmetic between it and integers that Numba would not turn into floats."""

_PROBE_SHIFT = np.uint64(64 - PROBE)


@inlined
def refilled(word: Word, bits: int, at: int, scratch: Bytes) -> tuple[Word, int, int]:
    """Fill the reservoir up to 56 bits or more."""
    word |= load(scratch, at) >> np.uint64(bits)
    return word, bits | 56, at + ((63 - bits) >> 3)


@inlined
def peek(word: Word, count: int) -> int:
    """Look at the next `count` bits, 0…16, as a number."""
    return np.int64((word >> np.uint64(1)) >> np.uint64(63 - count))


@inlined
def value_of(word: Word, size: int) -> int:
    """Read the next `size` bits, 0…16, as a coefficient or difference (T.81 F.2.2.1, EXTEND)."""
    value = peek(word, size)
    # The first bit is 0 for negative values, which are offset by 2^size − 1.
    negative = np.int64(~word >> np.uint64(63))
    return value - (negative << size) + negative


@inlined
def symbol_at(word: Word, tables: Tables, table: int) -> tuple[int, int]:
    """Decode the next symbol of a `LONG` entry: its code's length (0 if it is no code) and the symbol."""
    entry = tables[np.uint64(table) + (word >> _PROBE_SHIFT)]
    length = np.int64(entry & np.uint64(63))
    if length > 0:
        return length, np.int64((entry >> np.uint64(32)) & np.uint64(255))
    return search(tables, table, peek(word, 16))
