"""Whole files of a sequential frame: the function that Python calls for nearly all of them."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .notes import note
from .numbers import NO_FAULT, TOO_SHORT
from .scan_header import check_length, find_tables
from .sequential import sequential_scan
from .slots import (
    ARITHMETIC,
    AT,
    BASE,
    COMPONENT,
    COUNT,
    DONE,
    END,
    FAULT,
    FAULTY,
    FIELDS,
    FINISHED,
    INCOMPLETE,
    KEEP,
    MARGIN,
    MODE,
    NEEDS_ROOM,
    OTHER_CODING,
    OTHER_MODE,
    OUTCOME,
    PROGRESSIVE,
    ROOM,
    SCAN,
    SCANS,
    SEEN,
    Integers,
    Masks,
    Samples,
    Skips,
    Steps,
    Tables,
)
from .walk import advance, begin
from .words import Bytes

__all__ = ["admit", "read_sequential"]


@compiled
def admit(data: Bytes, state: Integers, room: int) -> int:
    """Decide at a file's first scan whether it can be read into `room` coefficients. Returns an outcome."""
    # A scan of arithmetic code may be as short as it likes.
    if state[MODE] != KEEP and state[ARITHMETIC] == 0:
        fault = check_length(data, state)
        if fault != NO_FAULT:
            note(state, fault, state[AT] if fault == TOO_SHORT else state[END])
            return FAULTY
    return DONE if state[ROOM] + MARGIN <= room else NEEDS_ROOM


def read_sequential(
    data: Bytes,
    bounds: Integers,
    out: Samples,
    states: Integers,
    quant: Steps,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
    skips: Skips,
    masks: Masks,
    lost: Bytes,
    keep: int,
    mode: int,
    scan_limit: int,
) -> None:
    """Read files ``data[bounds[i]:bounds[i + 1]]``, the coefficients of one behind those of the other.

    Args:
        data: uint8, the files.
        bounds: int64 (files + 1,).
        out: int16: the m×m lowest coefficients of each block, m = `keep`, in the order of the components' grids,
            for each file whose outcome is `DONE`, and for one that is `FAULTY` if it is the last.
        states: int64 (files, STATE): outcome, fault, and what the headers say.
        quant: uint16 (files, 4, 64): the components' quantisation tables, row-major frequency order.
        tables: A workspace's Huffman tables.
        work: A workspace's integers.
        scratch: A workspace's bytes.
        skips: A workspace's table for passing over coefficients.
        masks: Not used here.
        lost: uint8, zeros: where losses are kept, what each block of the one file has lost.
        keep: 1…8.
        mode: `STRICT`, `LENIENT`, or, for one file and `out` full of zeros, `KEEP`.
        scan_limit: The most scans.
    """
    origin = 0
    for i in range(len(bounds) - 1):
        state = states[i]
        fault = begin(data, bounds[i], bounds[i + 1], state, work, mode, scan_limit)
        state[OUTCOME] = DONE
        if fault != NO_FAULT:
            note(state, fault, bounds[i])
            state[OUTCOME] = FAULTY
        while state[OUTCOME] == DONE:
            step = advance(data, state, quant[i], work, keep * keep)
            if step == FINISHED:
                _clear_missing(out, origin, state)
                origin += state[ROOM]
                break
            if step != SCAN:
                state[OUTCOME] = FAULTY
            elif state[ARITHMETIC] == 1:
                state[OUTCOME] = OTHER_CODING
            elif state[PROGRESSIVE] == 1:
                state[OUTCOME] = OTHER_MODE
            else:
                if state[SCANS] == 1:
                    state[OUTCOME] = admit(data, state, len(out) - origin)
                if state[OUTCOME] == DONE:
                    find_tables(data, state, tables, work, scratch)
                    fault = sequential_scan(data, out, origin, keep, state, tables, work, scratch, skips, masks, lost)
                    if fault != NO_FAULT:
                        state[FAULT] = fault
                        state[OUTCOME] = FAULTY


@compiled
def _clear_missing(out: Samples, origin: int, state: Integers) -> None:
    """Set the components that have not come to zero."""
    for i in range(state[COUNT] if state[INCOMPLETE] == 1 else 0):
        of = COMPONENT + FIELDS * i
        if state[of + SEEN] == 0:
            end = state[of + FIELDS + BASE] if i + 1 < state[COUNT] else state[ROOM]
            out[origin + state[of + BASE] : origin + end] = np.int16(0)
