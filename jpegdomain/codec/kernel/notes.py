"""Notes on a file's faults, in `state`: the one that ends the reading, warnings, losses, and what is missing."""

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from .layout import Integers

__all__ = ["blame_first", "is_complete", "lose", "note", "sends_nothing_new", "settle", "tolerated", "warn"]


@compiled
def note(state: Integers, fault: int, at: int) -> None:
    """Record the fault that ends the reading, shown by the byte at position `at`."""
    state[L.FAULT] = fault
    state[L.OFFSET] = at - state[L.START]


@compiled
def warn(state: Integers, fault: int, offset: int) -> None:
    """Add a warning, with the marker and the details in the state."""
    _add(state, L.WARNINGS, L.WARNING_LIST, fault, offset)


@compiled
def lose(state: Integers, fault: int, offset: int) -> None:
    """Add a loss, with the marker and the details in the state."""
    _add(state, L.LOSSES, L.LOSS_LIST, fault, offset)


@compiled
def tolerated(state: Integers, fault: int) -> int:
    """Unless strict, turn a fault that costs no coefficient into a warning. Returns the fault if strict, else none."""
    if state[L.MODE] == L.STRICT:
        return fault
    warn(state, fault, state[L.PLACE] - state[L.START])
    return codes.NO_FAULT


@compiled
def blame_first(state: Integers, warning: int) -> int:
    """Make the warning with this number the fault that ends the reading: it led to the one that showed later."""
    place = L.WARNING_LIST + L.NOTE_FIELDS * warning
    state[L.OFFSET] = state[place + 1]
    state[L.MARKER] = state[place + 2]
    for i in range(4):
        state[L.DETAIL + i] = state[place + 3 + i]
    return state[place]


@compiled
def _add(state: Integers, count: int, entries: int, fault: int, offset: int) -> None:
    if state[count] < L.NOTES:
        place = entries + L.NOTE_FIELDS * state[count]
        state[place] = fault
        state[place + 1] = offset
        state[place + 2] = state[L.MARKER]
        for i in range(4):
            state[place + 3 + i] = state[L.DETAIL + i]
    state[count] += 1


@compiled
def is_complete(state: Integers, work: Integers) -> bool:
    """Return whether the scans so far contain all bits of all components."""
    if state[L.SCANS] == 0:
        return False
    for i in range(state[L.COUNT]):
        if state[L.COMPONENT + L.FIELDS * i + L.SEEN] == 0 or _missing(state, work, i) > 0:
            return False
    return True


@compiled
def _missing(state: Integers, work: Integers, component: int) -> int:
    """Count a component's coefficients whose lowest bits are missing."""
    count = 0
    for k in range(64 if state[L.PROGRESSIVE] == 1 else 0):
        count += 1 if work[L.SENT + 64 * component + k] != 0 else 0
    return count


@compiled
def settle(state: Integers, work: Integers) -> int:
    """At the end of the image, record what is missing. Returns a fault if a missing component counts as one."""
    # The standard does not require that all bits of a progressive file are sent.
    fault = codes.NO_FAULT
    for i in range(state[L.COUNT]):
        of = L.COMPONENT + L.FIELDS * i
        missing = _missing(state, work, i)
        state[L.DETAIL], state[L.DETAIL + 1] = state[of + L.IDENTIFIER], missing
        if state[of + L.SEEN] == 0 or missing > 0:
            state[L.INCOMPLETE] = 1
        if state[of + L.SEEN] == 0 and not fault:
            fault = tolerated(state, codes.COMPONENT_MISSING)
        elif missing > 0 and state[L.MODE] != L.STRICT:
            tolerated(state, codes.BITS_MISSING)
        if fault:
            return fault
    return fault


@compiled
def sends_nothing_new(state: Integers, work: Integers) -> bool:
    """Return whether a scan, according to its header, contains only bits that earlier scans have sent."""
    for part in range(state[L.PARTS]):
        sent = L.SENT + 64 * state[L.PART + part]
        for k in range(state[L.FIRST], state[L.LAST] + 1):
            if work[sent + k] < 0 or work[sent + k] > state[L.LOW]:
                return False
    return True
