"""Huffman tables: from their definition (T.81 C.2) to entries that hold up to two symbols and their values.

An entry of a table stands for the next `PROBE` bits, and holds, least significant bit first:

    6 bits   length of all that the entry holds
    6 bits   length of the first symbol's code and value; of its code alone where ``LONG``
    8 bits   steps of the zigzag position to the first coefficient: run + 1, or `STOP` for an end of block
    8 bits   steps from there to the second, 0 if there is none
    4 bits   nothing
    16 bits  value of the first coefficient; the symbol where ``LONG``
    16 bits  value of the second; of the first if there is none

where `LONG` steps mean that the probe does not hold all of the first symbol. In a progressive frame an entry holds one
symbol, and runs of blocks (EOBn) are ``LONG``, too; in a scan that refines, where values are not part of the symbols,
all entries are ``LONG``.
"""

from typing import Any, Final, TypeAlias

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from . import layout as L
from .layout import Bytes, Memory, Tables
from .words import load

__all__ = [
    "LONG",
    "STOP",
    "Word",
    "entry_at",
    "first_size",
    "peek",
    "refilled",
    "steps_of",
    "symbol_at",
    "table_for",
    "value_of",
]

STOP: Final = 128
LONG: Final = 192
DC_CLASS: Final = 0
AC_CLASS: Final = 1
PROGRESSIVE_AC: Final = 2
REFINING_AC: Final = 3

_TWICE = np.uint64((1 << 32) | (1 << 48))


@compiled
def table_for(data: Bytes, at: int, kind: int, slot: int, memory: Memory) -> int:
    """Return the position in `memory.tables` of the table defined at `at` (counts, symbols); build it if necessary."""
    # Tables that the scan already uses, those in ``work[PINNED:]``, are not replaced.
    work, scratch = memory.work, memory.scratch
    size = 16
    for i in range(16):
        size += np.int64(data[at + i])
    # Most files of a data set have the same tables.
    usual = L.USUAL + 8 * kind + slot
    place = work[usual]
    if work[L.HASHES + place] > 0 and _same(data, at, size, kind, scratch, L.KEYS + place * L.KEY):
        return place * L.STRIDE
    number = np.uint64(14695981039346656037) ^ np.uint64(kind)
    prime = np.uint64(1099511628211)
    whole = size & ~7
    for i in range(0, whole, 8):
        number = (number ^ load(data, at + i)) * prime
        number ^= number >> np.uint64(29)
    for i in range(whole, size):
        number = (number ^ np.uint64(data[at + i])) * prime
    # 0 marks empty places.
    name = np.int64(number >> np.uint64(2)) + 1
    for place in range(L.STORE):
        if work[L.HASHES + place] == name and _same(data, at, size, kind, scratch, L.KEYS + place * L.KEY):
            work[usual] = place
            return place * L.STRIDE
    place = work[L.CLOCK]
    free = False
    while not free:
        place = (place + 1) % L.STORE
        free = True
        for i in range(8):
            free = free and work[L.PINNED + i] != place * L.STRIDE
    work[L.CLOCK] = place
    work[usual] = place
    work[L.HASHES + place] = name
    key = L.KEYS + place * L.KEY
    scratch[key] = np.uint8(kind)
    for i in range(size):
        scratch[key + 8 + i] = data[at + i]
    _build(scratch, key + 8, kind, memory.tables, place * L.STRIDE)
    return place * L.STRIDE


@compiled
def _same(data: Bytes, at: int, size: int, kind: int, scratch: Bytes, key: int) -> bool:
    """Compare a definition with a stored one, a word at a time."""
    if scratch[key] != kind:
        return False
    key += 8
    whole = size & ~7
    for i in range(0, whole, 8):
        if load(data, at + i) != load(scratch, key + i):
            return False
    for i in range(whole, size):  # noqa: SIM110 (Numba knows no generators)
        if data[at + i] != scratch[key + i]:
            return False
    return True


@compiled
def _build(scratch: Bytes, at: int, kind: int, tables: Tables, base: int) -> None:
    """Build a table at ``tables[base:]`` from counts and symbols."""
    code, position, filled = 0, 0, base
    for length in range(1, 17):
        tables[base + L.DELTAS + length] = np.uint64(position - code)
        for _ in range(np.int64(scratch[at + length - 1])):
            symbol = np.int64(scratch[at + 16 + position])
            tables[base + L.SYMBOLS + position] = np.uint64(symbol)
            if length <= L.PROBE:
                filled = _fill(length, symbol, kind, tables, filled)
            code += 1
            position += 1
        tables[base + L.LIMITS + length] = np.uint64(code << (16 - length))
        code <<= 1
    for probe in range(filled, base + (1 << L.PROBE)):
        tables[probe] = np.uint64(LONG << 12)
    if kind == AC_CLASS:
        _add_second(tables, base)
    tables[base + L.SKIP_BUILT] = np.uint64(0)


@compiled
def _fill(length: int, symbol: int, kind: int, tables: Tables, at: int) -> int:
    """Make the entries that begin with one code, without second symbols. Returns the position after them."""
    run, size = _run_and_size(symbol, kind)
    used = length + size
    if used > L.PROBE or run >= LONG or kind == REFINING_AC:
        end = at + (1 << (L.PROBE - length))
        entry = np.uint64(length | (length << 6) | (LONG << 12) | (symbol << 32))
        for probe in range(at, end):
            tables[probe] = entry
        return end
    count = 1 << (L.PROBE - used)
    for bits in range(1 << size):
        # Values whose first bit is 0 are negative (T.81 F.2.2.1, EXTEND).
        value = bits - (1 << size) + 1 if 2 * bits < 1 << size else bits
        entry = np.uint64(used | (used << 6) | (run << 12)) | (np.uint64(value & 0xFFFF) * _TWICE)
        for probe in range(at, at + count):
            tables[probe] = entry
        at += count
    return at


@compiled
def _add_second(tables: Tables, base: int) -> None:
    """Add to each entry the symbol that its unused bits lead to. What it says about its first symbol stays."""
    for probe in range(1 << L.PROBE):
        entry = np.int64(tables[base + probe])
        used, run = (entry >> 6) & 63, (entry >> 12) & 255
        if run < STOP:
            second = np.int64(tables[base + ((probe << used) & ((1 << L.PROBE) - 1))])
            steps, both = (second >> 12) & 255, used + ((second >> 6) & 63)
            if steps < LONG and both <= L.PROBE:
                first = (entry >> 32) & 0xFFFF
                joined = both | (used << 6) | (run << 12) | (steps << 20) | (first << 32)
                tables[base + probe] = np.uint64(joined) | (np.uint64((second >> 32) & 0xFFFF) << np.uint64(48))


@inlined
def _run_and_size(symbol: int, kind: int) -> tuple[int, int]:
    """Split a symbol into the steps to its coefficient and the coefficient's bits (T.81 F.1.2)."""
    if kind == DC_CLASS:
        return 0, symbol
    run, size = symbol >> 4, symbol & 15
    if size == 0 and run < 15:
        # In a sequential frame libjpeg treats any such symbol as an end of block; in a progressive one they are EOBn.
        return (LONG if kind == PROGRESSIVE_AC else STOP), 0
    return run + 1, size


@inlined
def _search(tables: Tables, base: int, look: int) -> tuple[int, int]:
    """Decode a code longer than a probe from the next 16 bits (F.2.2.3). Returns its length, 0 for none, and symbol."""
    for length in range(L.PROBE + 1, 17):
        if look < np.int64(tables[np.uint64(base + L.LIMITS + length)]):
            place = (look >> (16 - length)) + np.int64(tables[np.uint64(base + L.DELTAS + length)])
            return length, np.int64(tables[np.uint64(base + L.SYMBOLS + place)])
    return 0, 0


Word: TypeAlias = Any
"""np.uint64; in mypy's types, arithmetic with integers is only possible where Numba would make floats."""

_PROBE_SHIFT = np.uint64(64 - L.PROBE)


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
def entry_at(word: Word, tables: Tables, table: int) -> Word:
    """Return the entry for the next bits."""
    return tables[np.uint64(table) + (word >> _PROBE_SHIFT)]


@inlined
def steps_of(entry: Word) -> int:
    """Return the steps of the zigzag position to an entry's first coefficient."""
    return np.int64((entry >> np.uint64(12)) & np.uint64(255))


@inlined
def first_size(entry: Word) -> Word:
    """Return the length of an entry's first symbol."""
    return (entry >> np.uint64(6)) & np.uint64(63)


@inlined
def symbol_at(word: Word, tables: Tables, table: int) -> tuple[int, int]:
    """Decode the next symbol of a `LONG` entry: its code's length (0 if it is no code) and the symbol."""
    entry = entry_at(word, tables, table)
    length = np.int64(entry & np.uint64(63))
    if length > 0:
        return length, np.int64((entry >> np.uint64(32)) & np.uint64(255))
    return _search(tables, table, peek(word, 16))
