"""A scan, restart interval by restart interval (T.81 E.2.4): what all kinds of scans have in common."""

from collections.abc import Callable
from typing import Any

from jpegdomain.compiled.jit import compiled

from .feed import close_interval, leave_interval, open_interval
from .markers import skip_scan
from .mcu import mark_lost, mcu_grid, plan_blocks
from .notes import blame_first, lose
from .numbers import DATA_ENDS_EARLY, FILE_ENDS_EARLY, NO_FAULT, NO_RESTART
from .restarts import is_restart, next_restart, resynchronise
from .slots import (
    ACROSS,
    AT,
    END,
    FIRST,
    INTERVAL,
    KEEP,
    LOST_AC,
    LOST_DC,
    MARKER,
    MODE,
    NOTES,
    OFFSET,
    PLANNED,
    STRICT,
    WARNINGS,
    Integers,
    Masks,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes

__all__ = ["scan_of"]

_SOS = 0xDA


def scan_of(
    name: str,
    decode_interval: Callable[..., Any],
    opened: Callable[..., int] = open_interval,
    closed: Callable[..., int] = close_interval,
    left: Callable[..., None] = leave_interval,
) -> Callable[..., int]:
    """Make the function that decodes a scan.

    Args:
        name: Of the function, its own.
        decode_interval: Decodes MCUs of an interval that has been opened: (data, out, origin, keep, state, tables,
            work, scratch, skips, masks, lost, first MCU, end, low-water mark) → (the MCU reached, the reservoir's bits
            and position, a fault). Where there is a fault, the MCU reached shows it, and is as it was or zero.
        opened: Begins an interval; `feed.open_interval` and its like say how, here and below.
        closed: Ends one that was decoded.
        left: Goes to the marker behind one that was not.

    Returns:
        (data, out, origin, keep, state, tables, work, scratch, skips, masks, lost) → a fault. The scan begins at
        ``state[AT]``; its coefficients go to ``out[origin:]``. Where losses are kept, there is no fault: lost blocks
        are noted in `lost`, and the scan goes on with the next interval that can be found.
    """

    def scan(
        data: Bytes,
        out: Samples,
        origin: int,
        keep: int,
        state: Integers,
        tables: Tables,
        work: Integers,
        scratch: Bytes,
        skips: Skips,
        masks: Masks,
        lost: Bytes,
    ) -> int:
        rows, columns = mcu_grid(state)
        work[ACROSS], work[PLANNED] = columns, plan_blocks(state, work)
        total = rows * columns
        interval = state[INTERVAL] if state[INTERVAL] > 0 else total
        warnings = state[WARNINGS]
        first, number = 0, 0
        while first < total:
            end = min(first + interval, total)
            low = opened(data, state, work, scratch)
            reached, bits, at, fault = decode_interval(
                data, out, origin, keep, state, tables, work, scratch, skips, masks, lost, first, end, low
            )
            first = end
            if fault == NO_FAULT:
                fault = closed(data, state, work, scratch, bits, at)
            if fault != NO_FAULT and state[MODE] == KEEP:
                lose(state, fault, state[OFFSET])
                _mark(state, work, lost, keep, columns, reached, end)
                left(data, state, work)
            elif fault == NO_FAULT and state[MODE] != KEEP and first < total:
                fault = next_restart(data, state, number)
            if state[MODE] == KEEP and first < total:
                missing = resynchronise(data, state, number, (total - first + interval - 1) // interval)
                first = min(first + missing * interval, total)
                number += missing
                _mark(state, work, lost, keep, columns, end, first)
            elif fault != NO_FAULT and state[MODE] != KEEP:
                return _explained(state, fault, warnings)
            state[MARKER] = _SOS
            number += 1
        return _finish(data, state, number - 1, warnings)

    scan.__qualname__ = name
    return compiled(scan)


@compiled
def _mark(state: Integers, work: Integers, lost: Bytes, keep: int, columns: int, first: int, end: int) -> None:
    mark_lost(state, work, lost, keep * keep, columns, first, end, LOST_AC if state[FIRST] > 0 else LOST_DC)


@compiled
def _finish(data: Bytes, state: Integers, number: int, warnings: int) -> int:
    """Step over a restart marker behind the last interval, which some encoders write and all decoders pass over."""
    if state[MODE] == KEEP:
        state[AT] = skip_scan(data, state[AT], state[END])
    elif state[INTERVAL] > 0 and is_restart(data, state):
        at = state[AT]
        right = data[at + 1] == 0xD0 + number % 8
        if not right and state[MODE] == STRICT:
            return NO_FAULT
        if state[WARNINGS] > warnings and at + 2 < state[END] and data[at + 2] != 0xFF:
            # Yet another interval: those before were not what their order made of them.
            return _explained(state, NO_RESTART, warnings)
        if right:
            state[AT] = at + 2
    return NO_FAULT


@compiled
def _explained(state: Integers, fault: int, warnings: int) -> int:
    """Give the fault of a scan: where intervals do not fit, the first warning is what was wrong."""
    counted = fault in (NO_RESTART, DATA_ENDS_EARLY, FILE_ENDS_EARLY)
    if counted and warnings < min(state[WARNINGS], NOTES):
        return blame_first(state, warnings)
    return fault
