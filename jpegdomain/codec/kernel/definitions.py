"""The segments that define tables: DQT, DHT, DAC, DRI (T.81 B.2.4). They are checked, and their places noted."""

import numpy as np

from jpegdomain.compiled.jit import compiled
from jpegdomain.tables import ZIGZAG

from .notes import tolerated
from .numbers import (
    BAD_CATEGORY,
    BAD_CONDITIONING,
    BAD_HUFFMAN_SLOT,
    BAD_STEPS_SLOT,
    CONDITIONING_LENGTH,
    HUFFMAN_LENGTH,
    INTERVAL_LENGTH,
    NO_FAULT,
    STEPS_LENGTH,
    TOO_MANY_CODES,
    ZERO_STEP,
)
from .slots import (
    CONDITIONING,
    CONDITIONING_SLOTS,
    DETAIL,
    HUFFMAN,
    INTERVAL,
    MARKER,
    MODE,
    PLACE,
    STEPS,
    STRICT,
    Integers,
)
from .slots import Steps as StepsArray
from .words import Bytes

__all__ = [
    "blame_definition",
    "copy_steps",
    "define_conditioning",
    "define_huffman",
    "define_interval",
    "define_steps",
    "usual_conditioning",
]

_LARGEST_DC_CATEGORY = 15
_DHT = 0xC4
_DQT = 0xDB
_ZIGZAG = ZIGZAG.astype(np.uint8)


@compiled
def define_steps(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DQT segment whose payload is ``data[at:end]`` (B.2.4.1)."""
    fault = NO_FAULT
    while at < end and fault == NO_FAULT:
        wide, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[DETAIL], state[DETAIL + 1] = wide, slot
        if wide > 1 or slot > 3:
            fault = tolerated(state, BAD_STEPS_SLOT)
            _break_undefined(state, STEPS, 4)
        size = 64 << min(wide, 1)
        here = at
        at += 1 + size
        if fault == NO_FAULT and at > end:
            fault = tolerated(state, STEPS_LENGTH)
            if slot < 4 and not _is_zero(data, here, end):
                state[STEPS + slot] = -state[PLACE]
        elif fault == NO_FAULT:
            if _has_zero_step(data, here, wide):
                fault = tolerated(state, ZERO_STEP)
            if slot < 4:
                state[STEPS + slot] = here
    return fault


@compiled
def _break_undefined(state: Integers, slots: int, count: int) -> None:
    """Where the slot of a definition is none, it may have been meant for any that has no table."""
    for slot in range(slots, slots + count):
        if state[slot] == 0:
            state[slot] = -state[PLACE]


@compiled
def _has_zero_step(data: Bytes, at: int, wide: int) -> bool:
    width = 1 + min(wide, 1)
    for i in range(at + 1, at + 1 + 64 * width, width):  # noqa: SIM110 (Numba knows no generators)
        if data[i] == 0 and (width == 1 or data[i + 1] == 0):
            return True
    return False


@compiled
def _is_zero(data: Bytes, at: int, end: int) -> bool:
    """Tell whether bytes are nothing but padding."""
    for i in range(at, end):  # noqa: SIM110 (Numba knows no generators)
        if data[i] != 0:
            return False
    return True


@compiled
def copy_steps(data: Bytes, at: int, steps: StepsArray) -> None:
    """Read the quantisation table whose definition stands at `at` into row-major frequency order."""
    wide = min(np.int64(data[at] >> 4), 1)
    for i in range(64):
        low = at + 1 + i + wide * (i + 1)
        high = np.int64(data[low - 1]) << 8 if wide == 1 else 0
        steps[np.uint64(_ZIGZAG[i])] = np.uint16(high | np.int64(data[low]))


@compiled
def define_huffman(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DHT segment whose payload is ``data[at:end]`` (B.2.4.2), and check that its codes can exist (C.2)."""
    fault = NO_FAULT
    while at < end and fault == NO_FAULT:
        kind, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[DETAIL], state[DETAIL + 1] = kind, slot
        known = kind < 2 and slot < 4
        if not known:
            fault = tolerated(state, BAD_HUFFMAN_SLOT)
            _break_undefined(state, HUFFMAN, 8)
        if fault == NO_FAULT and at + 17 > end:
            # Less than a table's head: padding.
            fault = tolerated(state, HUFFMAN_LENGTH)
            at = end
        elif fault == NO_FAULT:
            total = 0
            for length in range(1, 17):
                total += np.int64(data[at + length])
            here = at
            at += 17 + total
            wrong = HUFFMAN_LENGTH if at > end else _wrong_with(data, here, kind, total) if known else NO_FAULT
            if wrong != NO_FAULT:
                fault = tolerated(state, wrong)
            if known and wrong != NO_FAULT:
                state[HUFFMAN + 4 * kind + slot] = -state[PLACE]
            elif known and (total > 0 or state[MODE] == STRICT or state[HUFFMAN + 4 * kind + slot] == 0):
                # Without any code it is padding, if there is a table already.
                state[HUFFMAN + 4 * kind + slot] = here + 1
    return fault


@compiled
def _wrong_with(data: Bytes, at: int, kind: int, total: int) -> int:
    """Judge a table's content. Returns a fault."""
    if total > 256 or not _codes_fit(data, at):
        return TOO_MANY_CODES
    if kind == 0:
        for i in range(at + 17, at + 17 + total):
            if data[i] > _LARGEST_DC_CATEGORY:
                return BAD_CATEGORY
    return NO_FAULT


@compiled
def _codes_fit(data: Bytes, at: int) -> bool:
    """Tell whether a prefix code with ``data[at + length]`` codes of each length exists, the one of ones kept free."""
    codes = 0
    for length in range(1, 17):
        codes = 2 * codes + np.int64(data[at + length])
        if codes >= 1 << length:
            return False
    return True


@compiled
def usual_conditioning(state: Integers) -> None:
    """Set what holds where no DAC says otherwise: L = 0, U = 1, Kx = 5 (B.2.4.3)."""
    state[CONDITIONING : CONDITIONING + CONDITIONING_SLOTS] = 0x10
    state[CONDITIONING + CONDITIONING_SLOTS : CONDITIONING + 2 * CONDITIONING_SLOTS] = 5


@compiled
def define_conditioning(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DAC segment whose payload is ``data[at:end]`` (B.2.4.3); as in libjpeg, of 16 slots and with any Kx."""
    if (end - at) % 2 != 0:
        return CONDITIONING_LENGTH
    for i in range(at, end, 2):
        place, value = np.int64(data[i]), np.int64(data[i + 1])
        state[DETAIL], state[DETAIL + 1] = place, value
        if place >= 2 * CONDITIONING_SLOTS or (place < CONDITIONING_SLOTS and value & 15 > value >> 4):
            return BAD_CONDITIONING
        state[CONDITIONING + place] = value
    return NO_FAULT


@compiled
def define_interval(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DRI segment whose payload is ``data[at:end]`` (B.2.4.4)."""
    if end - at != 2:
        fault = tolerated(state, INTERVAL_LENGTH)
        if fault != NO_FAULT or end - at < 2:
            return fault
    state[INTERVAL] = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    return NO_FAULT


@compiled
def blame_definition(data: Bytes, marker_at: int, state: Integers) -> int:
    """Find again what was wrong with the table that a scan needs, in the segment whose marker stands at `marker_at`.

    Returns:
        The fault, with its details, marker and place.
    """
    end = marker_at + 2 + (np.int64(data[marker_at + 2]) << 8 | np.int64(data[marker_at + 3]))
    state[MARKER], state[PLACE] = np.int64(data[marker_at + 1]), marker_at
    mode = state[MODE]
    state[MODE] = STRICT
    fault = NO_FAULT
    if state[MARKER] == _DHT:
        before = state[HUFFMAN], state[HUFFMAN + 1], state[HUFFMAN + 2], state[HUFFMAN + 3]
        others = state[HUFFMAN + 4], state[HUFFMAN + 5], state[HUFFMAN + 6], state[HUFFMAN + 7]
        fault = define_huffman(data, marker_at + 4, end, state)
        for i in range(4):
            state[HUFFMAN + i], state[HUFFMAN + 4 + i] = before[i], others[i]
    elif state[MARKER] == _DQT:
        known = state[STEPS], state[STEPS + 1], state[STEPS + 2], state[STEPS + 3]
        fault = define_steps(data, marker_at + 4, end, state)
        for i in range(4):
            state[STEPS + i] = known[i]
    state[MODE] = mode
    return fault
