"""The AC scans of a progressive frame: one component, a band of frequencies (T.81 G.1.2.2, G.1.2.3)."""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined
from jpegdomain.tables import ZIGZAG

from .feed import close_interval, damage, more, next_interval, open_interval, pass_restart
from .huffman import LONG
from .mcu import mcu_grid
from .numbers import BAD_CODE, NO_FAULT
from .reservoir import Word, peek, refilled, symbol_at, value_of
from .slots import (
    AC,
    BASE,
    COMPONENT,
    FIELDS,
    FIRST,
    HIGH,
    INTERVAL,
    LAST,
    LOW,
    PART,
    PROBE,
    ROOM,
    Integers,
    Samples,
    Tables,
)
from .words import Bytes

__all__ = ["ac_scan"]

_BAD: Final = -1

_ZIGZAG = ZIGZAG.astype(np.uint8)
_U1 = np.uint64(1)
_U6 = np.uint64(6)
_U12 = np.uint64(12)
_M6 = np.uint64(63)
_M8 = np.uint64(255)
_TOP = np.uint64(63)
_PROBE_SHIFT = np.uint64(64 - PROBE)


@compiled
def ac_scan(
    data: Bytes, out: Samples, origin: int, state: Integers, tables: Tables, work: Integers, scratch: Bytes
) -> int:
    """Decode a scan that begins a band, or brings one more bit of it.

    Returns:
        A fault; then the block that shows it is as it was.
    """
    first, last, low_bit, refines = state[FIRST], state[LAST], state[LOW], state[HIGH] > 0
    table = state[AC]
    start = origin + state[COMPONENT + FIELDS * state[PART] + BASE]
    spare = origin + state[ROOM]
    rows, columns = mcu_grid(state)
    total = rows * columns
    interval = state[INTERVAL] if state[INTERVAL] > 0 else total
    restarts, until_restart, run = 0, 0, 0
    word, bits, at, low = np.uint64(0), 0, 0, 0
    block = 0
    while block < total:
        if until_restart == 0:
            if block > 0:
                fault = next_interval(data, state, work, scratch, bits, at, restarts)
                if fault != NO_FAULT:
                    return fault
                restarts += 1
            low = open_interval(data, state, work, scratch)
            word, bits, at, run = np.uint64(0), 0, 0, 0
            until_restart = interval
        if run > 0 and not refines:
            # Blocks of a run have nothing in this band: step over all of them.
            step = min(run, until_restart, total - block)
            run -= step
            until_restart -= step
            block += step
            continue
        here = start + 64 * block
        for j in range(64):
            out[np.uint64(spare + j)] = out[np.uint64(here + j)]
        if refines:
            word, bits, at, run = _refine(word, bits, at, scratch, tables, table, out, here, first, last, low_bit, run)
        else:
            word, bits, at, run = _begin(word, bits, at, scratch, tables, table, out, here, first, last, low_bit)
        fault = NO_FAULT
        if run == _BAD:
            fault = damage(data, state, work, bits, at, BAD_CODE)
        elif at > low:
            at, low, fault = more(data, state, work, scratch, bits, at)
            if fault != NO_FAULT:
                fault = damage(data, state, work, bits, at, fault)
        if fault != NO_FAULT:
            for j in range(64):
                out[here + j] = out[spare + j]
            return fault
        until_restart -= 1
        block += 1
    fault = close_interval(data, state, work, scratch, bits, at)
    if fault == NO_FAULT and state[INTERVAL] > 0:
        fault = pass_restart(data, state, restarts, False)
    return fault


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
) -> tuple[Word, int, int, int]:
    """Decode a block's first bits of a band. Returns the reservoir, and how many blocks after it have none."""
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
                return word, bits, at, _BAD
            steps, size = symbol >> 4, symbol & 15
            word <<= np.uint64(length)
            bits -= length
            if size == 0 and steps < 15:
                run = (1 << steps) + peek(word, steps) - 1
                return word << np.uint64(steps), bits - steps, at, run
            k += steps + 1
            used = np.uint64(size)
            value = value_of(word, size)
        if k > last:
            return word, bits, at, _BAD
        out[np.uint64(here + _ZIGZAG[np.uint64(k)])] = np.int16(value << low_bit)
        word <<= used
        bits -= np.int64(used)
    return word, bits, at, 0


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
) -> tuple[Word, int, int, int]:
    """Decode one more bit of a block's band: of the coefficients known, and those that it makes ±1."""
    k = first
    fresh = run == 0
    while k <= last:
        zeros, value = 64, 0
        if fresh:
            word, bits, at = refilled(word, bits, at, scratch)
            length, symbol = symbol_at(word, tables, table)
            steps, size = symbol >> 4, symbol & 15
            if length == 0 or size > 1:
                return word, bits, at, _BAD
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
        while k <= last:
            place = np.uint64(here + _ZIGZAG[np.uint64(k)])
            known = np.int64(out[place])
            if known == 0:
                if zeros == 0:
                    break
                zeros -= 1
            else:
                if bits < 1:
                    word, bits, at = refilled(word, bits, at, scratch)
                if word >> _TOP == _U1 and known & (1 << low_bit) == 0:
                    out[place] = np.int16(known + ((1 << low_bit) if known > 0 else -(1 << low_bit)))
                word <<= _U1
                bits -= 1
            k += 1
        if value != 0:
            if k > last:
                return word, bits, at, _BAD
            out[np.uint64(here + _ZIGZAG[np.uint64(k)])] = np.int16(value << low_bit)
        k += 1
    return word, bits, at, max(run - 1, 0)
