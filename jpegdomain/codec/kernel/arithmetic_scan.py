"""A scan of an arithmetic-coded frame, sequential or progressive (T.81 F.2.4, G.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .arithmetic import WHOLE, first_code
from .arithmetic_model import coefficients, difference, equal_chances, forget, refinement
from .feed import pass_restart
from .mcu import PLAN_AC, PLAN_DC, PLAN_PART, begin_row, mcu_grid, place_of, plan_blocks
from .numbers import BAD_DECISIONS, DATA_LEFT_OVER, FILE_ENDS_EARLY, NO_FAULT
from .slots import (
    AT,
    DC_CONTEXT,
    END,
    FIRST,
    HIGH,
    INTERVAL,
    LAST,
    LOW,
    OFFSET,
    PLAN,
    PLAN_FIELDS,
    PREDICTION,
    ROOM,
    START,
    Integers,
    Samples,
)
from .words import Bytes

__all__ = ["arithmetic_scan"]


@compiled
def arithmetic_scan(data: Bytes, out: Samples, state: Integers, work: Integers, scratch: Bytes) -> int:
    """Decode a scan: whole blocks, or DC coefficients or a band of one component, or one more bit of these.

    Only what is not zero is written.

    Returns:
        A fault; then the blocks of the MCU that shows it are as they were.
    """
    spare = state[ROOM]
    first, last, low_bit, refines = state[FIRST], state[LAST], state[LOW], state[HIGH] > 0
    end = state[END]
    rows, columns = mcu_grid(state)
    count = plan_blocks(state, work)
    interval_length = state[INTERVAL] if state[INTERVAL] > 0 else rows * columns
    restarts, until_restart = 0, 0
    code, interval, ahead, at = 0, WHOLE, 0, 0
    for row in range(rows):
        begin_row(state, work, count, row, 0, 0, 64)
        for column in range(columns):
            if until_restart == 0:
                if row + column > 0:
                    fault = _close_interval(data, state, at)
                    if fault == NO_FAULT:
                        fault = pass_restart(data, state, restarts, True)
                    if fault != NO_FAULT:
                        return fault
                    restarts += 1
                code, at = first_code(data, state[AT], end)
                interval, ahead = WHOLE, 0
                until_restart = interval_length
                work[PREDICTION : PREDICTION + 4] = 0
                work[DC_CONTEXT : DC_CONTEXT + 4] = 0
                forget(scratch)
            until_restart -= 1
            good = True
            for i in range(count):
                plan = PLAN + PLAN_FIELDS * i
                here = place_of(work, plan, spare, 64)
                if first > 0:
                    # One component, one block in an MCU.
                    for j in range(64):
                        out[np.uint64(spare + j)] = out[np.uint64(here + j)]
                elif refines:
                    code, interval, ahead, at, bit = equal_chances(code, interval, ahead, at, data, end, scratch)
                    if bit == 1:
                        out[np.uint64(here)] |= np.int16(1 << low_bit)
                else:
                    part = work[plan + PLAN_PART]
                    code, interval, ahead, at, value, context, good = difference(
                        code,
                        interval,
                        ahead,
                        at,
                        data,
                        end,
                        scratch,
                        state,
                        work[plan + PLAN_DC],
                        work[DC_CONTEXT + part],
                    )
                    work[PREDICTION + part] += value
                    work[DC_CONTEXT + part] = context
                    if work[PREDICTION + part] != 0:
                        out[np.uint64(here)] = np.int16(work[PREDICTION + part] << low_bit)
                if last > 0 and good:
                    begin = max(first, 1)
                    slot = work[plan + PLAN_AC]
                    if refines:
                        code, interval, ahead, at, good = refinement(
                            code, interval, ahead, at, data, end, scratch, slot, out, here, begin, last, low_bit
                        )
                    else:
                        code, interval, ahead, at, good = coefficients(
                            code,
                            interval,
                            ahead,
                            at,
                            data,
                            end,
                            scratch,
                            state,
                            slot,
                            out,
                            here,
                            begin,
                            last,
                            low_bit,
                        )
                if not good:
                    break
            if not good or at > end:
                begin_row(state, work, count, row, column, 0, 64)
                for i in range(count):
                    _take_back(out, place_of(work, PLAN + PLAN_FIELDS * i, spare, 64), spare, state)
                # Zeros behind the file's end make whatever they make.
                fault = FILE_ENDS_EARLY if at > end else BAD_DECISIONS
                state[OFFSET] = min(at, end) - state[START]
                return fault
    fault = _close_interval(data, state, at)
    if fault == NO_FAULT and state[INTERVAL] > 0:
        fault = pass_restart(data, state, restarts, False)
    return fault


@compiled
def _take_back(out: Samples, here: int, spare: int, state: Integers) -> None:
    """Make a block what it was before its MCU was decoded."""
    if state[FIRST] > 0:
        for j in range(64):
            out[here + j] = out[spare + j]
    elif state[HIGH] > 0:
        out[here] &= np.int16(~(1 << state[LOW]))
    else:
        out[here : here + 64 if state[LAST] > 0 else here + 1] = np.int16(0)


@compiled
def _close_interval(data: Bytes, state: Integers, at: int) -> int:
    """Set the walk to the marker behind an interval whose decoding has come to `at`.

    All that a code says has been read when the last decision is taken (D.1.8); zeros may follow, and fill bytes.

    Returns:
        The fault.
    """
    end = state[END]
    while at < end and data[at] == 0:
        at += 1
    while at + 1 < end and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    state[OFFSET] = min(at, end) - state[START]
    if at + 1 >= end:
        return FILE_ENDS_EARLY
    if data[at] != 0xFF or data[at + 1] == 0:
        return DATA_LEFT_OVER
    state[AT] = at
    return NO_FAULT
