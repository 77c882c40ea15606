"""The entropy-coded data of one restart interval after another, unstuffed chunk by chunk.

An MCU takes less than `SPARE` bytes, so one comparison after each MCU is enough: as long as a reader's position is at
or below the *low-water mark* that these functions return, the next MCU is completely in `scratch`.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from .layout import Bytes, Integers
from .notes import warn
from .words import has_ff, load, next_marker, store

__all__ = ["close_interval", "damage", "leave_interval", "more", "offset_of", "open_interval"]


@compiled
def open_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:
    """Begin at ``state[AT]``; the reservoir is empty and its position is 0. Returns the low-water mark."""
    work[L.ORIGIN] = state[L.AT]
    work[L.SOURCE] = state[L.AT]
    work[L.FILLED] = 0
    work[L.GONE] = 0
    return _take(data, state, work, scratch)


@compiled
def _take(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:
    source, filled, closed = _unstuff(data, work[L.SOURCE], state[L.END], scratch, work[L.FILLED])
    work[L.SOURCE] = source
    work[L.FILLED] = filled
    work[L.CLOSED] = 1 if closed else 0
    return filled if closed else filled - L.SPARE


@compiled
def more(data: Bytes, state: Integers, work: Integers, scratch: Bytes, bits: int, at: int) -> tuple[int, int, int]:
    """Continue above the low-water mark. Returns the reservoir's position, the new mark, and `damage`'s fault."""
    filled = work[L.FILLED]
    if work[L.CLOSED] == 1:
        if 8 * at - bits > 8 * filled:
            return at, filled, damage(data, state, work, bits, at, codes.DATA_ENDS_EARLY)
        return at, filled, codes.NO_FAULT
    for i in range(0, filled - at, 8):
        store(scratch, i, load(scratch, at + i))
    work[L.FILLED] = filled - at
    work[L.GONE] += at
    return 0, _take(data, state, work, scratch), codes.NO_FAULT


@compiled
def close_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes, bits: int, at: int) -> int:
    """Go to the marker after an interval that has been decoded. Returns a fault, if strict, for data left over."""
    low = work[L.FILLED] if work[L.CLOSED] == 1 else work[L.FILLED] - L.SPARE
    if at > low:
        at, low, fault = more(data, state, work, scratch, bits, at)
        if fault:
            return fault
    if work[L.CLOSED] == 0 or 8 * work[L.FILLED] - (8 * at - bits) >= 8:
        damage(data, state, work, bits, at, codes.DATA_LEFT_OVER)
        if state[L.MODE] == L.STRICT:
            return codes.DATA_LEFT_OVER
        warn(state, codes.DATA_LEFT_OVER, state[L.OFFSET])
    leave_interval(data, state, work)
    return codes.NO_FAULT


@compiled
def leave_interval(data: Bytes, state: Integers, work: Integers) -> None:
    """Go to the marker after an interval, skipping whatever is left of it."""
    state[L.AT] = work[L.SOURCE] if work[L.CLOSED] == 1 else next_marker(data, work[L.SOURCE], state[L.END])


@compiled
def damage(data: Bytes, state: Integers, work: Integers, bits: int, at: int, fault: int) -> int:
    """Record where in the file a fault in entropy-coded data shows. Returns the fault."""
    # An invalid code that includes zeros from after the data means that the data ends early.
    consumed = 8 * at - bits
    if work[L.CLOSED] == 1 and consumed > 8 * work[L.FILLED] and fault != codes.DATA_LEFT_OVER:
        state[L.OFFSET] = work[L.SOURCE] - state[L.START]
        if work[L.SOURCE] >= state[L.END]:
            return codes.FILE_ENDS_EARLY
        state[L.MARKER] = np.int64(data[work[L.SOURCE] + 1])
        return codes.DATA_ENDS_EARLY
    state[L.OFFSET] = offset_of(data, work[L.ORIGIN], state[L.END], work[L.GONE] + consumed // 8) - state[L.START]
    return fault


@compiled
def _unstuff(data: Bytes, source: int, end: int, scratch: Bytes, filled: int) -> tuple[int, int, bool]:
    """Copy bytes to ``scratch[filled:]`` until that holds `CHUNK` bytes, or a marker or the end is met."""
    # Returns the next position in the data (of the marker's FF, or after the end), the number of bytes in `scratch`,
    # and whether these are the last; zeros follow the last.
    closed = False
    while filled < L.CHUNK:
        if source + 8 <= end:
            word = load(data, source)
            if not has_ff(word):
                store(scratch, filled, word)
                source += 8
                filled += 8
                continue
        elif source >= end:
            closed = True
            break
        byte = data[source]
        while byte != 0xFF:
            scratch[filled] = byte
            filled += 1
            source += 1
            if source == end:
                break
            byte = data[source]
        if source == end:
            continue
        # FF FF is a fill byte before whatever follows it.
        if source + 1 >= end:
            source = end
        elif data[source + 1] == 0:
            scratch[filled] = np.uint8(0xFF)
            filled += 1
            source += 2
        elif data[source + 1] == 0xFF:
            source += 1
        else:
            closed = True
            break
    if closed:
        scratch[filled : filled + L.SPARE] = np.uint8(0)
    return source, filled, closed


@compiled
def offset_of(data: Bytes, source: int, end: int, count: int) -> int:
    """Find the position in the file of data byte number `count` after `source`."""
    while count > 0 and source < end:
        if data[source] == 0xFF and source + 1 < end:
            if data[source + 1] == 0:
                source += 1
            elif data[source + 1] == 0xFF:
                source += 1
                continue
            else:
                return source
        source += 1
        count -= 1
    return source
