"""The segments DQT, DHT, DAC and DRI (T.81 B.2.4): tables are checked, and their positions are recorded."""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from . import markers
from .layout import ZIGZAG_BYTES, Bytes, Integers, Steps
from .notes import tolerated

__all__ = [
    "STANDARD_PLACES",
    "STANDARD_TABLE_DATA",
    "blame_definition",
    "copy_steps",
    "define_conditioning",
    "define_huffman",
    "define_interval",
    "define_steps",
    "usual_conditioning",
]

_LARGEST_DC_CATEGORY = 15


@compiled
def define_steps(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Read a DQT segment whose payload is ``data[at:end]`` (B.2.4.1)."""
    fault = codes.NO_FAULT
    while at < end and not fault:
        wide, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[L.DETAIL], state[L.DETAIL + 1] = wide, slot
        if wide > 1 or slot > 3:
            fault = tolerated(state, codes.BAD_STEPS_SLOT)
            _break_undefined(state, L.STEPS, 4)
        size = 64 << min(wide, 1)
        here = at
        at += 1 + size
        if not fault and at > end:
            fault = tolerated(state, codes.STEPS_LENGTH)
            if slot < 4 and not _is_zero(data, here, end):
                state[L.STEPS + slot] = -state[L.PLACE]
        elif not fault:
            if _has_zero_step(data, here, wide):
                fault = tolerated(state, codes.ZERO_STEP)
            if slot < 4:
                state[L.STEPS + slot] = here
    return fault


@compiled
def _break_undefined(state: Integers, slots: int, count: int) -> None:
    """Mark all slots without a table as broken: a definition with an impossible slot may belong to any of them."""
    for slot in range(slots, slots + count):
        if state[slot] == 0:
            state[slot] = -state[L.PLACE]


@compiled
def _has_zero_step(data: Bytes, at: int, wide: int) -> bool:
    width = 1 + min(wide, 1)
    for i in range(at + 1, at + 1 + 64 * width, width):  # noqa: SIM110 (Numba knows no generators)
        if data[i] == 0 and (width == 1 or data[i + 1] == 0):
            return True
    return False


@compiled
def _is_zero(data: Bytes, at: int, end: int) -> bool:
    """Return whether bytes are only padding."""
    for i in range(at, end):  # noqa: SIM110 (Numba knows no generators)
        if data[i] != 0:
            return False
    return True


@compiled
def copy_steps(data: Bytes, at: int, steps: Steps) -> None:
    """Read the quantisation table defined at `at` into row-major frequency order."""
    wide = min(np.int64(data[at] >> 4), 1)
    for i in range(64):
        low = at + 1 + i + wide * (i + 1)
        high = np.int64(data[low - 1]) << 8 if wide == 1 else 0
        steps[np.uint64(ZIGZAG_BYTES[i])] = np.uint16(high | np.int64(data[low]))


@compiled
def define_huffman(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Read a DHT segment whose payload is ``data[at:end]`` (B.2.4.2), and check that its codes can exist (C.2)."""
    fault = codes.NO_FAULT
    while at < end and not fault:
        kind, slot = np.int64(data[at] >> 4), np.int64(data[at] & 15)
        state[L.DETAIL], state[L.DETAIL + 1] = kind, slot
        known = kind < 2 and slot < 4
        if not known:
            fault = tolerated(state, codes.BAD_HUFFMAN_SLOT)
            _break_undefined(state, L.HUFFMAN, 8)
        if not fault and at + 17 > end:
            # Shorter than the head of a table: padding.
            fault = tolerated(state, codes.HUFFMAN_LENGTH)
            at = end
        elif not fault:
            total = 0
            for length in range(1, 17):
                total += np.int64(data[at + length])
            here = at
            at += 17 + total
            wrong = (
                codes.HUFFMAN_LENGTH if at > end else _wrong_with(data, here, kind, total) if known else codes.NO_FAULT
            )
            if wrong:
                fault = tolerated(state, wrong)
            if known and wrong:
                state[L.HUFFMAN + 4 * kind + slot] = -state[L.PLACE]
            elif known and (total > 0 or state[L.MODE] == L.STRICT or state[L.HUFFMAN + 4 * kind + slot] == 0):
                # A definition without any code is padding, if there is a table already.
                state[L.HUFFMAN + 4 * kind + slot] = here + 1
    return fault


@compiled
def _wrong_with(data: Bytes, at: int, kind: int, total: int) -> int:
    """Check a table's content. Returns a fault."""
    if total > 256 or not _codes_fit(data, at):
        return codes.TOO_MANY_CODES
    if kind == 0:
        for i in range(at + 17, at + 17 + total):
            if data[i] > _LARGEST_DC_CATEGORY:
                return codes.BAD_CATEGORY
    return codes.NO_FAULT


@compiled
def _codes_fit(data: Bytes, at: int) -> bool:
    """Return whether a prefix code with ``data[at + length]`` codes of each length exists, all ones kept free."""
    codes = 0
    for length in range(1, 17):
        codes = 2 * codes + np.int64(data[at + length])
        if codes >= 1 << length:
            return False
    return True


@compiled
def usual_conditioning(state: Integers) -> None:
    """Set the defaults, which hold unless a DAC segment says otherwise: L = 0, U = 1, Kx = 5 (B.2.4.3)."""
    state[L.CONDITIONING : L.CONDITIONING + L.CONDITIONING_SLOTS] = 0x10
    state[L.CONDITIONING + L.CONDITIONING_SLOTS : L.CONDITIONING + 2 * L.CONDITIONING_SLOTS] = 5


@compiled
def define_conditioning(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Read a DAC segment whose payload is ``data[at:end]`` (B.2.4.3); as in libjpeg, with 16 slots and any Kx."""
    if (end - at) % 2 != 0:
        return codes.CONDITIONING_LENGTH
    for i in range(at, end, 2):
        place, value = np.int64(data[i]), np.int64(data[i + 1])
        state[L.DETAIL], state[L.DETAIL + 1] = place, value
        if place >= 2 * L.CONDITIONING_SLOTS or (place < L.CONDITIONING_SLOTS and value & 15 > value >> 4):
            return codes.BAD_CONDITIONING
        state[L.CONDITIONING + place] = value
    return codes.NO_FAULT


@compiled
def define_interval(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Read a DRI segment whose payload is ``data[at:end]`` (B.2.4.4)."""
    if end - at != 2:
        fault = tolerated(state, codes.INTERVAL_LENGTH)
        if fault or end - at < 2:
            return fault
    state[L.INTERVAL] = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    return codes.NO_FAULT


@compiled
def blame_definition(data: Bytes, marker_at: int, state: Integers) -> int:
    """Return what was wrong with the table that a scan needs, in the segment whose marker is at `marker_at`."""
    end = marker_at + 2 + (np.int64(data[marker_at + 2]) << 8 | np.int64(data[marker_at + 3]))
    state[L.MARKER], state[L.PLACE] = np.int64(data[marker_at + 1]), marker_at
    mode = state[L.MODE]
    state[L.MODE] = L.STRICT
    for i in range(L.DEFINITIONS):
        state[L.SAVED + i] = state[L.HUFFMAN + i]
    fault = codes.NO_FAULT
    if state[L.MARKER] == markers.DHT:
        fault = define_huffman(data, marker_at + 4, end, state)
    elif state[L.MARKER] == markers.DQT:
        fault = define_steps(data, marker_at + 4, end, state)
    for i in range(L.DEFINITIONS):
        state[L.HUFFMAN + i] = state[L.SAVED + i]
    state[L.MODE] = mode
    return fault


# For each table: the numbers of codes of 1…16 bits, and the symbols in the order of their codes.
_DC_LUMINANCE: Final = "0001050101010101 0100000000000000 000102030405060708090A0B"
"""Table K.3."""
_DC_CHROMINANCE: Final = "0003010101010101 0101010000000000 000102030405060708090A0B"
"""Table K.4."""
_AC_LUMINANCE: Final = """
    0002010303020403 050504040000017D
    01020300041105122131410613516107 227114328191A1082342B1C11552D1F0 2433627282090A161718191A25262728
    292A3435363738393A43444546474849 4A535455565758595A63646566676869 6A737475767778797A83848586878889
    8A92939495969798999AA2A3A4A5A6A7 A8A9AAB2B3B4B5B6B7B8B9BAC2C3C4C5 C6C7C8C9CAD2D3D4D5D6D7D8D9DAE1E2
    E3E4E5E6E7E8E9EAF1F2F3F4F5F6F7F8 F9FA
"""
"""Table K.5."""
_AC_CHROMINANCE: Final = """
    0002010204040304 0705040400010277
    00010203110405213106124151076171 1322328108144291A1B1C109233352F0 156272D10A162434E125F11718191A26
    2728292A35363738393A434445464748 494A535455565758595A636465666768 696A737475767778797A828384858687
    88898A92939495969798999AA2A3A4A5 A6A7A8A9AAB2B3B4B5B6B7B8B9BAC2C3 C4C5C6C7C8C9CAD2D3D4D5D6D7D8D9DA
    E2E3E4E5E6E7E8E9EAF2F3F4F5F6F7F8 F9FA
"""
"""Table K.6."""


def _frozen(data: bytes) -> Bytes:
    # Arrays made from bytes are read-only, like a file's data.
    return np.frombuffer(data, np.uint8)


_DEFINITIONS: Final = [
    bytes.fromhex("".join(table.split())) for table in (_DC_LUMINANCE, _DC_CHROMINANCE, _AC_LUMINANCE, _AC_CHROMINANCE)
]
# One word more than needed, since definitions are compared a word at a time.
STANDARD_TABLE_DATA = _frozen(b"".join(_DEFINITIONS) + bytes(8))
STANDARD_PLACES = np.cumsum([0, *map(len, _DEFINITIONS[:-1])])
"""By 2·class + slot: where in `STANDARD_TABLE_DATA` a definition begins."""
