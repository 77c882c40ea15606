"""The entropy-coded data of one restart interval after the other, unstuffed a chunk at a time.

An MCU takes less than `SPARE` bytes. So one comparison after each suffices: as long as a reader stands at or below
the *low-water mark* that these functions return, the next MCU cannot leave `scratch`.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .markers import next_marker
from .notes import warn
from .numbers import DATA_ENDS_EARLY, DATA_LEFT_OVER, FILE_ENDS_EARLY, NO_FAULT
from .slots import (
    AT,
    CLOSED,
    END,
    FILLED,
    GONE,
    MARKER,
    MODE,
    OFFSET,
    ORIGIN,
    SOURCE,
    SPARE,
    START,
    STRICT,
    Integers,
)
from .unstuff import offset_of, unstuff
from .words import Bytes, load, store

__all__ = ["close_interval", "damage", "leave_interval", "more", "open_interval"]


@compiled
def open_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:
    """Begin at ``state[AT]``; the reservoir is empty and stands at 0. Returns the low-water mark."""
    work[ORIGIN] = state[AT]
    work[SOURCE] = state[AT]
    work[FILLED] = 0
    work[GONE] = 0
    return _take(data, state, work, scratch)


@compiled
def _take(data: Bytes, state: Integers, work: Integers, scratch: Bytes) -> int:
    source, filled, closed = unstuff(data, work[SOURCE], state[END], scratch, work[FILLED])
    work[SOURCE] = source
    work[FILLED] = filled
    work[CLOSED] = 1 if closed else 0
    return filled if closed else filled - SPARE


@compiled
def more(data: Bytes, state: Integers, work: Integers, scratch: Bytes, bits: int, at: int) -> tuple[int, int, int]:
    """Go on above the low-water mark. Returns the reservoir's position, the new mark, and a fault."""
    filled = work[FILLED]
    if work[CLOSED] == 1:
        if 8 * at - bits > 8 * filled:
            return at, filled, DATA_ENDS_EARLY
        return at, filled, NO_FAULT
    for i in range(0, filled - at, 8):
        store(scratch, i, load(scratch, at + i))
    work[FILLED] = filled - at
    work[GONE] += at
    return 0, _take(data, state, work, scratch), NO_FAULT


@compiled
def close_interval(data: Bytes, state: Integers, work: Integers, scratch: Bytes, bits: int, at: int) -> int:
    """Go to the marker behind an interval, whose data is used up but for the padding of its last byte.

    What is left over is a fault if strict, else a warning.

    Returns:
        A fault.
    """
    low = work[FILLED] if work[CLOSED] == 1 else work[FILLED] - SPARE
    if at > low:
        at, low, fault = more(data, state, work, scratch, bits, at)
        if fault != NO_FAULT:
            return damage(data, state, work, bits, at, fault)
    if work[CLOSED] == 0 or 8 * work[FILLED] - (8 * at - bits) >= 8:
        damage(data, state, work, bits, at, DATA_LEFT_OVER)
        if state[MODE] == STRICT:
            return DATA_LEFT_OVER
        warn(state, DATA_LEFT_OVER, state[OFFSET])
    leave_interval(data, state, work)
    return NO_FAULT


@compiled
def leave_interval(data: Bytes, state: Integers, work: Integers) -> None:
    """Go to the marker behind an interval, over whatever is left of it."""
    state[AT] = work[SOURCE] if work[CLOSED] == 1 else next_marker(data, work[SOURCE], state[END])


@compiled
def damage(data: Bytes, state: Integers, work: Integers, bits: int, at: int, fault: int) -> int:
    """Note where in the file a fault in entropy-coded data shows, and return it.

    A code that is none because the zeros behind the data have been reached is an early end.

    Returns:
        The fault.
    """
    consumed = 8 * at - bits
    if work[CLOSED] == 1 and consumed > 8 * work[FILLED] and fault != DATA_LEFT_OVER:
        state[OFFSET] = work[SOURCE] - state[START]
        if work[SOURCE] >= state[END]:
            return FILE_ENDS_EARLY
        state[MARKER] = np.int64(data[work[SOURCE] + 1])
        return DATA_ENDS_EARLY
    state[OFFSET] = offset_of(data, work[ORIGIN], state[END], work[GONE] + consumed // 8) - state[START]
    return fault
