"""How much of the image has come: which components, which bits of their coefficients."""

from jpegdomain.compiled.jit import compiled

from .notes import tolerated
from .numbers import BITS_MISSING, COMPONENT_MISSING, NO_FAULT
from .slots import (
    COMPONENT,
    COUNT,
    DETAIL,
    FIELDS,
    FIRST,
    IDENTIFIER,
    INCOMPLETE,
    LAST,
    LOW,
    MODE,
    PART,
    PARTS,
    PROGRESSIVE,
    SCANS,
    SEEN,
    SENT,
    STRICT,
    Integers,
)

__all__ = ["brings_nothing", "is_complete", "settle"]


@compiled
def is_complete(state: Integers, work: Integers) -> bool:
    """Tell whether scans have brought all bits of all components."""
    if state[SCANS] == 0:
        return False
    for i in range(state[COUNT]):
        if state[COMPONENT + FIELDS * i + SEEN] == 0 or _missing(state, work, i) > 0:
            return False
    return True


@compiled
def _missing(state: Integers, work: Integers, component: int) -> int:
    """Count a component's coefficients whose lowest bits have not come."""
    count = 0
    for k in range(64 if state[PROGRESSIVE] == 1 else 0):
        count += 1 if work[SENT + 64 * component + k] != 0 else 0
    return count


@compiled
def settle(state: Integers, work: Integers) -> int:
    """At the end of the image, note what has not come of it.

    That all bits of a progressive file be sent the standard does not ask.

    Returns:
        A fault, if a component has not come and this is not tolerated.
    """
    fault = NO_FAULT
    for i in range(state[COUNT]):
        of = COMPONENT + FIELDS * i
        missing = _missing(state, work, i)
        state[DETAIL], state[DETAIL + 1] = state[of + IDENTIFIER], missing
        if state[of + SEEN] == 0 or missing > 0:
            state[INCOMPLETE] = 1
        if state[of + SEEN] == 0 and fault == NO_FAULT:
            fault = tolerated(state, COMPONENT_MISSING)
        elif missing > 0 and state[MODE] != STRICT:
            tolerated(state, BITS_MISSING)
        if fault != NO_FAULT:
            return fault
    return fault


@compiled
def brings_nothing(state: Integers, work: Integers) -> bool:
    """Tell whether a scan, as its header says, holds nothing but bits that have come before."""
    for part in range(state[PARTS]):
        sent = SENT + 64 * state[PART + part]
        for k in range(state[FIRST], state[LAST] + 1):
            if work[sent + k] < 0 or work[sent + k] > state[LOW]:
                return False
    return True
