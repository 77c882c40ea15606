"""From blocks to the symbols of progressive scans, compiled (T.81 G.1.2): spectral bands, bit after bit.

An entry is as in `packing`: 256·table + symbol above, the bits that follow in the low 16. Tables 0 and 1 are the scan's
Huffman tables; in `layout.RAW`, which has no codes, a symbol is the number of bits that follow.
"""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined
from jpegdomain.tables import ZIGZAG

from . import layout as L
from .layout import Integers, Planes, Samples
from .packing import Entries

__all__ = ["tokenize_band", "tokenize_dc"]

_RAW: Final = 256 * L.RAW
_MOST_BITS: Final = 16
_RUN_OF_16: Final = 0xF0
_LONGEST_RUN: Final = 0x7FFF


def tokenize_dc(
    planes: Planes,
    geometry: Integers,
    grid: tuple[int, int],
    entries: Entries,
    before: Integers,
    ends: Integers,
    interval: int,
    low: int,
    refine: bool,
) -> int:
    """Turn the DC coefficients of a scan into entries: all their bits from `low` up, or only this bit.

    Blocks that only fill the last MCUs repeat the DC coefficient of the previous block.

    Args:
        planes: As for `packing.tokenize`.
        geometry: (components, 3): blocks of an MCU, vertically and horizontally, and the Huffman table, 0 or 1.
        grid: MCU rows and columns.
        entries: Output, with room for one per block.
        before: (8,), working memory.
        ends: To be filled: the number of entries up to the end of each restart interval.
        interval: MCUs in each restart interval but the last.
        low: Al, the bit.
        refine: Whether the bits above have been sent.

    Returns:
        The number of entries, or −1 − the index of the component that has a coefficient out of range.
    """
    count, mcu = 0, 0
    before[:] = 0
    for down in range(grid[0]):
        for right in range(grid[1]):
            if mcu > 0 and mcu % interval == 0:
                ends[mcu // interval - 1] = count
                before[:] = 0
            mcu += 1
            for index in range(geometry.shape[0]):
                plane = planes[index]
                tall, wide, table = geometry[index, 0], geometry[index, 1], geometry[index, 2]
                for row in range(down * tall, down * tall + tall):
                    for column in range(right * wide, right * wide + wide):
                        value = before[index]
                        if row < plane.shape[0] and column < plane.shape[1]:
                            value = np.int64(plane[row, column, 0])
                        # The same limit as in sequential files.
                        if abs(value - before[index]) > L.LARGEST_DC_STEP:
                            return -1 - index
                        before[index] = value
                        if refine:
                            count = _add(entries, count, _RAW + 1, value >> low & 1)
                            continue
                        value >>= low
                        count = _emit(entries, count, 256 * table, value - before[4 + index])
                        before[4 + index] = value
    ends[len(ends) - 1] = count
    return count


def tokenize_band(
    plane: Samples,
    entries: Entries,
    ends: Integers,
    interval: int,
    band: tuple[int, int, int, int],
    table: int,
) -> int:
    """Turn a band of AC coefficients of one component into entries.

    Args:
        plane: (block rows, block columns, 64), row-major frequency order.
        entries: Output, with room for 128 per block.
        ends: To be filled: the number of entries up to the end of each restart interval.
        interval: Blocks in each restart interval but the last.
        band: Ss, Se, Ah, Al.
        table: The Huffman table, 0 or 1.

    Returns:
        The number of entries, or −1 for a coefficient out of range.
    """
    first, last, high, low = band
    place = 256 * table
    count, run, begun, number = 0, 0, 0, 0
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            if number > 0 and number % interval == 0:
                count, run = _end_run(entries, count, place, run, begun), 0
                ends[number // interval - 1] = count
            number += 1
            block = plane[row, column]
            zeros, held, bits, last_new = 0, np.uint64(0), 0, _last_new(block, first, last, high, low)
            if last_new < 0:
                return -1
            for k in range(first, last + 1):
                value = np.int64(block[ZIGZAG[k]])
                size = abs(value) >> low
                if size == 0:
                    zeros += 1
                    continue
                while zeros > 15 and k <= last_new:
                    count, run = _end_run(entries, count, place, run, begun), 0
                    count = _add(entries, count, place + _RUN_OF_16, 0)
                    count, held, bits = _emit_bits(entries, count, held, bits), np.uint64(0), 0
                    zeros -= 16
                if high > 0 and size > 1:
                    # Already known to be non-zero: one more bit, after the next symbol.
                    held, bits = held << np.uint64(1) | np.uint64(size & 1), bits + 1
                    continue
                count, run = _end_run(entries, count, place, run, begun), 0
                if high > 0:
                    count = _add(entries, count, place + 16 * zeros + 1, np.int64(value > 0))
                    count, held, bits = _emit_bits(entries, count, held, bits), np.uint64(0), 0
                else:
                    count = _emit(entries, count, place + 16 * zeros, size if value > 0 else -size)
                zeros = 0
            if zeros > 0 or bits > 0:
                if run == 0:
                    # The symbol of the run comes before the bits of its blocks, but its length is only known later.
                    begun, count = count, count + 1
                run += 1
                count = _emit_bits(entries, count, held, bits)
                if run == _LONGEST_RUN:
                    count, run = _end_run(entries, count, place, run, begun), 0
    ends[len(ends) - 1] = _end_run(entries, count, place, run, begun)
    return count


@compiled
def _last_new(block: Samples, first: int, last: int, high: int, low: int) -> int:
    """Return the last position whose coefficient becomes non-zero here, 0 for none; −1 if one is out of range."""
    found = 0
    for k in range(first, last + 1):
        size = abs(np.int64(block[ZIGZAG[k]]))
        if size > L.LARGEST_AC:
            return -1
        size >>= low
        if size == 1 or (high == 0 and size > 0):
            found = k
    return found


@inlined
def _end_run(entries: Entries, count: int, place: int, run: int, begun: int) -> int:
    """Write the symbol of a run of blocks that have ended, in the place left for it. Returns the number of entries."""
    if run > 0:
        size = 0
        while run >> size > 1:
            size += 1
        entries[begun] = place + 16 * size << 16 | run - (1 << size)
    return count


@inlined
def _emit(entries: Entries, count: int, place: int, value: int) -> int:
    """Add an entry: 256·table + 16·run, to which the bits of a value are added."""
    size = 0
    while abs(value) >> size > 0:
        size += 1
    return _add(entries, count, place + size, value + (value >> 63) & (1 << size) - 1)


@inlined
def _add(entries: Entries, count: int, symbol: int, bits: int) -> int:
    entries[count] = symbol << 16 | bits
    return count + 1


@inlined
def _emit_bits(entries: Entries, count: int, held: np.uint64, bits: int) -> int:
    """Add bits without a code, at most 63."""
    while bits > 0:
        size = min(bits, _MOST_BITS)
        bits -= size
        count = _add(entries, count, _RAW + size, np.int64(held >> np.uint64(bits)) & (1 << size) - 1)
    return count
