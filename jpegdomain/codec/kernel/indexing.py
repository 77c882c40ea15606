"""One pass over a sequential scan records where decoding can start.

The functions here begin where `files.read_sequential` stops because it has no room: after the header of the first scan.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from . import markers
from .entry_points import Place, enter, hash_of, pass_over_mcus, prepare, step_over_restart
from .feed import offset_of
from .layout import Arrays, Bytes, Integers, Memory, Samples
from .mcu import mcu_grid
from .words import next_marker, skip_scan

__all__ = ["find_intervals", "index_scan"]


def index_scan(
    data: Bytes, out: Samples, states: Integers, arrays: Arrays, entries: Integers, every: int, shift: int
) -> int:
    """Skip over a scan and record an entry point before every `every` MCUs, and one after the last.

    Args:
        data: uint8: the file, or one in which the scan is the first.
        out: int16 (MARGIN,), working memory.
        states: int64 (1, STATE), left by `files.read_sequential`; afterwards ``state[AT]`` is the position after the
            scan.
        arrays: As for `files.read_sequential`.
        entries: int64 (⌈MCUs/every⌉ + 1, ENTRY).
        every: MCUs from one entry point to the next.
        shift: Position in the file minus position in `data`.

    Returns:
        A fault.
    """
    memory, state = Memory(*arrays), states[0]
    work, interval = memory.work, state[L.INTERVAL]
    rows, columns = mcu_grid(state)
    total, last = rows * columns, len(entries) - 1
    if (total + every - 1) // every != last:
        return codes.WRONG_ENTRY
    prepare(data, state, memory, True)
    work[L.PREDICTION : L.PREDICTION + 4] = 0
    place, fault = enter(data, state, memory, 0), codes.NO_FAULT
    mcu, base, passed = 0, state[L.AT], 0
    while mcu < total and not fault:
        if mcu % every == 0:
            base, passed = _write_entry(data, state, work, place, entries[mcu // every], base, passed)
        count = min(total, (mcu // every + 1) * every) - mcu
        if interval > 0:
            count = min(count, interval - mcu % interval)
        place, fault = pass_over_mcus(data, out, 0, state, memory, place, count)
        mcu += count
        if not fault and interval > 0 and mcu % interval == 0 and mcu < total:
            fault = step_over_restart(data, state, memory, place, mcu // interval - 1)
            place = enter(data, state, memory, 0)
            base, passed = state[L.AT], 0
    if not fault:
        _write_entry(data, state, work, place, entries[last], base, passed)
        state[L.AT] = skip_scan(data, entries[last, L.ENTRY_AT], state[L.END])
        for i in range(last + 1):
            entries[i, L.ENTRY_AT] += shift
        entries[last, L.ENTRY_HASH] = 0
        for i in range(last):
            entries[i, L.ENTRY_HASH] = hash_of(data, entries, i, every, shift)
    return fault


@compiled
def _write_entry(
    data: Bytes, state: Integers, work: Integers, place: Place, entry: Integers, base: int, passed: int
) -> tuple[int, int]:
    """Write an entry point; `base` is the position of the interval's byte number `passed`. Returns both, updated."""
    _, bits, at, _ = place
    consumed = 8 * (work[L.GONE] + at) - bits
    base = offset_of(data, base, state[L.END], consumed // 8 - passed)
    entry[L.ENTRY_AT], entry[L.ENTRY_BIT] = base, consumed % 8
    for i in range(4):
        entry[L.ENTRY_DC + i] = np.int64(np.int16(work[L.PREDICTION + i]))
    return base, consumed // 8


def find_intervals(data: Bytes, states: Integers, entries: Integers) -> int:
    """Record the restart intervals of a scan as entry points, as many as there is room for.

    Args:
        data: uint8: the file.
        states: int64 (1, STATE), left by `files.read_sequential`.
        entries: int64 (·, ENTRY).

    Returns:
        How many there are before the scan's end, or before a restart marker with a wrong number.
    """
    state = states[0]
    at, end, count = state[L.AT], state[L.END], 0
    entries[:] = 0
    while count < len(entries):
        entries[count, L.ENTRY_AT] = at
        count += 1
        at = next_marker(data, at, end)
        if at + 2 > end or data[at + 1] != markers.RST0 + (count - 1) % 8:
            break
        at += 2
    return count
