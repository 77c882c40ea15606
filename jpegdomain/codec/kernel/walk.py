"""The walk from one marker to the next (T.81 B.1, B.2), over everything that is not entropy-coded data."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from . import markers
from .definitions import define_conditioning, define_huffman, define_interval, define_steps, usual_conditioning
from .frame_header import is_frame, is_read, read_frame
from .layout import Bytes, Integers, Steps
from .notes import is_complete, lose, note, settle, tolerated, warn
from .scan_header import read_scan
from .words import next_marker, skip_scan

__all__ = ["advance", "begin"]


@compiled
def begin(data: Bytes, start: int, end: int, state: Integers, work: Integers, mode: int, scan_limit: int) -> int:
    """Set the state to the beginning of the file ``data[start:end]``. Returns a fault."""
    state[: L.WARNING_LIST] = 0
    state[L.ARITHMETIC] = 0
    state[L.START], state[L.END], state[L.AT] = start, end, start + 2
    state[L.MODE], state[L.SCAN_LIMIT] = mode, scan_limit
    state[L.ADOBE] = -1
    usual_conditioning(state)
    work[L.SENT : L.SENT + 256] = -1
    if end - start < 2 or data[start] != 0xFF or data[start + 1] != markers.SOI:
        return codes.NOT_JPEG
    return codes.NO_FAULT


@compiled
def _stop(state: Integers, work: Integers, fault: int, at: int) -> int:
    """End the walk at a fault, shown by the byte at position `at`. Returns `FINISHED` or `FAILED`."""
    if state[L.MODE] != L.STRICT and is_complete(state, work):
        warn(state, fault, at - state[L.START])
        return L.FINISHED
    if state[L.MODE] == L.KEEP and state[L.SCANS] > 0:
        lose(state, fault, at - state[L.START])
        state[L.PLACE] = at
        settle(state, work)
        return L.FINISHED
    note(state, fault, at)
    return L.FAILED


@compiled
def advance(data: Bytes, state: Integers, quant: Steps, work: Integers, size: int) -> int:
    """Walk to the next scan's data, at ``state[AT]`` then, or to the end. Returns `SCAN`, `FINISHED` or `FAILED`."""
    end = state[L.END]
    while True:
        at = state[L.AT]
        state[L.MARKER] = 0
        while at + 1 < end and data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if at >= end or (at + 1 >= end and data[at] == 0xFF):
            return _stop(state, work, codes.ENDS_BEFORE_EOI, end)
        if data[at] != 0xFF or data[at + 1] == 0:
            found = next_marker(data, at, end)
            wrong = at + 1 if data[at] == 0xFF else at
            state[L.DETAIL], state[L.DETAIL + 1] = np.int64(data[wrong]), found - at
            state[L.PLACE], state[L.AT] = wrong, found
            if tolerated(state, codes.NO_MARKER):
                return _stop(state, work, codes.NO_MARKER, wrong)
            continue
        marker = np.int64(data[at + 1])
        state[L.MARKER], state[L.PLACE] = marker, at
        if marker == markers.EOI:
            if state[L.SCANS] == 0:
                return _stop(state, work, codes.NO_IMAGE, at)
            fault = settle(state, work)
            return L.FINISHED if not fault else _stop(state, work, fault, at)
        if 0xD0 <= marker <= markers.SOI or marker == 1:
            if tolerated(state, codes.MISPLACED_MARKER):
                return _stop(state, work, codes.MISPLACED_MARKER, at)
            state[L.AT] = at + 2
            continue
        if marker < 0xC0 and state[L.MODE] != L.STRICT:
            # These have neither a meaning nor a length.
            tolerated(state, codes.RESERVED_MARKER)
            state[L.AT] = at + 2
            continue
        if at + 4 > end:
            return _stop(state, work, codes.ENDS_IN_SEGMENT, at)
        length = np.int64(data[at + 2]) << 8 | np.int64(data[at + 3])
        stop = at + 2 + length
        if state[L.MODE] != L.STRICT and (marker == markers.SOS or is_read(marker)):
            stop = _own_end(data, at, marker, stop, state)
        elif length < 2:
            state[L.DETAIL] = length
            if tolerated(state, codes.BAD_LENGTH):
                return _stop(state, work, codes.BAD_LENGTH, at)
            stop = at + 4
        if stop > end:
            return _stop(state, work, codes.ENDS_IN_SEGMENT, at)
        fault = _take(data, at, stop, state, quant, work, size)
        state[L.AT] = stop
        if fault == codes.REPEATED_SCAN or (fault and marker == markers.SOS and _goes_on(state)):
            if fault == codes.REPEATED_SCAN:
                warn(state, fault, at - state[L.START])
            else:
                lose(state, fault, state[L.PLACE] - state[L.START])
            state[L.AT] = skip_scan(data, stop, end)
            continue
        if fault:
            return _stop(state, work, fault, state[L.PLACE])
        if marker == markers.SOS:
            return L.SCAN


@compiled
def _goes_on(state: Integers) -> bool:
    """Return whether a scan that cannot be read may be left out."""
    return state[L.MODE] == L.KEEP and state[L.FRAME] > 0 and state[L.SCANS] < state[L.SCAN_LIMIT]


@compiled
def _is_band(first: int, last: int, count: int, state: Integers) -> bool:
    """Return whether two bytes can be Ss and Se of a scan with this many components."""
    if first == 0:
        return last == 0 or (last == 63 and state[L.PROGRESSIVE] == 0)
    return state[L.PROGRESSIVE] == 1 and count == 1 and first <= last <= 63


@compiled
def _own_end(data: Bytes, at: int, marker: int, stop: int, state: Integers) -> int:
    """Find the end of a frame or scan header by the number of its components, whatever its length says."""
    scan = marker == markers.SOS
    place = at + 4 if scan else at + 9
    if place >= state[L.END]:
        return stop
    count = np.int64(data[place])
    own = at + 8 + 2 * count if scan else at + 10 + 3 * count
    if own == stop or own > state[L.END] or not 1 <= count <= 4:
        return max(stop, at + 4)
    if scan and not _is_band(np.int64(data[own - 3]), np.int64(data[own - 2]), count, state):
        # The number is wrong, not the length.
        return max(stop, at + 4)
    tolerated(state, codes.SCAN_LENGTH if scan else codes.FRAME_LENGTH)
    return own


@compiled
def _take(data: Bytes, marker_at: int, end: int, state: Integers, quant: Steps, work: Integers, size: int) -> int:
    at, marker = marker_at + 4, state[L.MARKER]
    if marker == markers.SOS:
        return read_scan(data, at, end, state, quant, work)
    if marker == markers.DHT:
        return define_huffman(data, at, end, state)
    if marker == markers.DQT:
        return define_steps(data, at, end, state)
    if marker == markers.DRI:
        return define_interval(data, at, end, state)
    if marker == markers.DAC:
        return define_conditioning(data, at, end, state)
    if is_frame(marker):
        return read_frame(data, marker_at, end, state, size)
    if marker == markers.DNL:
        return _check_lines(data, at, end, state)
    if 0xE0 <= marker <= 0xEF:
        # libjpeg determines the colour model at the first scan; later segments do not count.
        if state[L.SCANS] == 0:
            _note_application(data, marker_at, end, state)
        return codes.NO_FAULT
    return codes.NO_FAULT if marker == markers.COM else tolerated(state, codes.RESERVED_MARKER)


@compiled
def _check_lines(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Check a DNL segment (B.2.5): `read_frame` has looked ahead for the height."""
    if end - at != 2 or state[L.FRAME] == 0:
        return tolerated(state, codes.DNL_LENGTH)
    lines = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    state[L.DETAIL], state[L.DETAIL + 1] = lines, state[L.HEIGHT]
    return codes.NO_FAULT if lines == state[L.HEIGHT] else tolerated(state, codes.OTHER_HEIGHT)


@compiled
def _note_application(data: Bytes, marker_at: int, end: int, state: Integers) -> None:
    """Record what matters in an application segment; as in libjpeg, segments that are too short are ignored."""
    at, marker = marker_at + 4, np.int64(data[marker_at + 1])
    if marker == 0xE0 and end - at >= 14 and _starts(data, at, end, 0x4A46494600, 5):
        state[L.JFIF] = 1
    elif marker == 0xEE and end - at >= 12 and _starts(data, at, end, 0x41646F6265, 5):
        state[L.ADOBE] = np.int64(data[at + 11])
    elif marker == 0xE1 and (_starts(data, at, end, 0x457869660000, 6) or _starts(data, at, end, 0x687474703A2F2F, 7)):
        # EXIF, or XMP, which begins with a URL and may have an orientation, too.
        state[L.EXIF] = marker_at
    elif marker == 0xE2 and state[L.ICC] == 0 and _starts(data, at, end, 0x4943435F50524F, 7):
        state[L.ICC] = marker_at


@compiled
def _starts(data: Bytes, at: int, end: int, letters: int, count: int) -> bool:
    """Compare the bytes from `at` on with `count` letters, given as one number."""
    if end - at < count:
        return False
    for i in range(count):  # noqa: SIM110 (Numba knows no generators)
        if np.int64(data[at + i]) != (letters >> (8 * (count - 1 - i))) & 255:
            return False
    return True
