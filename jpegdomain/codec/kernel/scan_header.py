"""Scan headers: whether a file's sequence of scans is one that the standard allows (T.81 B.2.3, G.1.1.1).

Where it does not matter for the coefficients, another sequence is tolerated: as by libjpeg, whose warnings these are.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .definitions import blame_definition, copy_steps
from .huffman import AC_CLASS, DC_CLASS, PROGRESSIVE_AC, REFINING_AC, table_for
from .mcu import mcu_grid
from .notes import tolerated
from .numbers import (
    AC_BEFORE_DC,
    BAD_BAND,
    DISCONTINUED,
    FILE_ENDS_EARLY,
    LARGE_MCU,
    NO_FAULT,
    NO_HUFFMAN,
    NO_STEPS,
    REPEATED_SCAN,
    SCAN_BEFORE_FRAME,
    SCAN_COMPONENTS,
    SCAN_LENGTH,
    STANDARD_TABLES,
    TOO_MANY_SCANS,
    TOO_SHORT,
)
from .progress import brings_nothing
from .slots import (
    AC,
    ARITHMETIC,
    AT,
    COMPONENT,
    COUNT,
    DC,
    DETAIL,
    END,
    FIELDS,
    FIRST,
    FRAME,
    HIGH,
    HUFFMAN,
    IDENTIFIER,
    IRREGULAR,
    KEEP,
    LAST,
    LOSSES,
    LOW,
    MODE,
    PART,
    PARTS,
    PINNED,
    PROGRESSIVE,
    SCAN_LIMIT,
    SCANS,
    SEEN,
    SENT,
    SLOT,
    STANDARD,
    STEPS,
    STRICT,
    TAKEN,
    H,
    Integers,
    Tables,
    V,
)
from .slots import Steps as StepsArray
from .standard import STANDARD_PLACES, STANDARD_TABLE_DATA
from .words import Bytes

__all__ = ["check_length", "find_tables", "read_scan"]

_LARGEST_MCU = 10
_LARGEST_SHIFT = 13


@compiled
def read_scan(data: Bytes, at: int, end: int, state: Integers, quant: StepsArray, work: Integers) -> int:
    """Take a scan header whose payload is ``data[at:end]``. Returns a fault."""
    if state[FRAME] == 0:
        return SCAN_BEFORE_FRAME
    parts = np.int64(data[at]) if end > at else 0
    if not 1 <= parts <= state[COUNT] or end - at != 4 + 2 * parts:
        return SCAN_LENGTH
    state[PARTS] = parts
    state[FIRST], state[LAST] = np.int64(data[end - 3]), np.int64(data[end - 2])
    state[HIGH], state[LOW] = np.int64(data[end - 1] >> 4), np.int64(data[end - 1] & 15)
    fault = _find_components(data, at + 1, state, work)
    if fault == NO_FAULT:
        fault = _check_band(state)
    if fault != NO_FAULT:
        return fault
    trusted = state[LOSSES] == 0 and state[IRREGULAR] == 0
    if state[MODE] != STRICT and trusted and brings_nothing(state, work):
        return REPEATED_SCAN
    if state[SCANS] >= state[SCAN_LIMIT]:
        state[DETAIL] = state[SCAN_LIMIT]
        return TOO_MANY_SCANS
    for part in range(parts):
        if fault == NO_FAULT:
            fault = _check_continued(state, work, state[PART + part])
        if fault == NO_FAULT:
            fault = _check_slots(data, state, part)
        if fault == NO_FAULT:
            fault = _take_steps(data, state, quant, state[PART + part])
    if fault == NO_FAULT:
        state[SCANS] += 1
        for part in range(parts):
            sent = SENT + 64 * state[PART + part]
            work[sent + state[FIRST] : sent + state[LAST] + 1] = state[LOW]
            state[COMPONENT + FIELDS * state[PART + part] + SEEN] = 1
    return fault


@compiled
def _find_components(data: Bytes, at: int, state: Integers, work: Integers) -> int:
    """Note which components the scan has, and their table slots. Returns a fault."""
    blocks = 0
    by_name = True
    for part in range(state[PARTS]):
        component = _component(data[at + 2 * part], part, state, work)
        by_name = by_name and component >= 0
        if component < 0:
            # A scan of all components has them in the frame's order (B.2.3), whatever it calls them.
            if state[PARTS] < state[COUNT] or state[MODE] == STRICT:
                return SCAN_COMPONENTS
            component = part
        state[PART + part] = component
    if not by_name:
        tolerated(state, SCAN_COMPONENTS)
    for part in range(state[PARTS]):
        if not by_name:
            state[PART + part] = part
        slots = np.int64(data[at + 1 + 2 * part])
        state[DC + part], state[AC + part] = slots >> 4, slots & 15
        of = COMPONENT + FIELDS * state[PART + part]
        blocks += state[of + V] * state[of + H]
    return LARGE_MCU if state[PARTS] > 1 and blocks > _LARGEST_MCU else NO_FAULT


@compiled
def _component(identifier: int, part: int, state: Integers, work: Integers) -> int:
    """Find a component that the scan has not named yet: of several with the same name, one that the scan continues."""
    found = -1
    for i in range(state[COUNT]):
        free = state[COMPONENT + FIELDS * i + IDENTIFIER] == np.int64(identifier)
        for other in range(part):
            free = free and state[PART + other] != i
        if free:
            if _is_next(state, work, i):
                return i
            found = i if found < 0 else found
    return found


@compiled
def _is_next(state: Integers, work: Integers, component: int) -> bool:
    """Tell whether the scan's band is what has to come next of a component; its first coefficient speaks for it."""
    first = state[FIRST] if state[PROGRESSIVE] == 1 else 0
    expected = state[HIGH] if state[PROGRESSIVE] == 1 and state[HIGH] > 0 else -1
    return first < 64 and work[SENT + 64 * component + first] == expected


@compiled
def _check_band(state: Integers) -> int:
    """Check the spectral selection and successive approximation (B.2.3 and G.1.1.1)."""
    first, last, high, low = state[FIRST], state[LAST], state[HIGH], state[LOW]
    state[DETAIL], state[DETAIL + 1], state[DETAIL + 2], state[DETAIL + 3] = first, last, high, low
    if state[PROGRESSIVE] == 0:
        # Decoders have never looked at these bytes, and some encoders write zeros.
        fault = NO_FAULT if first == 0 and last == 63 and high == 0 and low == 0 else tolerated(state, BAD_BAND)
        state[FIRST], state[LAST], state[HIGH], state[LOW] = 0, 63, 0, 0
        return fault
    legal = last == 0 if first == 0 else first <= last <= 63 and state[PARTS] == 1
    return NO_FAULT if legal and low <= _LARGEST_SHIFT and (high == 0 or low == high - 1) else BAD_BAND


@compiled
def _check_continued(state: Integers, work: Integers, component: int) -> int:
    sent = SENT + 64 * component
    state[DETAIL] = state[COMPONENT + FIELDS * component + IDENTIFIER]
    if state[FIRST] > 0 and work[sent] < 0:
        fault = tolerated(state, AC_BEFORE_DC)
        if fault != NO_FAULT:
            return fault
    # Ah is 0 both in a band's first scan and in a refinement, impossible, of a band that is complete.
    expected = state[HIGH] if state[HIGH] > 0 else -1
    # The scans of a sequential frame bring all coefficients at once.
    last = state[LAST] if state[PROGRESSIVE] == 1 else 0
    for k in range(state[FIRST], last + 1):
        if work[sent + k] != expected:
            # Bits that refine what was lost cannot be told apart.
            lost = state[MODE] == KEEP and state[LOSSES] > 0 and state[HIGH] > 0
            state[IRREGULAR] = 1
            return DISCONTINUED if lost else tolerated(state, DISCONTINUED)
    return NO_FAULT


@compiled
def _check_slots(data: Bytes, state: Integers, part: int) -> int:
    fault = NO_FAULT
    if state[ARITHMETIC] == 1:
        # The slots are those of conditioning, which has defaults.
        return fault
    # A scan that refines DC sends plain bits (G.1.2.1).
    if state[FIRST] == 0 and state[HIGH] == 0:
        fault = _check_slot(data, state, DC_CLASS, state[DC + part])
    if fault == NO_FAULT and state[LAST] > 0:
        fault = _check_slot(data, state, AC_CLASS, state[AC + part])
    return fault


@compiled
def _check_slot(data: Bytes, state: Integers, kind: int, slot: int) -> int:
    """Check that a scan has a Huffman table; frames of Motion-JPEG leave out those of K.3.3."""
    state[DETAIL], state[DETAIL + 1] = kind, slot
    if slot > 3:
        return NO_HUFFMAN
    at = state[HUFFMAN + 4 * kind + slot]
    if at == 0 and slot < 2 and state[PROGRESSIVE] == 0 and state[MODE] != STRICT:
        tolerated(state, STANDARD_TABLES)
        state[HUFFMAN + 4 * kind + slot] = STANDARD
    elif at < STANDARD:
        return blame_definition(data, -at, state)
    elif at == 0:
        return NO_HUFFMAN
    return NO_FAULT


@compiled
def _take_steps(data: Bytes, state: Integers, quant: StepsArray, component: int) -> int:
    """Give a component the quantisation table in force when its first scan begins."""
    of = COMPONENT + FIELDS * component
    if state[of + SEEN] == 1:
        return NO_FAULT
    slot = state[of + SLOT]
    state[DETAIL], state[DETAIL + 1] = state[of + IDENTIFIER], slot
    if slot > 3 or state[STEPS + slot] == 0:
        return NO_STEPS
    at = state[STEPS + slot]
    if at < 0:
        return blame_definition(data, -at, state)
    for other in range(component):
        # Chroma components share a table nearly always.
        if state[COMPONENT + FIELDS * other + TAKEN] == at:
            for i in range(64):
                quant[component, i] = quant[other, i]
            state[of + TAKEN] = at
            return NO_FAULT
    copy_steps(data, at, quant[component])
    state[of + TAKEN] = at
    return NO_FAULT


@compiled
def check_length(data: Bytes, state: Integers) -> int:
    """Refuse a first scan that cannot hold its blocks, before anyone sets memory aside for them.

    The shortest Huffman code is one bit: DC alone costs a block that much, a sequential block one more for its AC.

    Returns:
        A fault.
    """
    rows, columns = mcu_grid(state)
    end = state[END]
    state[DETAIL] = 8 * (end - state[AT])
    state[DETAIL + 1] = rows * columns * (1 if state[PROGRESSIVE] == 1 else 2)
    if state[DETAIL] >= state[DETAIL + 1]:
        return NO_FAULT
    closed = data[end - 2] == 0xFF and data[end - 1] == 0xD9
    return TOO_SHORT if closed else FILE_ENDS_EARLY


@compiled
def find_tables(data: Bytes, state: Integers, tables: Tables, work: Integers, scratch: Bytes) -> None:
    """Turn the scan's table slots, ``state[DC:]`` and ``state[AC:]``, into positions in `tables`."""
    work[PINNED : PINNED + 8] = -1
    for part in range(state[PARTS]):
        if state[FIRST] == 0 and state[HIGH] == 0:
            state[DC + part] = _find(data, state, DC_CLASS, DC_CLASS, state[DC + part], tables, work, scratch)
            work[PINNED + 2 * part] = state[DC + part]
        if state[LAST] > 0:
            kind = AC_CLASS
            if state[PROGRESSIVE] == 1:
                kind = PROGRESSIVE_AC if state[HIGH] == 0 else REFINING_AC
            state[AC + part] = _find(data, state, AC_CLASS, kind, state[AC + part], tables, work, scratch)
            work[PINNED + 2 * part + 1] = state[AC + part]


@compiled
def _find(
    data: Bytes,
    state: Integers,
    table_class: int,
    kind: int,
    slot: int,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
) -> int:
    at = state[HUFFMAN + 4 * table_class + slot]
    if at == STANDARD:
        place = STANDARD_PLACES[2 * table_class + slot]
        return table_for(STANDARD_TABLE_DATA, place, kind, slot, tables, work, scratch)
    return table_for(data, at, kind, slot, tables, work, scratch)
