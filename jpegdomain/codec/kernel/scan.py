"""A scan, restart interval by restart interval (T.81 E.2.4): the part that all kinds of scans have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from . import markers
from .feed import close_interval, leave_interval, open_interval
from .layout import Bytes, Integers, Memory, Samples
from .mcu import mark_lost, mcu_grid, plan_blocks
from .notes import blame_first, lose, warn
from .words import next_marker, skip_scan

__all__ = ["scan_of"]


def scan_of(
    name: str,
    decode_interval: Callable[..., Any],
    opened: Callable[..., int] = open_interval,
    closed: Callable[..., int] = close_interval,
    left: Callable[..., None] = leave_interval,
) -> Callable[..., int]:
    """Make the function that decodes a scan.

    Args:
        name: The function's name, unique in the library.
        decode_interval: Decodes MCUs of an interval that has been opened: (data, out, origin, keep, state, memory,
            first MCU, end, low-water mark) → (the MCU reached, the reservoir's bits and position, a fault). At a fault,
            the MCU reached is the one that shows it; its blocks are as they were before, or zero.
        opened: Begins an interval, like `feed.open_interval`.
        closed: Ends an interval that was decoded, like `feed.close_interval`.
        left: Goes to the marker after an interval that was not decoded, like `feed.leave_interval`.

    Returns:
        (data, out, origin, keep, state, memory) → a fault. The scan begins at ``state[AT]``; its coefficients go to
        ``out[origin:]``. If losses are recorded, there is no fault: lost blocks are noted in `memory.lost`, and the
        scan continues with the next interval that can be found.
    """

    def scan(data: Bytes, out: Samples, origin: int, keep: int, state: Integers, memory: Memory) -> int:
        work, scratch, lost = memory.work, memory.scratch, memory.lost
        rows, columns = mcu_grid(state)
        work[L.ACROSS], work[L.PLANNED] = columns, plan_blocks(state, work)
        total = rows * columns
        interval = state[L.INTERVAL] if state[L.INTERVAL] > 0 else total
        warnings = state[L.WARNINGS]
        first, number = 0, 0
        while first < total:
            end = min(first + interval, total)
            low = opened(data, state, work, scratch)
            reached, bits, at, fault = decode_interval(data, out, origin, keep, state, memory, first, end, low)
            first = end
            if not fault:
                fault = closed(data, state, work, scratch, bits, at)
            if fault and state[L.MODE] == L.KEEP:
                lose(state, fault, state[L.OFFSET])
                mark_lost(state, work, lost, keep, reached, end)
                left(data, state, work)
            elif not fault and state[L.MODE] != L.KEEP and first < total:
                fault = _next_restart(data, state, number)
            if state[L.MODE] == L.KEEP and first < total:
                missing = _resynchronise(data, state, number, (total - first + interval - 1) // interval)
                first = min(first + missing * interval, total)
                number += missing
                mark_lost(state, work, lost, keep, end, first)
            elif fault and state[L.MODE] != L.KEEP:
                return _explained(state, fault, warnings)
            state[L.MARKER] = markers.SOS
            number += 1
        return _finish(data, state, number - 1, warnings)

    scan.__qualname__ = name
    return compiled(scan)


@compiled
def _finish(data: Bytes, state: Integers, number: int, warnings: int) -> int:
    """Skip a restart marker after the last interval, which some encoders write and all decoders skip."""
    if state[L.MODE] == L.KEEP:
        state[L.AT] = skip_scan(data, state[L.AT], state[L.END])
    elif state[L.INTERVAL] > 0 and _is_restart(data, state):
        at = state[L.AT]
        right = data[at + 1] == 0xD0 + number % 8
        if not right and state[L.MODE] == L.STRICT:
            return codes.NO_FAULT
        if state[L.WARNINGS] > warnings and at + 2 < state[L.END] and data[at + 2] != 0xFF:
            # There is one interval too many, so the earlier ones were not in the order that their markers suggested.
            return _explained(state, codes.NO_RESTART, warnings)
        if right:
            state[L.AT] = at + 2
    return codes.NO_FAULT


@compiled
def _explained(state: Integers, fault: int, warnings: int) -> int:
    """Return the fault of a scan: if the intervals do not fit, the first warning says what was wrong."""
    counted = fault in (codes.NO_RESTART, codes.DATA_ENDS_EARLY, codes.FILE_ENDS_EARLY)
    if counted and warnings < min(state[L.WARNINGS], L.NOTES):
        return blame_first(state, warnings)
    return fault


@compiled
def _is_restart(data: Bytes, state: Integers) -> bool:
    """Return whether there is a restart marker at ``state[AT]``."""
    at = state[L.AT]
    return at + 1 < state[L.END] and data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7


@compiled
def _next_restart(data: Bytes, state: Integers, number: int) -> int:
    """Skip the restart marker with this number, or, unless strict, any. Returns a fault if there is none."""
    at, end = state[L.AT], state[L.END]
    if state[L.MODE] != L.STRICT:
        # Anything that no JPEG file contains here is left-over data.
        while at + 1 < end and data[at + 1] < markers.SOF0:
            state[L.MARKER] = np.int64(data[at + 1])
            warn(state, codes.RESERVED_MARKER, at - state[L.START])
            at = next_marker(data, at + 2, end)
        state[L.AT] = at
    state[L.OFFSET] = at - state[L.START]
    if at + 1 >= end:
        return codes.FILE_ENDS_EARLY
    state[L.MARKER], state[L.DETAIL] = np.int64(data[at + 1]), markers.RST0 + number % 8
    if state[L.MARKER] != state[L.DETAIL]:
        if state[L.MODE] == L.STRICT or not _is_restart(data, state):
            return codes.NO_RESTART
        warn(state, codes.NO_RESTART, state[L.OFFSET])
    state[L.AT] = at + 2
    return codes.NO_FAULT


@compiled
def _resynchronise(data: Bytes, state: Integers, number: int, left: int) -> int:
    """Go past the restart marker with this number after data has been lost, by the rules that libjpeg has always had.

    If the marker found has one of the next two numbers, intervals are lost; if it has one of the two numbers before,
    the search continues after it; any other restart marker is taken for the right one.

    Returns:
        How many intervals are lost before the next one: `left`, the rest of the scan, if no marker is found.
    """
    at, end, lost = state[L.AT], state[L.END], 0
    while lost < left:
        if at + 1 >= end or (data[at + 1] >= markers.SOF0 and not 0xD0 <= data[at + 1] <= 0xD7):
            state[L.MARKER] = np.int64(data[at + 1]) if at + 1 < end else 0
            state[L.DETAIL] = markers.RST0 + number % 8
            lose(state, codes.NO_RESTART if at + 1 < end else codes.FILE_ENDS_EARLY, at - state[L.START])
            lost = left
        elif data[at + 1] < markers.SOF0:
            at = next_marker(data, at + 2, end)
        else:
            ahead = (np.int64(data[at + 1]) - markers.RST0 - number) % 8
            if ahead > 0:
                state[L.MARKER], state[L.DETAIL] = np.int64(data[at + 1]), markers.RST0 + number % 8
                lose(state, codes.NO_RESTART, at - state[L.START])
            if 1 <= ahead <= 2:
                lost += 1
                number += 1
            elif ahead >= 6:
                at = next_marker(data, at + 2, end)
            else:
                at += 2
                break
    state[L.AT] = at
    return lost
