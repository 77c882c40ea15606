"""A scan of an arithmetic-coded frame, sequential or progressive (T.81 F.2.4, G.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from . import fault_codes as codes
from . import layout as L
from .arithmetic import Stream, first_registers
from .arithmetic_model import coefficients, difference, equal_chances, forget, refinement
from .layout import Bytes, Integers, Memory, Samples
from .mcu import begin_row, first_lost, place_of
from .notes import warn
from .scan import scan_of
from .words import next_marker

__all__ = ["arithmetic_scan"]


@inlined
def _decode_interval(
    data: Bytes, out: Samples, origin: int, keep: int, state: Integers, memory: Memory, mcu: int, end: int, low: int
) -> tuple[int, int, int, int]:
    """Decode MCUs for `scan_of`: whole blocks, DC coefficients, a band, or one more bit. Zeros are not written."""
    work, scratch, lost = memory.work, memory.scratch, memory.lost
    spare, stop = state[L.ROOM], state[L.END]
    first, last, low_bit, refines = state[L.FIRST], state[L.LAST], state[L.LOW], state[L.HIGH] > 0
    again = first == 0 and last > 0 and state[L.SCANS] > 1
    columns, count = work[L.ACROSS], work[L.PLANNED]
    sound = end
    if first > 0 and refines and len(lost) > 0:
        base = state[L.COMPONENT + L.FIELDS * state[L.PART] + L.BASE] // 64
        sound = first_lost(lost, base + mcu, base + end, L.LOST_AC) - base
    stream = Stream(data, stop, scratch)
    registers = first_registers(data, state[L.AT], stop)
    work[L.PREDICTION : L.PREDICTION + 4] = 0
    work[L.DC_CONTEXT : L.DC_CONTEXT + 4] = 0
    forget(scratch)
    fault = codes.NO_FAULT
    while mcu < sound and not fault:
        row = mcu // columns
        begin_row(state, work, count, row, mcu % columns, 0, 64)
        for _ in range(min(sound - mcu, columns - mcu % columns)):
            good = True
            for i in range(count):
                plan = L.PLAN + L.PLAN_FIELDS * i
                here = place_of(work, plan, spare, 64)
                if first > 0:
                    # One component, one block in an MCU.
                    for j in range(64):
                        out[np.uint64(spare + j)] = out[np.uint64(here + j)]
                elif refines:
                    registers, bit = equal_chances(registers, stream)
                    if bit == 1:
                        out[np.uint64(here)] |= np.int16(1 << low_bit)
                else:
                    if again:
                        out[here : here + 64] = np.int16(0)
                    part = work[plan + L.PLAN_PART]
                    slot, context = work[plan + L.PLAN_DC], work[L.DC_CONTEXT + part]
                    conditioning = state[L.CONDITIONING + slot]
                    registers, value, context, good = difference(registers, stream, slot, conditioning, context)
                    work[L.PREDICTION + part] += value
                    work[L.DC_CONTEXT + part] = context
                    if work[L.PREDICTION + part] != 0:
                        out[np.uint64(here)] = np.int16(work[L.PREDICTION + part] << low_bit)
                if last > 0 and good:
                    slot = work[plan + L.PLAN_AC]
                    band = slot, max(first, 1), last, low_bit
                    if refines:
                        registers, good = refinement(registers, stream, band, out, here)
                    else:
                        conditioning = state[L.CONDITIONING + L.CONDITIONING_SLOTS + slot]
                        registers, good = coefficients(registers, stream, band, conditioning, out, here)
                if not good:
                    break
            if not good or registers[3] > stop:
                begin_row(state, work, count, row, mcu % columns, 0, 64)
                for i in range(count):
                    _take_back(out, place_of(work, L.PLAN + L.PLAN_FIELDS * i, spare, 64), spare, state)
                # What is decoded from the zeros after the end of the file has no meaning.
                fault = codes.FILE_ENDS_EARLY if registers[3] > stop else codes.BAD_DECISIONS
                break
            mcu += 1
    if not fault and sound < end:
        fault = codes.LOST_BEFORE
    state[L.OFFSET] = min(registers[3], stop) - state[L.START]
    return mcu, 0, registers[3], fault


@compiled
def _take_back(out: Samples, here: int, spare: int, state: Integers) -> None:
    """Restore a block to what it was before its MCU was decoded."""
    if state[L.FIRST] > 0:
        for j in range(64):
            out[here + j] = out[spare + j]
    elif state[L.HIGH] > 0:
        out[here] &= np.int16(~(1 << state[L.LOW]))
    else:
        out[here : here + 64 if state[L.LAST] > 0 else here + 1] = np.int16(0)


@compiled
def _open_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:
    """Prepare nothing: the code is read in place."""
    return 0


@compiled
def _close_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes, bits: int, at: int) -> int:
    """Go to the marker after an interval decoded up to `at`. Returns a fault, if strict, for data left over."""
    # When the last decision is taken, all of the code has been read (D.1.8); zeros and fill bytes may follow.
    end = state[L.END]
    while at < end and data[at] == 0:
        at += 1
    while at + 1 < end and data[at] == 0xFF and data[at + 1] == 0xFF:
        at += 1
    at = min(at, end)
    if at + 1 < end and (data[at] != 0xFF or data[at + 1] == 0):
        state[L.OFFSET] = at - state[L.START]
        if state[L.MODE] == L.STRICT:
            return codes.DATA_LEFT_OVER
        warn(state, codes.DATA_LEFT_OVER, state[L.OFFSET])
        at = next_marker(data, at, end)
    state[L.AT] = at if at + 1 < end else end
    return codes.NO_FAULT


@compiled
def _leave_interval(data: Bytes, state: Integers, work: Integers) -> None:
    """Go to the marker after an interval whose fault shows at ``state[OFFSET]``."""
    state[L.AT] = next_marker(data, state[L.START] + state[L.OFFSET], state[L.END])


arithmetic_scan = scan_of("arithmetic_scan", _decode_interval, _open_interval, _close_interval, _leave_interval)
