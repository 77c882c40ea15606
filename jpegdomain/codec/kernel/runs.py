"""Runs of MCUs of a sequential scan, from one entry point to another: only what a region needs."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from .entry_points import Place, enter, hash_of, pass_over_mcus, prepare, step_over_restart
from .feed import more
from .layout import Arrays, Bytes, Integers, Memory, Samples
from .mcu import begin_row
from .sequential import decode_mcu

__all__ = ["read_runs"]


def read_runs(
    head: Bytes,
    data: Bytes,
    out: Samples,
    states: Integers,
    arrays: Arrays,
    entries: Integers,
    runs: Integers,
    window: Integers,
    options: tuple[int, int, int],
) -> int:
    """Decode runs of MCUs; those in the window are stored as the blocks of an image of the window's size.

    It begins where `files.read_sequential` stops because it has no room: after the header of the file's first scan.
    After a fault, the caller reads the whole file, which shows what is wrong with it.

    Args:
        head: uint8: the data that the state's positions refer to, at least up to the scan's header.
        data: uint8: the entropy-coded data of the runs.
        out: int16: the window's coefficients, and somewhere after them the `MARGIN`, whose position is in `options`.
        states: int64 (1, STATE), left by `files.read_sequential`.
        arrays: As for `files.read_sequential`.
        entries: int64 (·, ENTRY).
        runs: int64 (·, RUN).
        window: int64 (WINDOW,).
        options: keep; the position of the margin in `out`; MCUs from one entry point to the next, 0 if the entries have
            no hashes.

    Returns:
        A fault.
    """
    memory, state = Memory(*arrays), states[0]
    keep, spare, every = options
    # For the few MCUs between an entry point and the window, the tables for skipping would cost more than they save.
    few = every > 0
    prepare(head, state, memory, keep < 8 or not few)
    for i in range(state[L.COUNT]):
        of, grid = L.COMPONENT + L.FIELDS * i, L.GRID + 3 * i
        state[of + L.ROWS], state[of + L.COLUMNS], state[of + L.BASE] = window[grid], window[grid + 1], window[grid + 2]
    fault = codes.NO_FAULT
    for number in range(len(runs)):
        run = runs[number]
        if not fault and not _is_sound(data, entries, run, window, every):
            fault = codes.WRONG_ENTRY
        if not fault:
            fault = _read_run(data, out, spare, keep, state, memory, entries, run, window, few)
    return fault


@compiled
def _is_sound(data: Bytes, entries: Integers, run: Integers, window: Integers, every: int) -> bool:
    """Return whether a run is inside the data and the scan, and its bytes are those that were indexed."""
    first, last, shift = run[L.RUN_FROM], run[L.RUN_TO], run[L.RUN_SHIFT]
    if not 0 <= run[L.RUN_FIRST] < run[L.RUN_END] <= window[L.TOTAL]:
        return False
    for i in range(first, max(first, last) + 1):
        at, bit = entries[i, L.ENTRY_AT] - shift, entries[i, L.ENTRY_BIT]
        if not (0 <= bit < 8 and at >= 0 and at + min(bit, 1) <= len(data)):
            return False
        if i > first:
            before = entries[i - 1, L.ENTRY_AT] - shift
            if before > at or (
                every > 0 and hash_of(data, entries, i - 1, every, shift) != entries[i - 1, L.ENTRY_HASH]
            ):
                return False
    return True


@compiled
def _read_run(
    data: Bytes,
    out: Samples,
    spare: int,
    keep: int,
    state: Integers,
    memory: Memory,
    entries: Integers,
    run: Integers,
    window: Integers,
    few: bool,
) -> int:
    entry, goal = entries[run[L.RUN_FROM]], run[L.RUN_TO]
    mcu, end, columns, interval = run[L.RUN_FIRST], run[L.RUN_END], window[L.ACROSS_ALL], state[L.INTERVAL]
    state[L.AT], state[L.END] = entry[L.ENTRY_AT] - run[L.RUN_SHIFT], len(data)
    if goal >= 0:
        state[L.END] = _end_of(data, entries[goal], run[L.RUN_SHIFT])
        if state[L.AT] > state[L.END]:
            return codes.WRONG_ENTRY
    for i in range(4):
        memory.work[L.PREDICTION + i] = entry[L.ENTRY_DC + i]
    place, fault = enter(data, state, memory, entry[L.ENTRY_BIT]), codes.NO_FAULT
    while mcu < end and not fault:
        stop = min(end, (mcu // interval + 1) * interval) if interval > 0 else end
        while mcu < stop and not fault:
            row, column = mcu // columns, mcu % columns
            inside = window[L.TOP] <= row < window[L.BOTTOM]
            if inside and window[L.LEFT] <= column < window[L.RIGHT]:
                count = min(stop - mcu, window[L.RIGHT] - column)
                begin_row(
                    state, memory.work, memory.work[L.PLANNED], row - window[L.TOP], column - window[L.LEFT], 0,
                    keep * keep,
                )  # fmt: skip
                place, fault = _store(data, out, spare, keep, state, memory, place, count)
            else:
                count = stop - mcu
                if inside:
                    # To where the window begins in this row, or in the next one.
                    ahead = window[L.LEFT] - column
                    count = min(count, ahead if ahead > 0 else ahead + columns)
                elif row < window[L.TOP]:
                    count = min(count, window[L.TOP] * columns + window[L.LEFT] - mcu)
                if few:
                    # No blocks are kept beyond the window's last column.
                    begin_row(state, memory.work, memory.work[L.PLANNED], 0, columns, 0, keep * keep)
                    place, fault = _store(data, out, spare, keep, state, memory, place, count)
                else:
                    place, fault = pass_over_mcus(data, out, spare, state, memory, place, count)
            mcu += count
        between = interval > 0 and mcu % interval == 0 and mcu < window[L.TOTAL]
        if not fault and between and (mcu < end or goal >= 0):
            fault = step_over_restart(data, state, memory, place, mcu // interval - 1)
            if not fault and mcu < end:
                place = enter(data, state, memory, 0)
            elif not fault:
                # At the beginning of an interval the predictions are zero.
                arrived = state[L.AT] == state[L.END] and entries[goal, L.ENTRY_BIT] == 0
                for i in range(4):
                    arrived = arrived and entries[goal, L.ENTRY_DC + i] == 0
                return codes.NO_FAULT if arrived else codes.WRONG_ENTRY
    if not fault and goal >= 0 and not _has_arrived(state, memory.work, place, entries[goal]):
        fault = codes.WRONG_ENTRY
    return fault


@compiled
def _end_of(data: Bytes, entry: Integers, shift: int) -> int:
    """Return the position after the last byte that holds bits before an entry point."""
    at = entry[L.ENTRY_AT] - shift
    if entry[L.ENTRY_BIT] == 0 or at == len(data):
        return at
    # An FF includes the 00 that is stuffed after it.
    return min(at + (2 if data[at] == 0xFF else 1), len(data))


@compiled
def _has_arrived(state: Integers, work: Integers, place: Place, entry: Integers) -> bool:
    """Return whether exactly the bits up to an entry point have been read, and lead to its predictions."""
    _, bits, at, _ = place
    left = (8 - entry[L.ENTRY_BIT]) % 8
    arrived = work[L.CLOSED] == 1 and work[L.SOURCE] == state[L.END] and 8 * at - bits == 8 * work[L.FILLED] - left
    for part in range(state[L.PARTS]):
        arrived = arrived and np.int16(work[L.PREDICTION + part]) == np.int16(entry[L.ENTRY_DC + part])
    return arrived


@compiled
def _store(
    data: Bytes, out: Samples, spare: int, keep: int, state: Integers, memory: Memory, place: Place, count: int
) -> tuple[Place, int]:
    """Decode a number of MCUs of a row to where the plan says."""
    word, bits, at, low = place
    fault = codes.NO_FAULT
    for _ in range(count):
        word, bits, at, fault = decode_mcu(word, bits, at, out, spare, keep, state, memory)
        if not fault and at > low:
            at, low, fault = more(data, state, memory.work, memory.scratch, bits, at)
        if fault:
            break
    return (word, bits, at, low), fault
