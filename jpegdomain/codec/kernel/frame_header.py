"""The frame header: size, components, sampling factors, and which kinds of JPEG are read (T.81 B.2.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from . import markers
from .layout import Bytes, Integers
from .notes import tolerated
from .words import next_marker

__all__ = ["is_frame", "is_read", "read_frame"]


@compiled
def is_frame(marker: int) -> bool:
    """Return whether a marker starts a frame, or announces one, of any kind: SOFn, DHP, JPEG-LS."""
    # DHT, JPG and DAC (C4, C8 and CC) are among these numbers.
    is_sof = 0xC0 <= marker <= 0xCF and (marker == 0xC0 or marker & 3 != 0)
    return is_sof or marker == 0xDE or marker == 0xF7


@compiled
def is_read(marker: int) -> bool:
    """Return whether a marker starts a frame of a supported kind: SOF0, SOF1, SOF2, SOF9, SOF10."""
    return 0xC0 <= marker <= markers.SOF2 or marker in (markers.SOF9, markers.SOF10)


@compiled
def read_frame(data: Bytes, marker_at: int, end: int, state: Integers, size: int) -> int:
    """Read a frame header that ends at `end`; a block takes `size` coefficients in the output. Returns a fault."""
    marker = np.int64(data[marker_at + 1])
    if not is_read(marker):
        state[L.DETAIL] = marker
        return codes.KIND_NOT_READ
    if state[L.FRAME] > 0:
        return codes.SECOND_FRAME
    at = marker_at + 4
    if end - at < 6 or end - at != 6 + 3 * np.int64(data[at + 5]):
        return codes.FRAME_LENGTH
    precision, count = np.int64(data[at]), np.int64(data[at + 5])
    state[L.DETAIL] = precision
    if precision != 8:
        return codes.PRECISION_NOT_READ if precision == 12 else codes.BAD_PRECISION
    if count == 0:
        return codes.NO_COMPONENTS
    if count > 4:
        state[L.DETAIL] = count
        return codes.MANY_COMPONENTS
    height, width = _number(data, at + 1), _number(data, at + 3)
    if width == 0:
        return codes.NO_WIDTH
    if height == 0:
        height = _height_of_dnl(data, end, state[L.END])
    if height == 0:
        return codes.NO_HEIGHT
    state[L.FRAME], state[L.COUNT] = marker_at, count
    state[L.HEIGHT], state[L.WIDTH] = height, width
    state[L.PROGRESSIVE] = 1 if marker & 3 == 2 else 0
    state[L.ARITHMETIC] = 1 if marker & 8 > 0 else 0
    fault = _read_components(data, at + 6, state)
    if not fault:
        _lay_out(state, size)
    return fault


@compiled
def _read_components(data: Bytes, at: int, state: Integers) -> int:
    state[L.VERTICAL], state[L.HORIZONTAL] = 1, 1
    state[L.FRAME_PARTS] = 0
    for i in range(state[L.COUNT]):
        of = L.COMPONENT + L.FIELDS * i
        state[of + L.IDENTIFIER] = np.int64(data[at + 3 * i])
        state[of + L.H] = np.int64(data[at + 3 * i + 1] >> 4)
        state[of + L.V] = np.int64(data[at + 3 * i + 1] & 15)
        state[of + L.SLOT] = np.int64(data[at + 3 * i + 2])
        packed = state[of + L.IDENTIFIER] | state[of + L.V] << 8 | state[of + L.H] << 12
        state[L.FRAME_PARTS] |= packed << (16 * i)
        if not (1 <= state[of + L.H] <= 4 and 1 <= state[of + L.V] <= 4):
            return codes.BAD_FACTOR
        for other in range(i):
            if state[L.COMPONENT + L.FIELDS * other + L.IDENTIFIER] == state[of + L.IDENTIFIER]:
                fault = tolerated(state, codes.SAME_IDENTIFIER)
                if fault:
                    return fault
                break
        state[L.VERTICAL] = max(state[L.VERTICAL], state[of + L.V])
        state[L.HORIZONTAL] = max(state[L.HORIZONTAL], state[of + L.H])
    return codes.NO_FAULT


@compiled
def _lay_out(state: Integers, size: int) -> None:
    """Compute each component's grid (A.1.1) and its place in the output, one after the other."""
    room = 0
    for i in range(state[L.COUNT]):
        of = L.COMPONENT + L.FIELDS * i
        height = (state[L.HEIGHT] * state[of + L.V] + state[L.VERTICAL] - 1) // state[L.VERTICAL]
        width = (state[L.WIDTH] * state[of + L.H] + state[L.HORIZONTAL] - 1) // state[L.HORIZONTAL]
        state[of + L.ROWS], state[of + L.COLUMNS] = (height + 7) // 8, (width + 7) // 8
        state[of + L.BASE] = room
        state[of + L.SEEN] = 0
        room += state[of + L.ROWS] * state[of + L.COLUMNS] * size
    state[L.ROOM] = room


@compiled
def _height_of_dnl(data: Bytes, at: int, end: int) -> int:
    """Look after the first scan for the DNL segment that gives the number of lines (B.2.5); 0 without one."""
    in_scan = False
    at = next_marker(data, at, end)
    while at + 6 <= end:
        marker = np.int64(data[at + 1])
        if marker < 0xC0 or 0xD0 <= marker <= 0xD8:
            at += 2
        elif in_scan:
            return _number(data, at + 4) if marker == 0xDC and _number(data, at + 2) == 4 else 0
        else:
            in_scan = marker == 0xDA
            at += 2 + _number(data, at + 2)
        at = next_marker(data, at, end)
    return 0


@compiled
def _number(data: Bytes, at: int) -> int:
    return np.int64(data[at]) << 8 | np.int64(data[at + 1])
