"""The DC scans of a progressive frame (T.81 G.1.2.1)."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .blocks import difference
from .feed import close_interval, damage, more, next_interval, open_interval, pass_restart
from .mcu import PLAN_DC, PLAN_PART, begin_row, mcu_grid, place_of, plan_blocks
from .numbers import BAD_CODE, NO_FAULT
from .reservoir import refilled
from .slots import (
    HIGH,
    INTERVAL,
    LOW,
    PLAN,
    PLAN_FIELDS,
    PREDICTION,
    ROOM,
    Integers,
    Samples,
    Tables,
)
from .words import Bytes

__all__ = ["dc_scan"]


@compiled
def dc_scan(
    data: Bytes, out: Samples, origin: int, state: Integers, tables: Tables, work: Integers, scratch: Bytes
) -> int:
    """Decode a scan that begins the DC coefficients, or brings one more bit of each.

    Returns:
        A fault; then the MCU that shows it is as it was.
    """
    spare = origin + state[ROOM]
    low_bit, refines = state[LOW], state[HIGH] > 0
    rows, columns = mcu_grid(state)
    count = plan_blocks(state, work)
    interval = state[INTERVAL] if state[INTERVAL] > 0 else rows * columns
    restarts, until_restart = 0, 0
    word, bits, at, low = np.uint64(0), 0, 0, 0
    for row in range(rows):
        begin_row(state, work, count, row, 0, origin, 64)
        for column in range(columns):
            if until_restart == 0:
                if row + column > 0:
                    fault = next_interval(data, state, work, scratch, bits, at, restarts)
                    if fault != NO_FAULT:
                        return fault
                    restarts += 1
                low = open_interval(data, state, work, scratch)
                word, bits, at = np.uint64(0), 0, 0
                until_restart = interval
                work[PREDICTION : PREDICTION + 4] = 0
            until_restart -= 1
            fault = NO_FAULT
            for i in range(count):
                plan = PLAN + PLAN_FIELDS * i
                here = place_of(work, plan, spare, 64)
                if refines:
                    word, bits, at = refilled(word, bits, at, scratch)
                    out[here] |= np.int16(np.int64(word >> np.uint64(63)) << low_bit)
                    word <<= np.uint64(1)
                    bits -= 1
                else:
                    word, bits, at, value, good = difference(word, bits, at, scratch, tables, work[plan + PLAN_DC])
                    part = PREDICTION + work[plan + PLAN_PART]
                    work[part] += value
                    out[here] = np.int16(work[part] << low_bit)
                    if not good:
                        fault = BAD_CODE
                        break
            if fault != NO_FAULT:
                fault = damage(data, state, work, bits, at, fault)
            elif at > low:
                at, low, fault = more(data, state, work, scratch, bits, at)
                if fault != NO_FAULT:
                    fault = damage(data, state, work, bits, at, fault)
            if fault != NO_FAULT:
                # Behind the data's end a refinement finds zeros, which change nothing.
                begin_row(state, work, count, row, column, origin, 64)
                for i in range(0 if refines else count):
                    out[place_of(work, PLAN + PLAN_FIELDS * i, spare, 64)] = np.int16(0)
                return fault
    fault = close_interval(data, state, work, scratch, bits, at)
    if fault == NO_FAULT and state[INTERVAL] > 0:
        fault = pass_restart(data, state, restarts, False)
    return fault
