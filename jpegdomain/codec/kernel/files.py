"""Whole files: the functions that Python calls, for sequential, progressive and arithmetic-coded frames.

All of them have the same parameters:

    data        uint8: the files
    bounds      int64 (files + 1,): file i is ``data[bounds[i]:bounds[i + 1]]``
    out         int16: the coefficients, component after component; at least ``state[ROOM] + MARGIN`` of them, else the
                outcome is `NEEDS_ROOM`
    states      int64 (1, STATE): the state of the file being read; at the end, of the last file
    reports     int64 (files, REPORT): for each file the beginning of its state: outcome, fault, what the headers say
    quant       uint16 (files, 4, 64): the components' quantisation tables, in row-major frequency order
    arrays      the arrays of the workspace, as in `layout.Memory`; `masks` and `lost` are zeros
    options     keep, 1…8: m, where the m×m lowest frequencies are wanted;
                mode: `STRICT`, `LENIENT`, or, for one file and `out` full of zeros, `KEEP`;
                scan_limit: the largest number of scans
"""

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import fault_codes as codes
from . import layout as L
from .arithmetic_scan import arithmetic_scan
from .blocks import ORDER
from .layout import Arrays, Bytes, Integers, Memory, Options, Samples, Steps
from .notes import note
from .progressive import ac_scan
from .scan_header import check_length, find_tables
from .sequential import dc_scan, sequential_scan
from .walk import advance, begin
from .words import skip_scan

__all__ = ["read_arithmetic", "read_progressive", "read_sequential"]

_EITHER = -1


def read_sequential(
    data: Bytes,
    bounds: Integers,
    out: Samples,
    states: Integers,
    reports: Integers,
    quant: Steps,
    arrays: Arrays,
    options: Options,
) -> None:
    """Read Huffman-coded sequential files: the m×m lowest coefficients of each block, one file after another.

    `out` holds the coefficients of each file whose outcome is `DONE`, and of the last file even if it is `FAULTY`.
    """
    memory, (keep, mode, scan_limit) = Memory(*arrays), options
    work, state = memory.work, states[0]
    origin = 0
    for i in range(len(bounds) - 1):
        _begin(data, bounds[i], bounds[i + 1], state, work, mode, scan_limit)
        while _next_scan(data, state, quant[i], work, keep * keep, len(out) - origin, 0):
            find_tables(data, state, memory)
            _finish_scan(state, sequential_scan(data, out, origin, keep, state, memory))
        if state[L.OUTCOME] == L.DONE:
            _clear_missing(out, origin, state)
            origin += state[L.ROOM]
        _report(state, reports, i)


def read_progressive(
    data: Bytes,
    bounds: Integers,
    out: Samples,
    states: Integers,
    reports: Integers,
    quant: Steps,
    arrays: Arrays,
    options: Options,
) -> None:
    """Read one Huffman-coded progressive file (T.81 G) into zeros: 64 coefficients per block, whatever `keep` is.

    Coefficients beyond the m×m lowest may be incomplete: scans that send only these are skipped.
    """
    memory, (keep, mode, scan_limit) = Memory(*arrays), options
    work = memory.work
    state = states[0]
    if keep < 8 and not begin(data, bounds[0], bounds[1], state, work, mode, scan_limit):
        _choose_scans(data, state, quant[0], work, keep)
    _begin(data, bounds[0], bounds[1], state, work, mode, scan_limit)
    while _next_scan(data, state, quant[0], work, 64, len(out), 1):
        if keep < 8 and work[L.CHOICE + state[L.SCANS] - 1] == 0:
            state[L.AT] = skip_scan(data, state[L.AT], state[L.END])
            continue
        find_tables(data, state, memory)
        if state[L.FIRST] == 0:
            _finish_scan(state, dc_scan(data, out, 0, 8, state, memory))
        else:
            _finish_scan(state, ac_scan(data, out, 0, 8, state, memory))
    _report(state, reports, 0)


def read_arithmetic(
    data: Bytes,
    bounds: Integers,
    out: Samples,
    states: Integers,
    reports: Integers,
    quant: Steps,
    arrays: Arrays,
    options: Options,
) -> None:
    """Read one arithmetic-coded file, sequential or progressive, into zeros: 64 coefficients for each block.

    The length of a scan does not limit its number of blocks: if all decisions are the expected ones, the code is zeros,
    which an encoder leaves out. So a file can claim any size. Zero blocks are not written, so that memory pages that
    have not been used stay unused.
    """
    memory, (_, mode, scan_limit) = Memory(*arrays), options
    work = memory.work
    state = states[0]
    _begin(data, bounds[0], bounds[1], state, work, mode, scan_limit)
    while _next_scan(data, state, quant[0], work, 64, len(out), _EITHER):
        _finish_scan(state, arithmetic_scan(data, out, 0, 8, state, memory))
    _report(state, reports, 0)


@compiled
def _begin(data: Bytes, start: int, end: int, state: Integers, work: Integers, mode: int, scan_limit: int) -> None:
    fault = begin(data, start, end, state, work, mode, scan_limit)
    state[L.OUTCOME] = L.FAULTY if fault else L.DONE
    if fault:
        note(state, fault, start)


@compiled
def _next_scan(
    data: Bytes, state: Integers, quant: Steps, work: Integers, size: int, room: int, progressive: int
) -> bool:
    """Go to the next scan. Returns False at the file's end, or if the outcome is no longer `DONE`."""
    if state[L.OUTCOME] != L.DONE:
        return False
    step = advance(data, state, quant, work, size)
    if step == L.FINISHED:
        return False
    if step != L.SCAN:
        state[L.OUTCOME] = L.FAULTY
    elif progressive != _EITHER and state[L.ARITHMETIC] == 1:
        state[L.OUTCOME] = L.OTHER_CODING
    elif progressive != _EITHER and state[L.PROGRESSIVE] != progressive:
        state[L.OUTCOME] = L.OTHER_MODE
    elif state[L.SCANS] == 1:
        state[L.FIRST_SCAN] = state[L.AT]
        state[L.OUTCOME] = _admit(data, state, room)
    return state[L.OUTCOME] == L.DONE


@compiled
def _admit(data: Bytes, state: Integers, room: int) -> int:
    """Decide at a file's first scan whether the file can be read into `room` coefficients. Returns an outcome."""
    # An arithmetic-coded scan can have any length.
    if state[L.MODE] != L.KEEP and state[L.ARITHMETIC] == 0:
        fault = check_length(data, state)
        if fault:
            note(state, fault, state[L.AT] if fault == codes.TOO_SHORT else state[L.END])
            return L.FAULTY
    return L.DONE if state[L.ROOM] + L.MARGIN <= room else L.NEEDS_ROOM


@compiled
def _finish_scan(state: Integers, fault: int) -> None:
    if fault:
        state[L.FAULT], state[L.OUTCOME] = fault, L.FAULTY


@compiled
def _report(state: Integers, reports: Integers, number: int) -> None:
    for i in range(L.REPORT):
        reports[number, i] = state[i]


@compiled
def _clear_missing(out: Samples, origin: int, state: Integers) -> None:
    """Set missing components to zero."""
    for i in range(state[L.COUNT] if state[L.INCOMPLETE] == 1 else 0):
        of = L.COMPONENT + L.FIELDS * i
        if state[of + L.SEEN] == 0:
            end = state[of + L.FIELDS + L.BASE] if i + 1 < state[L.COUNT] else state[L.ROOM]
            out[origin + state[of + L.BASE] : origin + end] = np.int16(0)


@compiled
def _choose_scans(data: Bytes, state: Integers, quant: Steps, work: Integers, keep: int) -> None:
    """Read on to the file's end or first fault, and set ``work[CHOICE + i]`` to whether to decode scan i.

    A scan is needed if it sends a wanted coefficient. And a scan that refines a band has one bit for each coefficient
    of the band that is non-zero so far: to find the wanted ones among these bits, the whole band must be known. So the
    choice is made from the last scan to the first.
    """
    work[L.CHOICE : L.CHOICE + L.MOST_SCANS] = 1
    while advance(data, state, quant, work, 64) == L.SCAN:
        packed = state[L.FIRST] | state[L.LAST] << 6 | (1 << 12 if state[L.HIGH] > 0 else 0)
        for part in range(state[L.PARTS]):
            packed |= 1 << (13 + state[L.PART + part])
        work[L.CHOICE + state[L.SCANS] - 1] = packed
        state[L.AT] = skip_scan(data, state[L.AT], state[L.END])
    for k in range(64):
        for component in range(4):
            work[L.NEEDED + 64 * component + k] = 1 if ORDER[keep, k] < keep * keep else 0
    for scan in range(state[L.SCANS] - 1, -1, -1):
        packed = work[L.CHOICE + scan]
        first, last, refines = packed & 63, (packed >> 6) & 63, packed & (1 << 12) > 0
        wanted = False
        for component in range(4):
            if packed & (1 << (13 + component)) > 0:
                needed = L.NEEDED + 64 * component
                for k in range(first, last + 1):
                    wanted = wanted or work[needed + k] == 1
        if wanted and refines:
            for component in range(4):
                if packed & (1 << (13 + component)) > 0:
                    needed = L.NEEDED + 64 * component
                    work[needed + first : needed + last + 1] = 1
        work[L.CHOICE + scan] = 1 if wanted else 0
