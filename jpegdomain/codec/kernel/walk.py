"""From one marker to the next (T.81 B.1, B.2): all that a file says outside its entropy-coded data."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .definitions import define_conditioning, define_huffman, define_interval, define_steps, usual_conditioning
from .frame_header import is_frame, read_frame
from .numbers import (
    BAD_LENGTH,
    DNL_LENGTH,
    ENDS_BEFORE_EOI,
    ENDS_IN_SEGMENT,
    MISPLACED_MARKER,
    NO_FAULT,
    NO_IMAGE,
    NO_MARKER,
    NOT_JPEG,
    OTHER_HEIGHT,
    RESERVED_MARKER,
)
from .scan_header import check_complete, read_scan
from .slots import (
    ADOBE,
    AT,
    DETAIL,
    END,
    EXIF,
    FAILED,
    FAULT,
    FINISHED,
    FRAME,
    HEIGHT,
    ICC,
    JFIF,
    MARKER,
    OFFSET,
    SCAN,
    SCANS,
    SENT,
    START,
    Integers,
)
from .slots import Steps as StepsArray
from .words import Bytes

__all__ = ["advance", "begin", "note"]

_SOI = 0xD8
_EOI = 0xD9
_SOS = 0xDA
_DHT = 0xC4
_DAC = 0xCC
_DQT = 0xDB
_DNL = 0xDC
_DRI = 0xDD
_COMMENT = 0xFE


@compiled
def begin(data: Bytes, start: int, end: int, state: Integers, work: Integers) -> int:
    """Set the state to the beginning of the file ``data[start:end]``. Returns a fault."""
    state[:] = 0
    state[START], state[END], state[AT] = start, end, start + 2
    state[ADOBE] = -1
    usual_conditioning(state)
    work[SENT : SENT + 256] = -1
    if end - start < 2 or data[start] != 0xFF or data[start + 1] != _SOI:
        return NOT_JPEG
    return NO_FAULT


@compiled
def note(state: Integers, fault: int, at: int) -> None:
    """Note a fault, shown by the byte at position `at`."""
    state[FAULT] = fault
    state[OFFSET] = at - state[START]


@compiled
def _fail(state: Integers, fault: int, at: int) -> int:
    note(state, fault, at)
    return FAILED


@compiled
def advance(data: Bytes, state: Integers, quant: StepsArray, work: Integers, size: int) -> int:
    """Walk to the next scan's entropy-coded data, at ``state[AT]`` then, or to the end of the image.

    Returns:
        `SCAN`, `FINISHED` or `FAILED`.
    """
    end = state[END]
    while True:
        at = state[AT]
        state[MARKER] = 0
        while at + 1 < end and data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if at >= end or (at + 1 >= end and data[at] == 0xFF):
            return _fail(state, ENDS_BEFORE_EOI, end)
        if data[at] != 0xFF or data[at + 1] == 0:
            wrong = at + 1 if data[at] == 0xFF else at
            state[DETAIL] = np.int64(data[wrong])
            return _fail(state, NO_MARKER, wrong)
        marker = np.int64(data[at + 1])
        state[MARKER] = marker
        if marker == _EOI:
            if state[SCANS] == 0:
                return _fail(state, NO_IMAGE, at)
            fault = check_complete(state)
            return FINISHED if fault == NO_FAULT else _fail(state, fault, at)
        if 0xD0 <= marker <= _SOI or marker == 1:
            return _fail(state, MISPLACED_MARKER, at)
        if at + 4 > end:
            return _fail(state, ENDS_IN_SEGMENT, at)
        length = np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
        if length < 2:
            state[DETAIL] = length
            return _fail(state, BAD_LENGTH, at)
        stop = at + 2 + length
        if stop > end:
            return _fail(state, ENDS_IN_SEGMENT, at)
        fault = _take(data, at, marker, stop, state, quant, work, size)
        if fault != NO_FAULT:
            return _fail(state, fault, at)
        state[AT] = stop
        if marker == _SOS:
            return SCAN


@compiled
def _take(
    data: Bytes,
    marker_at: int,
    marker: int,
    end: int,
    state: Integers,
    quant: StepsArray,
    work: Integers,
    size: int,
) -> int:
    at = marker_at + 4
    if marker == _SOS:
        return read_scan(data, at, end, state, quant, work)
    if marker == _DHT:
        return define_huffman(data, at, end, state)
    if marker == _DQT:
        return define_steps(data, at, end, state)
    if marker == _DRI:
        return define_interval(data, at, end, state)
    if marker == _DAC:
        return define_conditioning(data, at, end, state)
    if is_frame(marker):
        return read_frame(data, marker_at, end, state, size)
    if marker == _DNL:
        return _check_lines(data, at, end, state)
    if 0xE0 <= marker <= 0xEF:
        # libjpeg decides on the colour model at the first scan; what comes later does not count.
        if state[SCANS] == 0:
            _note_application(data, marker_at, end, state)
        return NO_FAULT
    return NO_FAULT if marker == _COMMENT else RESERVED_MARKER


@compiled
def _check_lines(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DNL segment (B.2.5): the height is known by now, `read_frame` has looked ahead for it."""
    if end - at != 2 or state[FRAME] == 0:
        return DNL_LENGTH
    lines = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    state[DETAIL], state[DETAIL + 1] = lines, state[HEIGHT]
    return NO_FAULT if lines == state[HEIGHT] else OTHER_HEIGHT


@compiled
def _note_application(data: Bytes, marker_at: int, end: int, state: Integers) -> None:
    """Note what matters of an application segment. The least lengths are libjpeg's: shorter ones are others'."""
    at, marker = marker_at + 4, np.int64(data[marker_at + 1])
    if marker == 0xE0 and end - at >= 14 and _starts(data, at, end, 0x4A46494600, 5):
        state[JFIF] = 1
    elif marker == 0xEE and end - at >= 12 and _starts(data, at, end, 0x41646F6265, 5):
        state[ADOBE] = np.int64(data[at + 11])
    elif marker == 0xE1 and state[EXIF] == 0 and _starts(data, at, end, 0x457869660000, 6):
        state[EXIF] = marker_at
    elif marker == 0xE2 and state[ICC] == 0 and _starts(data, at, end, 0x4943435F50524F, 7):
        state[ICC] = marker_at


@compiled
def _starts(data: Bytes, at: int, end: int, letters: int, count: int) -> bool:
    """Compare bytes from `at` on with `count` letters, written as one number."""
    if end - at < count:
        return False
    for i in range(count):  # noqa: SIM110 (Numba knows no generators)
        if np.int64(data[at + i]) != (letters >> (8 * (count - 1 - i))) & 255:
            return False
    return True
