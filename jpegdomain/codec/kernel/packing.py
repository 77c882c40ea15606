"""From blocks to Huffman-coded bits, compiled: blocks become symbols, and symbols become bits (T.81 F.1.2).

An entry is one symbol with the bits that follow it, uint32: 256·table + symbol above, the extra bits in the
low 16. Tables 0 and 1 are for DC, 2 and 3 for AC; the low four bits of a symbol are the number of extra bits.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled.jit import inlined
from jpegdomain.tables import ZIGZAG

from . import layout as L
from .layout import Bytes, Integers, Planes
from .markers import RST0

__all__ = ["code_sizes", "pack", "tokenize"]

Entries: TypeAlias = NDArray[np.uint32]


_CATEGORIES: Final = np.array([value.bit_length() for value in range(L.LARGEST_DC_STEP + 1)], np.uint8)
# Zigzag positions by row-major index.
_PLACES: Final = np.argsort(ZIGZAG).astype(np.uint64)
# In a de Bruijn sequence, each position begins a different number of six bits: after multiplication by a power of two,
# the top six bits of the product tell which power it was.
_SEQUENCE: Final = np.uint64(0x03F79D71B4CB0A89)
_POWERS: Final = np.zeros(64, np.int64)
_POWERS[[(int(_SEQUENCE) << power) % 2**64 >> 58 for power in range(64)]] = np.arange(64)
_RUN_OF_16: Final = 0xF0


def tokenize(
    planes: Planes,
    geometry: Integers,
    grid: tuple[int, int],
    entries: Entries,
    counts: Integers,
    before: Integers,
    ends: Integers,
    interval: int,
) -> int:
    """Turn the blocks of one scan into entries, in the order of the scan (T.81 A.2).

    Blocks that only fill the last MCUs repeat the DC coefficient of the previous block, and are zero otherwise: two
    symbols.

    Args:
        planes: Four (block rows, block columns, 64) arrays, row-major frequency order; those beyond the scan's
            components are ignored.
        geometry: (components, 3): blocks of an MCU, vertically and horizontally, and the Huffman tables, 0 or 1.
        grid: MCU rows and columns.
        entries: Output, with room for 64 per block.
        counts: (1024,), added to: how often each table and symbol occurs.
        before: (4,), zeros: the DC coefficients of the previous blocks.
        ends: Output: the number of entries up to the end of each restart interval.
        interval: MCUs in each restart interval but the last; all MCUs for a scan without restarts.

    Returns:
        The number of entries, or −1 − the index of the component that has a coefficient out of range.
    """
    count, mcu = 0, 0
    for down in range(grid[0]):
        for right in range(grid[1]):
            if mcu > 0 and mcu % interval == 0:
                ends[mcu // interval - 1] = count
                before[:] = 0
            mcu += 1
            for index in range(geometry.shape[0]):
                plane = planes[index]
                tall, wide, table = geometry[index, 0], geometry[index, 1], geometry[index, 2]
                dc, ac = 256 * table, 256 * (2 + table)
                for row in range(down * tall, down * tall + tall):
                    for column in range(right * wide, right * wide + wide):
                        if row >= plane.shape[0] or column >= plane.shape[1]:
                            count = _emit(entries, counts, count, dc, 0)
                            count = _emit(entries, counts, count, ac, 0)
                            continue
                        block = plane[row, column]
                        value = np.int64(block[0]) - before[index]
                        before[index] = block[0]
                        if abs(value) > L.LARGEST_DC_STEP:
                            return -1 - index
                        count = _emit(entries, counts, count, dc, value)
                        # Bit γ says that the coefficient at zigzag position γ is not zero, so that the next one is
                        # found without branches. DC is already done.
                        left = np.uint64(0)
                        for place in range(1, 64):
                            left |= np.uint64(block[place] != 0) << _PLACES[place]
                        last = 0
                        while left:
                            others = left & left - np.uint64(1)
                            position = _POWERS[(left ^ others) * _SEQUENCE >> np.uint64(58)]
                            left = others
                            value = np.int64(block[ZIGZAG[position]])
                            if abs(value) > L.LARGEST_AC:
                                return -1 - index
                            run = position - last - 1
                            last = position
                            while run > 15:
                                count = _emit(entries, counts, count, ac + _RUN_OF_16, 0)
                                run -= 16
                            count = _emit(entries, counts, count, ac + 16 * run, value)
                        if last < 63:
                            count = _emit(entries, counts, count, ac, 0)
    ends[len(ends) - 1] = count
    return count


@inlined
def _emit(entries: Entries, counts: Integers, count: int, place: int, value: int) -> int:
    """Add an entry: `place` is 256·table + 16·run, to which the bits of the value are added. Returns the new count."""
    size = np.int64(_CATEGORIES[abs(value)])
    counts[place + size] += 1
    # A negative value is sent as the low bits of value − 1 (T.81 F.1.2.1.1).
    entries[count] = place + size << 16 | value + (value >> 63) & (1 << size) - 1
    return count + 1


def pack(
    entries: Entries, ends: Integers, codes: NDArray[np.uint64], lengths: Integers, sizes: Integers, out: Bytes
) -> int:
    """Write entries as bits, with ones to fill an interval's last byte, and a zero byte after every FF (T.81 F.1.2.3).

    Args:
        entries: From `tokenize`.
        ends: From `tokenize`; between two intervals there is a restart marker.
        codes: (1024,): Huffman codes by table and symbol.
        lengths: (1024,): their numbers of bits.
        sizes: (1024,): the number of bits that follow them, at most 16.
        out: Output, with room for twice the bits, and 8 bytes for each interval.

    Returns:
        The number of bytes.
    """
    written, first = 0, 0
    for interval in range(len(ends)):
        if interval > 0:
            out[written], out[written + 1] = 0xFF, RST0 + (interval - 1) % 8
            written += 2
        written = _pack_interval(entries, first, ends[interval], codes, lengths, sizes, out, written)
        first = ends[interval]
    return written


@inlined
def _pack_interval(
    entries: Entries,
    first: int,
    end: int,
    codes: NDArray[np.uint64],
    lengths: Integers,
    sizes: Integers,
    out: Bytes,
    written: int,
) -> int:
    """Write the entries from `first` to before `end` to ``out[written:]``. Returns the position after them."""
    held = np.uint64(0)
    bits = 0
    for at in range(first, end):
        entry = np.int64(entries[at])
        symbol = entry >> 16
        size = sizes[symbol]
        held = held << np.uint64(lengths[symbol] + size) | codes[symbol] << np.uint64(size) | np.uint64(entry & 0xFFFF)
        bits += lengths[symbol] + size
        # At most 31 bits remain and 32 are added, so 64 are enough.
        if bits >= 32:
            bits -= 32
            word = held >> np.uint64(bits)
            for shift in (24, 16, 8, 0):
                written = _put(out, written, np.uint8(word >> np.uint64(shift)))
    fill = -bits & 7
    held = held << np.uint64(fill) | np.uint64((1 << fill) - 1)
    bits += fill
    while bits:
        bits -= 8
        written = _put(out, written, np.uint8(held >> np.uint64(bits)))
    return written


@inlined
def _put(out: Bytes, at: int, byte: int) -> int:
    """Write a byte, and a zero after FF. Returns the position after it."""
    out[at] = byte
    if byte == 255:
        out[at + 1] = 0
        return at + 2
    return at + 1


def code_sizes(frequency: Integers, sizes: Integers, others: Integers) -> None:
    """Compute each symbol's code length, unlimited (T.81 figure K.1).

    Args:
        frequency: (257,): for each symbol and the reserved one; overwritten.
        sizes: (257,), zeros: output.
        others: (257,), all −1: the next symbol in the same subtree.
    """
    while True:
        # The two subtrees with the smallest frequencies; among equal ones, the one with the largest symbol.
        first, second = -1, -1
        for symbol in range(257):
            if frequency[symbol] == 0:
                continue
            if first < 0 or frequency[symbol] <= frequency[first]:
                first, second = symbol, first
            elif second < 0 or frequency[symbol] <= frequency[second]:
                second = symbol
        if second < 0:
            return
        frequency[first] += frequency[second]
        frequency[second] = 0
        sizes[first] += 1
        while others[first] >= 0:
            first = others[first]
            sizes[first] += 1
        others[first] = second
        sizes[second] += 1
        while others[second] >= 0:
            second = others[second]
            sizes[second] += 1
