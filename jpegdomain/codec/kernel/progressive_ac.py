"""The AC scans of a progressive frame: one component, a band of frequencies (T.81 G.1.2.2, G.1.2.3).

A block's mask says which of its coefficients are not zero, so that a scan that refines looks at no others: one that
has nothing to say of a block costs a comparison.
"""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import inlined
from jpegdomain.tables import ZIGZAG

from .feed import damage, more
from .huffman import LONG
from .mcu import first_lost
from .numbers import BAD_CODE, LOST_BEFORE, NO_FAULT
from .reservoir import Word, peek, refilled, symbol_at, value_of
from .scan import scan_of
from .slots import (
    AC,
    BASE,
    COMPONENT,
    FIELDS,
    FIRST,
    HIGH,
    KEEP,
    LAST,
    LOST_AC,
    LOW,
    MODE,
    PART,
    PROBE,
    ROOM,
    Integers,
    Masks,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes, lowest_bit

__all__ = ["ac_scan"]

_BAD: Final = -1

_ZIGZAG = ZIGZAG.astype(np.uint8)
_U0 = np.uint64(0)
_U1 = np.uint64(1)
_U6 = np.uint64(6)
_U12 = np.uint64(12)
_M6 = np.uint64(63)
_M8 = np.uint64(255)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_TOP = np.uint64(63)
_PROBE_SHIFT = np.uint64(64 - PROBE)


@inlined
def _decode_interval(
    data: Bytes,
    out: Samples,
    origin: int,
    keep: int,  # noqa: ARG001 (as all of them)
    state: Integers,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
    skips: Skips,  # noqa: ARG001
    masks: Masks,
    lost: Bytes,
    block: int,
    end: int,
    low: int,
) -> tuple[int, int, int, int]:
    """Begin a band of blocks, or bring one more bit of it, as `scan_of` asks it."""
    first, last, low_bit, refines = state[FIRST], state[LAST], state[LOW], state[HIGH] > 0
    table = state[AC]
    base = state[COMPONENT + FIELDS * state[PART] + BASE]
    start, index = origin + base, base // 64
    spare = origin + state[ROOM]
    # Bits `first` to `last`.
    band = (_ALL << np.uint64(first)) & (_ALL >> np.uint64(63 - last))
    stop = end
    if refines and state[MODE] == KEEP:
        # The bits of a block depend on what is known of it.
        stop = first_lost(lost, index + block, index + end, LOST_AC) - index
    word, bits, at, run = _U0, 0, 0, 0
    fault = NO_FAULT
    while block < stop:
        if run > 0:
            # Blocks of a run have nothing new in this band: step over those that have nothing old either.
            if refines:
                while run > 0 and block < stop and masks[np.uint64(index + block)] & band == _U0:
                    block += 1
                    run -= 1
            else:
                step = min(run, stop - block)
                run -= step
                block += step
            if run == 0 or block == stop:
                continue
        here = start + 64 * block
        for j in range(64):
            out[np.uint64(spare + j)] = out[np.uint64(here + j)]
        mask = masks[np.uint64(index + block)]
        if refines:
            word, bits, at, run, mask = _refine(
                word, bits, at, scratch, tables, table, out, here, first, last, low_bit, run, mask
            )
        else:
            word, bits, at, run, mask = _begin(
                word, bits, at, scratch, tables, table, out, here, first, last, low_bit, mask
            )
        if run == _BAD:
            fault = damage(data, state, work, bits, at, BAD_CODE)
        elif at > low:
            at, low, fault = more(data, state, work, scratch, bits, at)
            if fault != NO_FAULT:
                fault = damage(data, state, work, bits, at, fault)
        if fault != NO_FAULT:
            for j in range(64):
                out[here + j] = out[spare + j]
            return block, bits, at, fault
        masks[np.uint64(index + block)] = mask
        block += 1
    if stop < end:
        fault = damage(data, state, work, bits, at, LOST_BEFORE)
    return block, bits, at, fault


@inlined
def _begin(
    word: Word,
    bits: int,
    at: int,
    scratch: Bytes,
    tables: Tables,
    table: int,
    out: Samples,
    here: int,
    first: int,
    last: int,
    low_bit: int,
    mask: Word,
) -> tuple[Word, int, int, int, Word]:
    """Decode a block's first bits of a band; where these say that a coefficient is zero, nothing is written.

    Returns:
        The reservoir, how many blocks after it have none (`_BAD` for damage), and the block's mask.
    """
    k = first - 1
    while k < last:
        word, bits, at = refilled(word, bits, at, scratch)
        entry = tables[np.uint64(table) + (word >> _PROBE_SHIFT)]
        steps = np.int64((entry >> _U12) & _M8)
        if steps < LONG:
            k += steps
            used = (entry >> _U6) & _M6
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
            out[np.uint64(here + _ZIGZAG[np.uint64(k)])] = shifted
            mask |= _U1 << np.uint64(k)
        word <<= used
        bits -= np.int64(used)
    return word, bits, at, 0, mask


@inlined
def _refine(
    word: Word,
    bits: int,
    at: int,
    scratch: Bytes,
    tables: Tables,
    table: int,
    out: Samples,
    here: int,
    first: int,
    last: int,
    low_bit: int,
    run: int,
    mask: Word,
) -> tuple[Word, int, int, int, Word]:
    """Decode one more bit of a block's band: of the coefficients known, and those that it makes ±1.

    Returns:
        As `_begin`, but for a run that includes what is left of this block.
    """
    k = first
    fresh = run == 0
    # Those that the block has by now; those that it gets are not refined.
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
        # Pass over that many coefficients that are still zero; those that are not have a bit each.
        known = old & (_ALL << np.uint64(k))
        while known != _U0:
            near = lowest_bit(known)
            if near - k > zeros:
                break
            zeros -= near - k
            place = np.uint64(here + _ZIGZAG[np.uint64(near)])
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
            out[np.uint64(here + _ZIGZAG[np.uint64(k)])] = np.int16(value << low_bit)
            mask |= _U1 << np.uint64(k)
        k += 1
    return word, bits, at, max(run - 1, 0), mask


ac_scan = scan_of("ac_scan", _decode_interval)
