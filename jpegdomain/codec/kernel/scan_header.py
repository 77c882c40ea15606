"""Scan headers: whether a file's sequence of scans is one that the standard allows (T.81 B.2.3, G.1.1.1).

A decoder that meets another sequence guesses; this one does not, because a guess changes the data.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .definitions import copy_steps
from .huffman import AC_CLASS, DC_CLASS, PROGRESSIVE_AC, REFINING_AC, table_for
from .mcu import mcu_grid
from .numbers import (
    AC_BEFORE_DC,
    BAD_BAND,
    COMPONENT_MISSING,
    DISCONTINUED,
    FILE_ENDS_EARLY,
    LARGE_MCU,
    NO_FAULT,
    NO_HUFFMAN,
    NO_STEPS,
    SCAN_BEFORE_FRAME,
    SCAN_COMPONENTS,
    SCAN_LENGTH,
    TOO_SHORT,
)
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
    LAST,
    LOW,
    PART,
    PARTS,
    PINNED,
    PROGRESSIVE,
    SCANS,
    SEEN,
    SENT,
    SLOT,
    STEPS,
    TAKEN,
    H,
    Integers,
    Tables,
    V,
)
from .slots import Steps as StepsArray
from .words import Bytes

__all__ = ["check_complete", "check_length", "find_tables", "read_scan"]

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
    blocks = 0
    for part in range(parts):
        component = _component(data[at + 1 + 2 * part], state)
        for other in range(part):
            if state[PART + other] == component:
                component = -1
        if component < 0:
            return SCAN_COMPONENTS
        state[PART + part] = component
        slots = np.int64(data[at + 2 + 2 * part])
        state[DC + part], state[AC + part] = slots >> 4, slots & 15
        of = COMPONENT + FIELDS * component
        blocks += state[of + V] * state[of + H]
    if parts > 1 and blocks > _LARGEST_MCU:
        return LARGE_MCU
    state[FIRST], state[LAST] = np.int64(data[end - 3]), np.int64(data[end - 2])
    state[HIGH], state[LOW] = np.int64(data[end - 1] >> 4), np.int64(data[end - 1] & 15)
    fault = _check_band(state)
    for part in range(parts):
        if fault == NO_FAULT:
            fault = _check_continued(state, work, state[PART + part])
        if fault == NO_FAULT:
            fault = _check_slots(state, part)
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
def _component(identifier: int, state: Integers) -> int:
    for i in range(state[COUNT]):
        if state[COMPONENT + FIELDS * i + IDENTIFIER] == np.int64(identifier):
            return i
    return -1


@compiled
def _check_band(state: Integers) -> int:
    """Check the spectral selection and successive approximation (B.2.3 and G.1.1.1)."""
    first, last, high, low = state[FIRST], state[LAST], state[HIGH], state[LOW]
    state[DETAIL], state[DETAIL + 1], state[DETAIL + 2], state[DETAIL + 3] = first, last, high, low
    if state[PROGRESSIVE] == 0:
        return NO_FAULT if first == 0 and last == 63 and high == 0 and low == 0 else BAD_BAND
    legal = last == 0 if first == 0 else first <= last <= 63 and state[PARTS] == 1
    return NO_FAULT if legal and low <= _LARGEST_SHIFT and (high == 0 or low == high - 1) else BAD_BAND


@compiled
def _check_continued(state: Integers, work: Integers, component: int) -> int:
    sent = SENT + 64 * component
    state[DETAIL] = state[COMPONENT + FIELDS * component + IDENTIFIER]
    if state[FIRST] > 0 and work[sent] < 0:
        return AC_BEFORE_DC
    # Ah is 0 both in a band's first scan and in a refinement, impossible, of a band that is complete.
    expected = state[HIGH] if state[HIGH] > 0 else -1
    # The scans of a sequential frame bring all coefficients at once.
    last = state[LAST] if state[PROGRESSIVE] == 1 else 0
    for k in range(state[FIRST], last + 1):
        if work[sent + k] != expected:
            return DISCONTINUED
    return NO_FAULT


@compiled
def _check_slots(state: Integers, part: int) -> int:
    if state[ARITHMETIC] == 1:
        return NO_FAULT
    # A scan that refines DC sends plain bits (G.1.2.1).
    if state[FIRST] == 0 and state[HIGH] == 0:
        slot = state[DC + part]
        state[DETAIL], state[DETAIL + 1] = 0, slot
        if slot > 3 or state[HUFFMAN + slot] == 0:
            return NO_HUFFMAN
    if state[LAST] > 0:
        slot = state[AC + part]
        state[DETAIL], state[DETAIL + 1] = 1, slot
        if slot > 3 or state[HUFFMAN + 4 + slot] == 0:
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
            slot = state[DC + part]
            at = state[HUFFMAN + slot]
            state[DC + part] = table_for(data, at, DC_CLASS, slot, tables, work, scratch)
            work[PINNED + 2 * part] = state[DC + part]
        if state[LAST] > 0:
            slot = state[AC + part]
            at = state[HUFFMAN + 4 + slot]
            kind = AC_CLASS
            if state[PROGRESSIVE] == 1:
                kind = PROGRESSIVE_AC if state[HIGH] == 0 else REFINING_AC
            state[AC + part] = table_for(data, at, kind, slot, tables, work, scratch)
            work[PINNED + 2 * part + 1] = state[AC + part]


@compiled
def check_complete(state: Integers) -> int:
    """Check, at the end of the image, that every component has come.

    The lowest bits of a progressive file may be missing: the standard does not ask that all be sent.

    Returns:
        A fault.
    """
    for i in range(state[COUNT]):
        if state[COMPONENT + FIELDS * i + SEEN] == 0:
            state[DETAIL] = state[COMPONENT + FIELDS * i + IDENTIFIER]
            return COMPONENT_MISSING
    return NO_FAULT
