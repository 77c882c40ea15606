"""Scan headers: whether the standard allows a file's sequence of scans (T.81 B.2.3, G.1.1.1).

If it does not matter for the coefficients, another sequence is tolerated, with a warning, as by libjpeg.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from .definitions import STANDARD_PLACES, STANDARD_TABLE_DATA, blame_definition, copy_steps
from .huffman import AC_CLASS, DC_CLASS, PROGRESSIVE_AC, REFINING_AC, table_for
from .layout import Bytes, Integers, Memory, Steps
from .mcu import mcu_grid
from .notes import sends_nothing_new, tolerated

__all__ = ["check_length", "find_tables", "read_scan"]

_LARGEST_MCU = 10
_LARGEST_SHIFT = 13


@compiled
def read_scan(data: Bytes, at: int, end: int, state: Integers, quant: Steps, work: Integers) -> int:
    """Read a scan header whose payload is ``data[at:end]``. Returns a fault."""
    if state[L.FRAME] == 0:
        return codes.SCAN_BEFORE_FRAME
    parts = np.int64(data[at]) if end > at else 0
    if not 1 <= parts <= state[L.COUNT] or end - at != 4 + 2 * parts:
        return codes.SCAN_LENGTH
    state[L.PARTS] = parts
    state[L.FIRST], state[L.LAST] = np.int64(data[end - 3]), np.int64(data[end - 2])
    state[L.HIGH], state[L.LOW] = np.int64(data[end - 1] >> 4), np.int64(data[end - 1] & 15)
    fault = _find_components(data, at + 1, state, work)
    if not fault:
        fault = _check_band(state)
    if fault:
        return fault
    trusted = state[L.LOSSES] == 0 and state[L.IRREGULAR] == 0
    if state[L.MODE] != L.STRICT and trusted and sends_nothing_new(state, work):
        return codes.REPEATED_SCAN
    if state[L.SCANS] >= state[L.SCAN_LIMIT]:
        state[L.DETAIL] = state[L.SCAN_LIMIT]
        return codes.TOO_MANY_SCANS
    for part in range(parts):
        if not fault:
            fault = _check_continued(state, work, state[L.PART + part])
        if not fault:
            fault = _check_slots(data, state, part)
        if not fault:
            fault = _take_steps(data, state, quant, state[L.PART + part])
    if not fault:
        state[L.SCANS] += 1
        for part in range(parts):
            sent = L.SENT + 64 * state[L.PART + part]
            work[sent + state[L.FIRST] : sent + state[L.LAST] + 1] = state[L.LOW]
            state[L.COMPONENT + L.FIELDS * state[L.PART + part] + L.SEEN] = 1
    return fault


@compiled
def _find_components(data: Bytes, at: int, state: Integers, work: Integers) -> int:
    """Record which components the scan has, and their table slots. Returns a fault."""
    blocks = 0
    by_name = True
    for part in range(state[L.PARTS]):
        component = _component(data[at + 2 * part], part, state, work)
        by_name = by_name and component >= 0
        if component < 0:
            # A scan of all components has them in the frame's order (B.2.3), whatever their identifiers.
            if state[L.PARTS] < state[L.COUNT] or state[L.MODE] == L.STRICT:
                return codes.SCAN_COMPONENTS
            component = part
        state[L.PART + part] = component
    if not by_name:
        tolerated(state, codes.SCAN_COMPONENTS)
    for part in range(state[L.PARTS]):
        if not by_name:
            state[L.PART + part] = part
        slots = np.int64(data[at + 1 + 2 * part])
        state[L.DC + part], state[L.AC + part] = slots >> 4, slots & 15
        of = L.COMPONENT + L.FIELDS * state[L.PART + part]
        blocks += state[of + L.V] * state[of + L.H]
    return codes.LARGE_MCU if state[L.PARTS] > 1 and blocks > _LARGEST_MCU else codes.NO_FAULT


@compiled
def _component(identifier: int, part: int, state: Integers, work: Integers) -> int:
    """Find a component that the scan has not named yet; of several with one identifier, one that the scan continues."""
    found = -1
    for i in range(state[L.COUNT]):
        free = state[L.COMPONENT + L.FIELDS * i + L.IDENTIFIER] == np.int64(identifier)
        for other in range(part):
            free = free and state[L.PART + other] != i
        if free:
            if _is_next(state, work, i):
                return i
            found = i if found < 0 else found
    return found


@compiled
def _is_next(state: Integers, work: Integers, component: int) -> bool:
    """Return whether the scan's band must come next for a component; only its first coefficient is looked at."""
    first = state[L.FIRST] if state[L.PROGRESSIVE] == 1 else 0
    expected = state[L.HIGH] if state[L.PROGRESSIVE] == 1 and state[L.HIGH] > 0 else -1
    return first < 64 and work[L.SENT + 64 * component + first] == expected


@compiled
def _check_band(state: Integers) -> int:
    """Check the spectral selection and successive approximation (B.2.3 and G.1.1.1)."""
    first, last, high, low = state[L.FIRST], state[L.LAST], state[L.HIGH], state[L.LOW]
    state[L.DETAIL], state[L.DETAIL + 1], state[L.DETAIL + 2], state[L.DETAIL + 3] = first, last, high, low
    if state[L.PROGRESSIVE] == 0:
        # Decoders ignore these bytes, and some encoders write zeros.
        fault = (
            codes.NO_FAULT if first == 0 and last == 63 and high == 0 and low == 0 else tolerated(state, codes.BAD_BAND)
        )
        state[L.FIRST], state[L.LAST], state[L.HIGH], state[L.LOW] = 0, 63, 0, 0
        return fault
    legal = last == 0 if first == 0 else first <= last <= 63 and state[L.PARTS] == 1
    return codes.NO_FAULT if legal and low <= _LARGEST_SHIFT and (high == 0 or low == high - 1) else codes.BAD_BAND


@compiled
def _check_continued(state: Integers, work: Integers, component: int) -> int:
    sent = L.SENT + 64 * component
    state[L.DETAIL] = state[L.COMPONENT + L.FIELDS * component + L.IDENTIFIER]
    if state[L.FIRST] > 0 and work[sent] < 0:
        fault = tolerated(state, codes.AC_BEFORE_DC)
        if fault:
            return fault
    # Ah is 0 in a band's first scan, and also in an (impossible) refinement of a complete band.
    expected = state[L.HIGH] if state[L.HIGH] > 0 else -1
    # The scans of a sequential frame contain all coefficients at once.
    last = state[L.LAST] if state[L.PROGRESSIVE] == 1 else 0
    for k in range(state[L.FIRST], last + 1):
        if work[sent + k] != expected:
            # Bits that refine lost coefficients cannot be assigned.
            lost = state[L.MODE] == L.KEEP and state[L.LOSSES] > 0 and state[L.HIGH] > 0
            state[L.IRREGULAR] = 1
            return codes.DISCONTINUED if lost else tolerated(state, codes.DISCONTINUED)
    return codes.NO_FAULT


@compiled
def _check_slots(data: Bytes, state: Integers, part: int) -> int:
    fault = codes.NO_FAULT
    if state[L.ARITHMETIC] == 1:
        # The slots are for conditioning, which has defaults.
        return fault
    # A scan that refines DC sends bits without Huffman codes (G.1.2.1).
    if state[L.FIRST] == 0 and state[L.HIGH] == 0:
        fault = _check_slot(data, state, DC_CLASS, state[L.DC + part])
    if not fault and state[L.LAST] > 0:
        fault = _check_slot(data, state, AC_CLASS, state[L.AC + part])
    return fault


@compiled
def _check_slot(data: Bytes, state: Integers, kind: int, slot: int) -> int:
    """Check that a scan has a Huffman table; frames of Motion-JPEG leave out those of K.3.3."""
    state[L.DETAIL], state[L.DETAIL + 1] = kind, slot
    if slot > 3:
        return codes.NO_HUFFMAN
    at = state[L.HUFFMAN + 4 * kind + slot]
    if at == 0 and slot < 2 and state[L.PROGRESSIVE] == 0 and state[L.MODE] != L.STRICT:
        tolerated(state, codes.STANDARD_TABLES)
        state[L.HUFFMAN + 4 * kind + slot] = L.STANDARD
    elif at < L.STANDARD:
        return blame_definition(data, -at, state)
    elif at == 0:
        return codes.NO_HUFFMAN
    return codes.NO_FAULT


@compiled
def _take_steps(data: Bytes, state: Integers, quant: Steps, component: int) -> int:
    """Copy a component's quantisation table, as defined when its first scan begins."""
    of = L.COMPONENT + L.FIELDS * component
    if state[of + L.SEEN] == 1:
        return codes.NO_FAULT
    slot = state[of + L.SLOT]
    state[L.DETAIL], state[L.DETAIL + 1] = state[of + L.IDENTIFIER], slot
    if slot > 3 or state[L.STEPS + slot] == 0:
        return codes.NO_STEPS
    at = state[L.STEPS + slot]
    if at < 0:
        return blame_definition(data, -at, state)
    for other in range(component):
        # Chroma components nearly always share a table.
        if state[L.COMPONENT + L.FIELDS * other + L.TAKEN] == at:
            for i in range(64):
                quant[component, i] = quant[other, i]
            state[of + L.TAKEN] = at
            return codes.NO_FAULT
    copy_steps(data, at, quant[component])
    state[of + L.TAKEN] = at
    return codes.NO_FAULT


@compiled
def check_length(data: Bytes, state: Integers) -> int:
    """Return a fault if a first scan is too short for its blocks, before memory is allocated for them."""
    # The shortest Huffman code is one bit. Each block needs one for DC, and in a sequential frame one more for AC.
    rows, columns = mcu_grid(state)
    end = state[L.END]
    state[L.DETAIL] = 8 * (end - state[L.AT])
    state[L.DETAIL + 1] = rows * columns * (1 if state[L.PROGRESSIVE] == 1 else 2)
    if state[L.DETAIL] >= state[L.DETAIL + 1]:
        return codes.NO_FAULT
    closed = data[end - 2] == 0xFF and data[end - 1] == 0xD9
    return codes.TOO_SHORT if closed else codes.FILE_ENDS_EARLY


@compiled
def find_tables(data: Bytes, state: Integers, memory: Memory) -> None:
    """Turn the scan's table slots, ``state[DC:]`` and ``state[AC:]``, into positions in `memory.tables`."""
    pinned = memory.work[L.PINNED : L.PINNED + 8]
    pinned[:] = -1
    for part in range(state[L.PARTS]):
        if state[L.FIRST] == 0 and state[L.HIGH] == 0:
            state[L.DC + part] = _find(data, state, DC_CLASS, DC_CLASS, state[L.DC + part], memory)
            pinned[2 * part] = state[L.DC + part]
        if state[L.LAST] > 0:
            kind = AC_CLASS
            if state[L.PROGRESSIVE] == 1:
                kind = PROGRESSIVE_AC if state[L.HIGH] == 0 else REFINING_AC
            state[L.AC + part] = _find(data, state, AC_CLASS, kind, state[L.AC + part], memory)
            pinned[2 * part + 1] = state[L.AC + part]


@compiled
def _find(data: Bytes, state: Integers, table_class: int, kind: int, slot: int, memory: Memory) -> int:
    at = state[L.HUFFMAN + 4 * table_class + slot]
    if at == L.STANDARD:
        return table_for(STANDARD_TABLE_DATA, STANDARD_PLACES[2 * table_class + slot], kind, slot, memory)
    return table_for(data, at, kind, slot, memory)
