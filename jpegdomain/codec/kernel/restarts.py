"""From one restart interval to the next: where the marker between them is not the one that belongs there, too."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .markers import next_marker
from .notes import lose, warn
from .numbers import FILE_ENDS_EARLY, NO_FAULT, NO_RESTART, RESERVED_MARKER
from .slots import AT, DETAIL, END, MARKER, MODE, OFFSET, START, STRICT, Integers
from .words import Bytes

__all__ = ["is_restart", "next_restart", "resynchronise"]

_SOF0 = 0xC0
_RST0 = 0xD0


@compiled
def is_restart(data: Bytes, state: Integers) -> bool:
    """Tell whether a restart marker stands at ``state[AT]``."""
    at = state[AT]
    return at + 1 < state[END] and data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7


@compiled
def next_restart(data: Bytes, state: Integers, number: int) -> int:
    """Step over the restart marker with this number, at ``state[AT]``; unless strict, over any restart marker.

    Returns:
        A fault, if there is none.
    """
    at, end = state[AT], state[END]
    if state[MODE] != STRICT:
        # What no JPEG file has is nothing but leftovers.
        while at + 1 < end and data[at + 1] < _SOF0:
            state[MARKER] = np.int64(data[at + 1])
            warn(state, RESERVED_MARKER, at - state[START])
            at = next_marker(data, at + 2, end)
        state[AT] = at
    state[OFFSET] = at - state[START]
    if at + 1 >= end:
        return FILE_ENDS_EARLY
    state[MARKER], state[DETAIL] = np.int64(data[at + 1]), _RST0 + number % 8
    if state[MARKER] != state[DETAIL]:
        if state[MODE] == STRICT or not is_restart(data, state):
            return NO_RESTART
        warn(state, NO_RESTART, state[OFFSET])
    state[AT] = at + 2
    return NO_FAULT


@compiled
def resynchronise(data: Bytes, state: Integers, number: int, left: int) -> int:
    """Find the restart marker with this number where data has been lost, by the rules that libjpeg has always had.

    One of the two numbers that follow means that intervals are lost; behind one of the two numbers before, the
    right one is searched; any other restart marker is taken for it.

    Args:
        data: The file.
        state: Its state; goes to behind the marker.
        number: Of the restart marker, counted from the scan's first.
        left: Intervals left in the scan.

    Returns:
        How many intervals are lost before the next one: `left` if there is no marker for any.
    """
    at, end, lost = state[AT], state[END], 0
    while lost < left:
        if at + 1 >= end or (data[at + 1] >= _SOF0 and not 0xD0 <= data[at + 1] <= 0xD7):
            state[MARKER] = np.int64(data[at + 1]) if at + 1 < end else 0
            state[DETAIL] = _RST0 + number % 8
            lose(state, NO_RESTART if at + 1 < end else FILE_ENDS_EARLY, at - state[START])
            lost = left
        elif data[at + 1] < _SOF0:
            at = next_marker(data, at + 2, end)
        else:
            ahead = (np.int64(data[at + 1]) - _RST0 - number) % 8
            if ahead > 0:
                state[MARKER], state[DETAIL] = np.int64(data[at + 1]), _RST0 + number % 8
                lose(state, NO_RESTART, at - state[START])
            if 1 <= ahead <= 2:
                lost += 1
                number += 1
            elif ahead >= 6:
                at = next_marker(data, at + 2, end)
            else:
                at += 2
                break
    state[AT] = at
    return lost
