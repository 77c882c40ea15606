"""The DC scans of a progressive frame (T.81 G.1.2.1)."""

import numpy as np

from jpegdomain.compiled.jit import inlined

from .blocks import difference
from .feed import damage, more
from .mcu import PLAN_DC, PLAN_PART, begin_row, place_of
from .numbers import BAD_CODE, NO_FAULT
from .reservoir import refilled
from .scan import scan_of
from .slots import (
    ACROSS,
    HIGH,
    LOW,
    PLAN,
    PLAN_FIELDS,
    PLANNED,
    PREDICTION,
    ROOM,
    Integers,
    Masks,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes

__all__ = ["dc_scan"]


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
    masks: Masks,  # noqa: ARG001
    lost: Bytes,  # noqa: ARG001
    mcu: int,
    end: int,
    low: int,
) -> tuple[int, int, int, int]:
    """Begin the DC coefficients of MCUs, or bring one more bit of each, as `scan_of` asks it."""
    spare = origin + state[ROOM]
    low_bit, refines = state[LOW], state[HIGH] > 0
    columns, count = work[ACROSS], work[PLANNED]
    word, bits, at = np.uint64(0), 0, 0
    work[PREDICTION : PREDICTION + 4] = 0
    fault = NO_FAULT
    while mcu < end and fault == NO_FAULT:
        row, column = mcu // columns, mcu % columns
        begin_row(state, work, count, row, column, origin, 64)
        for _ in range(min(end - mcu, columns - column)):
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
                begin_row(state, work, count, row, mcu % columns, origin, 64)
                for i in range(0 if refines else count):
                    out[place_of(work, PLAN + PLAN_FIELDS * i, spare, 64)] = np.int16(0)
                break
            mcu += 1
    return mcu, bits, at, fault


dc_scan = scan_of("dc_scan", _decode_interval)
