"""The AC scans of a progressive frame: one component, a band of frequencies (T.81 G.1.2.2, G.1.2.3).

A block's mask says which of its coefficients are not zero, so that a refining scan looks only at these; for a block
that the scan does not change, one comparison is enough.
"""

from typing import Final, TypeAlias

import numpy as np

from jpegdomain.compiled.jit import inlined

from . import fault_codes as codes
from . import layout as L
from .feed import damage, more
from .huffman import LONG, Word, entry_at, first_size, peek, refilled, steps_of, symbol_at, value_of
from .layout import ZIGZAG_BYTES, Bytes, Integers, Memory, Samples
from .mcu import first_lost
from .scan import scan_of
from .words import lowest_bit

__all__ = ["ac_scan"]

_BAD: Final = -1

Band: TypeAlias = tuple[int, int, int, int]
"""Position of the Huffman table; Ss, Se, Al."""

_U0 = np.uint64(0)
_U1 = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_TOP = np.uint64(63)


@inlined
def _decode_interval(
    data: Bytes, out: Samples, origin: int, keep: int, state: Integers, memory: Memory, mcu: int, end: int, low: int
) -> tuple[int, int, int, int]:
    """Decode the first bits of a band, or one more bit, for `scan_of`."""
    work, scratch, masks = memory.work, memory.scratch, memory.masks
    first, last, refines = state[L.FIRST], state[L.LAST], state[L.HIGH] > 0
    band = state[L.AC], first, last, state[L.LOW]
    base = state[L.COMPONENT + L.FIELDS * state[L.PART] + L.BASE]
    start, index = origin + base, base // 64
    spare = origin + state[L.ROOM]
    # Bits `first` to `last`.
    in_band = (_ALL << np.uint64(first)) & (_ALL >> np.uint64(63 - last))
    stop = end
    if refines and state[L.MODE] == L.KEEP:
        # The bits of a block depend on what is already known about it.
        stop = first_lost(memory.lost, index + mcu, index + end, L.LOST_AC) - index
    word, bits, at, run = _U0, 0, 0, 0
    fault = codes.NO_FAULT
    while mcu < stop:
        if run > 0:
            # Blocks of a run have no new coefficients in this band: skip those that have no old ones either.
            if refines:
                while run > 0 and mcu < stop and masks[np.uint64(index + mcu)] & in_band == _U0:
                    mcu += 1
                    run -= 1
            else:
                step = min(run, stop - mcu)
                run -= step
                mcu += step
            if run == 0 or mcu == stop:
                continue
        here = start + 64 * mcu
        for j in range(64):
            out[np.uint64(spare + j)] = out[np.uint64(here + j)]
        mask = masks[np.uint64(index + mcu)]
        if refines:
            word, bits, at, run, mask = _refine(word, bits, at, memory, band, out, here, mask, run)
        else:
            word, bits, at, run, mask = _begin(word, bits, at, memory, band, out, here, mask)
        if run == _BAD:
            fault = damage(data, state, work, bits, at, codes.BAD_CODE)
        elif at > low:
            at, low, fault = more(data, state, work, scratch, bits, at)
        if fault:
            for j in range(64):
                out[here + j] = out[spare + j]
            return mcu, bits, at, fault
        masks[np.uint64(index + mcu)] = mask
        mcu += 1
    if stop < end:
        fault = damage(data, state, work, bits, at, codes.LOST_BEFORE)
    return mcu, bits, at, fault


@inlined
def _begin(
    word: Word, bits: int, at: int, memory: Memory, band: Band, out: Samples, here: int, mask: Word
) -> tuple[Word, int, int, int, Word]:
    """Decode a block's first bits of a band. Returns the reservoir, how many empty blocks follow, and its mask."""
    # Zeros are not written. `_BAD` as the number of blocks means damage.
    tables, scratch = memory.tables, memory.scratch
    table, first, last, low_bit = band
    k = first - 1
    while k < last:
        word, bits, at = refilled(word, bits, at, scratch)
        entry = entry_at(word, tables, table)
        steps = steps_of(entry)
        if steps < LONG:
            k += steps
            used = first_size(entry)
            value = np.int64(entry) >> 48
        else:
            length, symbol = symbol_at(word, tables, table)
            if length == 0:
                return word, bits, at, _BAD, mask
            steps, size = symbol >> 4, symbol & 15
            word <<= np.uint64(length)
            bits -= length
            if size == 0 and steps < 15:
                run = (1 << steps) + peek(word, steps) - 1
                return word << np.uint64(steps), bits - steps, at, run, mask
            k += steps + 1
            used = np.uint64(size)
            value = value_of(word, size)
        if k > last:
            return word, bits, at, _BAD, mask
        shifted = np.int16(value << low_bit)
        if shifted != 0:
            out[np.uint64(here + ZIGZAG_BYTES[np.uint64(k)])] = shifted
            mask |= _U1 << np.uint64(k)
        word <<= used
        bits -= np.int64(used)
    return word, bits, at, 0, mask


@inlined
def _refine(
    word: Word, bits: int, at: int, memory: Memory, band: Band, out: Samples, here: int, mask: Word, run: int
) -> tuple[Word, int, int, int, Word]:
    """Decode one more bit of a block's band: for coefficients that are non-zero so far, and those that become ±1."""
    # Returns the same as `_begin`, but the run includes what is left of this block.
    tables, scratch = memory.tables, memory.scratch
    table, first, last, low_bit = band
    k = first
    fresh = run == 0
    # The coefficients that the block already has; new ones are not refined.
    old = mask & (_ALL >> np.uint64(63 - last))
    while k <= last:
        zeros, value = 64, 0
        if fresh:
            word, bits, at = refilled(word, bits, at, scratch)
            length, symbol = symbol_at(word, tables, table)
            steps, size = symbol >> 4, symbol & 15
            if length == 0 or size > 1:
                return word, bits, at, _BAD, mask
            word <<= np.uint64(length)
            bits -= length
            if size == 1:
                value = 1 if word >> _TOP == _U1 else -1
                word <<= _U1
                bits -= 1
                zeros = steps
            elif steps == 15:
                zeros = 15
            else:
                run = (1 << steps) + peek(word, steps)
                word <<= np.uint64(steps)
                bits -= steps
                fresh = False
        # Skip that many coefficients that are still zero; each of the others has one bit.
        known = old & (_ALL << np.uint64(k))
        while known != _U0:
            near = lowest_bit(known)
            if near - k > zeros:
                break
            zeros -= near - k
            place = np.uint64(here + ZIGZAG_BYTES[np.uint64(near)])
            value_there = np.int64(out[place])
            if bits < 1:
                word, bits, at = refilled(word, bits, at, scratch)
            if word >> _TOP == _U1 and value_there & (1 << low_bit) == 0:
                out[place] = np.int16(value_there + ((1 << low_bit) if value_there > 0 else -(1 << low_bit)))
            word <<= _U1
            bits -= 1
            k = near + 1
            known &= known - _U1
        k += zeros
        if value != 0:
            if k > last:
                return word, bits, at, _BAD, mask
            out[np.uint64(here + ZIGZAG_BYTES[np.uint64(k)])] = np.int16(value << low_bit)
            mask |= _U1 << np.uint64(k)
        k += 1
    return word, bits, at, max(run - 1, 0), mask


ac_scan = scan_of("ac_scan", _decode_interval)
