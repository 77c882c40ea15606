"""A scan of an arithmetic-coded frame, sequential or progressive (T.81 F.2.4, G.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from .arithmetic import WHOLE, first_code
from .arithmetic_model import coefficients, difference, equal_chances, forget, refinement
from .markers import next_marker
from .mcu import PLAN_AC, PLAN_DC, PLAN_PART, begin_row, first_lost, place_of
from .notes import warn
from .numbers import BAD_DECISIONS, DATA_LEFT_OVER, FILE_ENDS_EARLY, LOST_BEFORE, NO_FAULT
from .scan import scan_of
from .slots import (
    ACROSS,
    AT,
    BASE,
    COMPONENT,
    DC_CONTEXT,
    END,
    FIELDS,
    FIRST,
    HIGH,
    LAST,
    LOST_AC,
    LOW,
    MODE,
    OFFSET,
    PART,
    PLAN,
    PLAN_FIELDS,
    PLANNED,
    PREDICTION,
    ROOM,
    SCANS,
    START,
    STRICT,
    Integers,
    Masks,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes

__all__ = ["arithmetic_scan"]


@inlined
def _decode_interval(
    data: Bytes,
    out: Samples,
    origin: int,  # noqa: ARG001 (as all of them)
    keep: int,  # noqa: ARG001
    state: Integers,
    tables: Tables,  # noqa: ARG001
    work: Integers,
    scratch: Bytes,
    skips: Skips,  # noqa: ARG001
    masks: Masks,  # noqa: ARG001
    lost: Bytes,
    mcu: int,
    end: int,
    low: int,  # noqa: ARG001
) -> tuple[int, int, int, int]:
    """Decode MCUs, as `scan_of` asks it: whole blocks, DC coefficients, a band of one component, or one more bit.

    Only what is not zero is written.

    Returns:
        As `scan_of` asks it.
    """
    spare, stop = state[ROOM], state[END]
    first, last, low_bit, refines = state[FIRST], state[LAST], state[LOW], state[HIGH] > 0
    again = first == 0 and last > 0 and state[SCANS] > 1
    columns, count = work[ACROSS], work[PLANNED]
    sound = end
    if first > 0 and refines and len(lost) > 0:
        base = state[COMPONENT + FIELDS * state[PART] + BASE] // 64
        sound = first_lost(lost, base + mcu, base + end, LOST_AC) - base
    code, at = first_code(data, state[AT], stop)
    interval, ahead = WHOLE, 0
    work[PREDICTION : PREDICTION + 4] = 0
    work[DC_CONTEXT : DC_CONTEXT + 4] = 0
    forget(scratch)
    fault = NO_FAULT
    while mcu < sound and fault == NO_FAULT:
        row = mcu // columns
        begin_row(state, work, count, row, mcu % columns, 0, 64)
        for _ in range(min(sound - mcu, columns - mcu % columns)):
            good = True
            for i in range(count):
                plan = PLAN + PLAN_FIELDS * i
                here = place_of(work, plan, spare, 64)
                if first > 0:
                    # One component, one block in an MCU.
                    for j in range(64):
                        out[np.uint64(spare + j)] = out[np.uint64(here + j)]
                elif refines:
                    code, interval, ahead, at, bit = equal_chances(code, interval, ahead, at, data, stop, scratch)
                    if bit == 1:
                        out[np.uint64(here)] |= np.int16(1 << low_bit)
                else:
                    if again:
                        out[here : here + 64] = np.int16(0)
                    part = work[plan + PLAN_PART]
                    code, interval, ahead, at, value, context, good = difference(
                        code,
                        interval,
                        ahead,
                        at,
                        data,
                        stop,
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
                            code, interval, ahead, at, data, stop, scratch, slot, out, here, begin, last, low_bit
                        )
                    else:
                        code, interval, ahead, at, good = coefficients(
                            code,
                            interval,
                            ahead,
                            at,
                            data,
                            stop,
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
            if not good or at > stop:
                begin_row(state, work, count, row, mcu % columns, 0, 64)
                for i in range(count):
                    _take_back(out, place_of(work, PLAN + PLAN_FIELDS * i, spare, 64), spare, state)
                # Zeros behind the file's end make whatever they make.
                fault = FILE_ENDS_EARLY if at > stop else BAD_DECISIONS
                break
            mcu += 1
    if fault == NO_FAULT and sound < end:
        fault = LOST_BEFORE
    state[OFFSET] = min(at, stop) - state[START]
    return mcu, 0, at, fault


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
def _open_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:  # noqa: ARG001 (as feed's)
    """Nothing is prepared: the code is read where it stands."""
    return 0


@compiled
def _close_interval(
    data: Bytes,
    state: Integers,
    work: Integers,  # noqa: ARG001 (as feed's)
    scratch: Bytes,  # noqa: ARG001
    bits: int,  # noqa: ARG001
    at: int,
) -> int:
    """Set the walk to the marker behind an interval whose decoding has come to `at`.

    All that a code says has been read when the last decision is taken (D.1.8); zeros may follow, and fill bytes.

    Returns:
        A fault, if other bytes follow and this is not tolerated.
    """
    end = state[END]
    while at < end and data[at] == 0:
        at += 1
    while at + 1 < end and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    at = min(at, end)
    if at + 1 < end and (data[at] != 0xFF or data[at + 1] == 0):
        state[OFFSET] = at - state[START]
        if state[MODE] == STRICT:
            return DATA_LEFT_OVER
        warn(state, DATA_LEFT_OVER, state[OFFSET])
        at = next_marker(data, at, end)
    state[AT] = at if at + 1 < end else end
    return NO_FAULT


@compiled
def _leave_interval(data: Bytes, state: Integers, work: Integers) -> None:  # noqa: ARG001 (as feed's)
    """Go to the marker behind an interval whose fault shows at ``state[OFFSET]``."""
    state[AT] = next_marker(data, state[START] + state[OFFSET], state[END])


arithmetic_scan = scan_of("arithmetic_scan", _decode_interval, _open_interval, _close_interval, _leave_interval)
