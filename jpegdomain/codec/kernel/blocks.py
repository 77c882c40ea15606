"""A scan of a baseline or extended sequential frame (T.81 F.2)."""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined
from jpegdomain.tables import ZIGZAG

from . import layout as L
from .huffman import LONG, STOP, Word, entry_at, first_size, refilled, steps_of, symbol_at, value_of
from .layout import Bytes, Integers, Memory, Samples, Skips, Tables

__all__ = ["LAST_WANTED", "ORDER", "difference", "fill_block", "pass_over", "prepare_skips"]

_BAD: Final = 100  # a zigzag position that only damaged data leads to: beyond the block, below `STOP`

_U20 = np.uint64(20)
_U32 = np.uint64(32)
_M6 = np.uint64(63)
_M8 = np.uint64(255)
_SKIP_SHIFT = np.uint64(64 - L.SKIP_PROBE)


def _orders() -> Bytes:
    """Return uint8 (9, 256): in row m, for zigzag position k, the place m·α+β among the m×m lowest coefficients."""
    # One extra place takes coefficients that are not wanted. Positions from 64 on, which ends of blocks lead to, write
    # a zero to the last place, which is zero at that time.
    orders = np.zeros((9, 64 + 192), np.uint8)
    for m in range(1, 9):
        rows, columns = ZIGZAG // 8, ZIGZAG % 8
        orders[m, :64] = np.where((rows < m) & (columns < m), m * rows + columns, m * m)
        orders[m, 64:] = orders[m, 63]
    return orders


ORDER = _orders()
LAST_WANTED = np.array([0] + [int(np.flatnonzero(ORDER[m, :64] < m * m).max()) for m in range(1, 9)])
"""For m: the last zigzag position among the m×m lowest."""


@inlined
def difference(word: Word, bits: int, at: int, memory: Memory, table: int) -> tuple[Word, int, int, int, bool]:
    """Decode a DC difference (T.81 F.2.2.1)."""
    tables, scratch = memory.tables, memory.scratch
    word, bits, at = refilled(word, bits, at, scratch)
    entry = entry_at(word, tables, table)
    if steps_of(entry) == LONG:
        length, size = symbol_at(word, tables, table)
        value = value_of(word << np.uint64(length), size)
        used = length + size
        return word << np.uint64(used), bits - used, at, value, length > 0
    used = np.int64(entry & _M6)
    return word << np.uint64(used), bits - used, at, np.int64(entry) >> 48, True


@inlined
def fill_block(
    word: Word, bits: int, at: int, memory: Memory, table: int, target: Samples, base: int, order: Bytes, last: int
) -> tuple[Word, int, int, int]:
    """Decode AC coefficients at least up to zigzag position `last`, into a block of zeros (T.81 F.2.2.2)."""
    # Returns the reservoir, and the position reached: 63 or more at the block's end, between 64 and `STOP` for damage.
    tables, scratch = memory.tables, memory.scratch
    k = 0
    while k < last:
        word, bits, at = refilled(word, bits, at, scratch)
        for _ in range(4):
            entry = entry_at(word, tables, table)
            one = k + steps_of(entry)
            if one < 63:
                target[np.uint64(base + order[np.uint64(one)])] = np.int16(entry >> _U32)
                k = one + np.int64((entry >> _U20) & _M8)
                target[np.uint64(base + order[np.uint64(k)])] = np.int16(np.int64(entry) >> 48)
                used = entry & _M6
                word <<= used
                bits -= np.int64(used)
                if k >= last:
                    break
            else:
                word, bits, at, k = _one_symbol(word, bits, at, memory, table, target, base, order, k)
                break
    return word, bits, at, k


@inlined
def _one_symbol(
    word: Word, bits: int, at: int, memory: Memory, table: int, target: Samples, base: int, order: Bytes, k: int
) -> tuple[Word, int, int, int]:
    """Decode any symbol and its value: a long one, an end of block, or the block's last coefficient."""
    tables, scratch = memory.tables, memory.scratch
    entry = entry_at(word, tables, table)
    steps = steps_of(entry)
    if steps < LONG:
        k += steps
        if k < 64:
            target[np.uint64(base + order[np.uint64(k)])] = np.int16(entry >> _U32)
        used = first_size(entry)
        return word << used, bits - np.int64(used), at, k
    word, bits, at = refilled(word, bits, at, scratch)
    length, symbol = symbol_at(word, tables, table)
    run, size = symbol >> 4, symbol & 15
    if length == 0:
        k = _BAD
    elif size == 0 and run < 15:
        k = STOP
    else:
        k += run + 1
        if k < 64:
            target[np.uint64(base + order[np.uint64(k)])] = np.int16(value_of(word << np.uint64(length), size))
    used = np.uint64(length + size)
    return word << used, bits - np.int64(used), at, k


@inlined
def pass_over(
    word: Word, bits: int, at: int, memory: Memory, table: int, out: Samples, draft: int, k: int
) -> tuple[Word, int, int, int]:
    """Skip the rest of a block from zigzag position k on, several symbols at a time; returns as `fill_block` does."""
    # Writes that cannot be avoided go to the block at `draft`.
    scratch, skips, skip = memory.scratch, memory.skips, table // L.STRIDE * L.SKIPS
    while k < 63:
        word, bits, at = refilled(word, bits, at, scratch)
        for _ in range(4):
            entry = np.int64(skips[np.uint64(skip) + (word >> _SKIP_SHIFT)])
            reached = k + (entry >> 4)
            # The entry may reach beyond the block's end into the next block: there is no end of block after position
            # 63.
            if (reached & (STOP - 1)) + (reached >> 7) > 63:
                word, bits, at, k = _one_symbol(word, bits, at, memory, table, out, draft, ORDER[8], k)
                break
            word <<= np.uint64(entry & 15)
            bits -= entry & 15
            k = reached
            if k >= 63:
                break
    return word, bits, at, k


@compiled
def prepare_skips(state: Integers, memory: Memory) -> None:
    """Build the tables that `pass_over` needs for the scan."""
    tables, skips = memory.tables, memory.skips
    for part in range(state[L.PARTS]):
        table = state[L.AC + part]
        if tables[table + L.SKIP_BUILT] == np.uint64(0):
            _build_skips(tables, table, skips, table // L.STRIDE * L.SKIPS)
            tables[table + L.SKIP_BUILT] = np.uint64(1)


@compiled
def _build_skips(tables: Tables, table: int, skips: Skips, skip: int) -> None:
    """For every pattern of `SKIP_PROBE` bits: in 4 bits, how many of them whole symbols take; above, their steps."""
    for probe in range(L.SKIPS):
        used, steps = 0, 0
        while steps < STOP:
            word = np.uint64(probe << used) << _SKIP_SHIFT
            entry = entry_at(word, tables, table)
            step = steps_of(entry)
            size = np.int64(first_size(entry))
            if step == LONG:
                length, symbol = symbol_at(word, tables, table)
                if length == 0 or symbol & 15 == 0:
                    break
                step, size = (symbol >> 4) + 1, length + (symbol & 15)
            if used + size > L.SKIP_PROBE or (step < STOP and steps + step > 63):
                break
            used += size
            steps += step
        # Not even one whole symbol: the steps lead beyond any block.
        skips[skip + probe] = np.uint16(used | (steps << 4)) if used > 0 else np.uint16(64 << 4)
