"""What a file did wrong: the fault that ends its reading, warnings, losses. In a row of `state`, bounded in number."""

from jpegdomain.compiled.jit import compiled

from .numbers import NO_FAULT
from .slots import (
    DETAIL,
    FAULT,
    LOSS_LIST,
    LOSSES,
    MARKER,
    MODE,
    NOTE_FIELDS,
    NOTES,
    OFFSET,
    PLACE,
    START,
    STRICT,
    WARNING_LIST,
    WARNINGS,
    Integers,
)

__all__ = ["blame_first", "lose", "note", "tolerated", "warn"]


@compiled
def note(state: Integers, fault: int, at: int) -> None:
    """Note the fault that ends the reading, shown by the byte at position `at`."""
    state[FAULT] = fault
    state[OFFSET] = at - state[START]


@compiled
def warn(state: Integers, fault: int, offset: int) -> None:
    """Add a warning, with the marker and the details that stand in the state."""
    _add(state, WARNINGS, WARNING_LIST, fault, offset)


@compiled
def lose(state: Integers, fault: int, offset: int) -> None:
    """Add a loss, likewise."""
    _add(state, LOSSES, LOSS_LIST, fault, offset)


@compiled
def tolerated(state: Integers, fault: int) -> int:
    """Turn a fault of the segment that is being read, which costs no coefficient, into a warning unless strict.

    Returns:
        The fault if strict, else none.
    """
    if state[MODE] == STRICT:
        return fault
    warn(state, fault, state[PLACE] - state[START])
    return NO_FAULT


@compiled
def blame_first(state: Integers, warning: int) -> int:
    """Take a warning, by its number, for the fault that ends the reading: it led to the one that showed later."""
    place = WARNING_LIST + NOTE_FIELDS * warning
    state[OFFSET] = state[place + 1]
    state[MARKER] = state[place + 2]
    for i in range(4):
        state[DETAIL + i] = state[place + 3 + i]
    return state[place]


@compiled
def _add(state: Integers, count: int, entries: int, fault: int, offset: int) -> None:
    if state[count] < NOTES:
        place = entries + NOTE_FIELDS * state[count]
        state[place] = fault
        state[place + 1] = offset
        state[place + 2] = state[MARKER]
        for i in range(4):
            state[place + 3 + i] = state[DETAIL + i]
    state[count] += 1
