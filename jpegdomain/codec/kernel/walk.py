"""From one marker to the next (T.81 B.1, B.2): all that a file says outside its entropy-coded data."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .definitions import define_conditioning, define_huffman, define_interval, define_steps, usual_conditioning
from .frame_header import is_frame, is_read, read_frame
from .markers import next_marker, skip_scan
from .notes import lose, note, tolerated, warn
from .numbers import (
    BAD_LENGTH,
    DNL_LENGTH,
    ENDS_BEFORE_EOI,
    ENDS_IN_SEGMENT,
    FRAME_LENGTH,
    MISPLACED_MARKER,
    NO_FAULT,
    NO_IMAGE,
    NO_MARKER,
    NOT_JPEG,
    OTHER_HEIGHT,
    REPEATED_SCAN,
    RESERVED_MARKER,
    SCAN_LENGTH,
)
from .progress import is_complete, settle
from .scan_header import read_scan
from .slots import (
    ADOBE,
    ARITHMETIC,
    AT,
    DETAIL,
    END,
    EXIF,
    FAILED,
    FINISHED,
    FRAME,
    HEIGHT,
    ICC,
    JFIF,
    KEEP,
    MARKER,
    MODE,
    PLACE,
    PROGRESSIVE,
    SCAN,
    SCAN_LIMIT,
    SCANS,
    SENT,
    START,
    STRICT,
    WARNING_LIST,
    Integers,
)
from .slots import Steps as StepsArray
from .words import Bytes

__all__ = ["advance", "begin"]

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
def begin(data: Bytes, start: int, end: int, state: Integers, work: Integers, mode: int, scan_limit: int) -> int:
    """Set the state to the beginning of the file ``data[start:end]``. Returns a fault."""
    state[:WARNING_LIST] = 0
    state[ARITHMETIC] = 0
    state[START], state[END], state[AT] = start, end, start + 2
    state[MODE], state[SCAN_LIMIT] = mode, scan_limit
    state[ADOBE] = -1
    usual_conditioning(state)
    work[SENT : SENT + 256] = -1
    if end - start < 2 or data[start] != 0xFF or data[start + 1] != _SOI:
        return NOT_JPEG
    return NO_FAULT


@compiled
def _stop(state: Integers, work: Integers, fault: int, at: int) -> int:
    """End the walk at a fault, shown by the byte at position `at`: a warning, if all that matters has come.

    Returns:
        `FINISHED` or `FAILED`.
    """
    if state[MODE] != STRICT and is_complete(state, work):
        warn(state, fault, at - state[START])
        return FINISHED
    if state[MODE] == KEEP and state[SCANS] > 0:
        lose(state, fault, at - state[START])
        state[PLACE] = at
        settle(state, work)
        return FINISHED
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
            return _stop(state, work, ENDS_BEFORE_EOI, end)
        if data[at] != 0xFF or data[at + 1] == 0:
            found = next_marker(data, at, end)
            wrong = at + 1 if data[at] == 0xFF else at
            state[DETAIL], state[DETAIL + 1] = np.int64(data[wrong]), found - at
            state[PLACE], state[AT] = wrong, found
            if tolerated(state, NO_MARKER) != NO_FAULT:
                return _stop(state, work, NO_MARKER, wrong)
            continue
        marker = np.int64(data[at + 1])
        state[MARKER], state[PLACE] = marker, at
        if marker == _EOI:
            if state[SCANS] == 0:
                return _stop(state, work, NO_IMAGE, at)
            fault = settle(state, work)
            return FINISHED if fault == NO_FAULT else _stop(state, work, fault, at)
        if 0xD0 <= marker <= _SOI or marker == 1:
            if tolerated(state, MISPLACED_MARKER) != NO_FAULT:
                return _stop(state, work, MISPLACED_MARKER, at)
            state[AT] = at + 2
            continue
        if marker < 0xC0 and state[MODE] != STRICT:
            # None of these has a meaning, or a length.
            tolerated(state, RESERVED_MARKER)
            state[AT] = at + 2
            continue
        if at + 4 > end:
            return _stop(state, work, ENDS_IN_SEGMENT, at)
        length = np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
        stop = at + 2 + length
        if state[MODE] != STRICT and (marker == _SOS or is_read(marker)):
            stop = _own_end(data, at, marker, stop, state)
        elif length < 2:
            state[DETAIL] = length
            if tolerated(state, BAD_LENGTH) != NO_FAULT:
                return _stop(state, work, BAD_LENGTH, at)
            stop = at + 4
        if stop > end:
            return _stop(state, work, ENDS_IN_SEGMENT, at)
        fault = _take(data, at, marker, stop, state, quant, work, size)
        state[AT] = stop
        if fault == REPEATED_SCAN or (fault != NO_FAULT and marker == _SOS and _goes_on(state)):
            if fault == REPEATED_SCAN:
                warn(state, fault, at - state[START])
            else:
                lose(state, fault, state[PLACE] - state[START])
            state[AT] = skip_scan(data, stop, end)
            continue
        if fault != NO_FAULT:
            return _stop(state, work, fault, state[PLACE])
        if marker == _SOS:
            return SCAN


@compiled
def _goes_on(state: Integers) -> bool:
    """Tell whether a scan that cannot be read may be left out."""
    return state[MODE] == KEEP and state[FRAME] > 0 and state[SCANS] < state[SCAN_LIMIT]


@compiled
def _is_band(first: int, last: int, count: int, state: Integers) -> bool:
    """Tell whether two bytes can be Ss and Se of a scan of so many components."""
    if first == 0:
        return last == 0 or (last == 63 and state[PROGRESSIVE] == 0)
    return state[PROGRESSIVE] == 1 and count == 1 and first <= last <= 63


@compiled
def _own_end(data: Bytes, at: int, marker: int, stop: int, state: Integers) -> int:
    """Find the end of a frame or scan header by the number of its components, whatever its length says."""
    scan = marker == _SOS
    place = at + 4 if scan else at + 9
    if place >= state[END]:
        return stop
    count = np.int64(data[place])
    own = at + 8 + 2 * count if scan else at + 10 + 3 * count
    if own == stop or own > state[END] or not 1 <= count <= 4:
        return max(stop, at + 4)
    if scan and not _is_band(np.int64(data[own - 3]), np.int64(data[own - 2]), count, state):
        # It is the number that is wrong.
        return max(stop, at + 4)
    tolerated(state, SCAN_LENGTH if scan else FRAME_LENGTH)
    return own


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
    return NO_FAULT if marker == _COMMENT else tolerated(state, RESERVED_MARKER)


@compiled
def _check_lines(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Take a DNL segment (B.2.5): the height is known by now, `read_frame` has looked ahead for it."""
    if end - at != 2 or state[FRAME] == 0:
        return tolerated(state, DNL_LENGTH)
    lines = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    state[DETAIL], state[DETAIL + 1] = lines, state[HEIGHT]
    return NO_FAULT if lines == state[HEIGHT] else tolerated(state, OTHER_HEIGHT)


@compiled
def _note_application(data: Bytes, marker_at: int, end: int, state: Integers) -> None:
    """Note what matters of an application segment. The least lengths are libjpeg's: shorter ones are others'."""
    at, marker = marker_at + 4, np.int64(data[marker_at + 1])
    if marker == 0xE0 and end - at >= 14 and _starts(data, at, end, 0x4A46494600, 5):
        state[JFIF] = 1
    elif marker == 0xEE and end - at >= 12 and _starts(data, at, end, 0x41646F6265, 5):
        state[ADOBE] = np.int64(data[at + 11])
    elif marker == 0xE1 and (_starts(data, at, end, 0x457869660000, 6) or _starts(data, at, end, 0x687474703A2F2F, 7)):
        # EXIF, or XMP, which begins with a URL and may have an orientation, too.
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
