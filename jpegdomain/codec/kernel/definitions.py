"""The segments that define tables: DQT, DHT, DAC, DRI (T.81 B.2.4). They are checked, and their places noted."""

import numpy as np

from jpegdomain.compiled.jit import compiled
from jpegdomain.tables import ZIGZAG

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
from .slots import CONDITIONING, CONDITIONING_SLOTS, DETAIL, HUFFMAN, INTERVAL, STEPS, Integers
from .slots import Steps as StepsArray
from .words import Bytes

__all__ = [
    "copy_steps",
    "define_conditioning",
    "define_huffman",
    "define_interval",
    "define_steps",
    "usual_conditioning",
]

_LARGEST_DC_CATEGORY = 15
_ZIGZAG = ZIGZAG.astype(np.uint8)


@compiled
def define_steps(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DQT segment whose payload is ``data[at:end]`` (B.2.4.1)."""
    while at < end:
        wide, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[DETAIL], state[DETAIL + 1] = wide, slot
        if wide > 1 or slot > 3:
            return BAD_STEPS_SLOT
        size = 64 << wide
        if at + 1 + size > end:
            return STEPS_LENGTH
        for i in range(at + 1, at + 1 + size, 1 + wide):
            if data[i] == 0 and (wide == 0 or data[i + 1] == 0):
                return ZERO_STEP
        state[STEPS + slot] = at
        at += 1 + size
    return NO_FAULT


@compiled
def copy_steps(data: Bytes, at: int, steps: StepsArray) -> None:
    """Read the quantisation table whose definition stands at `at` into row-major frequency order."""
    wide = np.int64(data[at] >> 4)
    for i in range(64):
        low = at + 1 + i + wide * (i + 1)
        high = np.int64(data[low - 1]) << 8 if wide == 1 else 0
        steps[np.uint64(_ZIGZAG[i])] = np.uint16(high | np.int64(data[low]))


@compiled
def define_huffman(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DHT segment whose payload is ``data[at:end]`` (B.2.4.2), and check that its codes can exist (C.2)."""
    while at < end:
        kind, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[DETAIL], state[DETAIL + 1] = kind, slot
        if kind > 1 or slot > 3:
            return BAD_HUFFMAN_SLOT
        if at + 17 > end:
            return HUFFMAN_LENGTH
        total = 0
        for length in range(1, 17):
            total += np.int64(data[at + length])
        if at + 17 + total > end:
            return HUFFMAN_LENGTH
        if total > 256 or not _codes_fit(data, at):
            return TOO_MANY_CODES
        if kind == 0:
            for i in range(at + 17, at + 17 + total):
                if data[i] > _LARGEST_DC_CATEGORY:
                    return BAD_CATEGORY
        state[HUFFMAN + 4 * kind + slot] = at + 1
        at += 17 + total
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
        return INTERVAL_LENGTH
    state[INTERVAL] = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    return NO_FAULT
