"""Whole files of a sequential frame: the function that Python calls for nearly all of them."""

from jpegdomain.compiled.jit import compiled

from .numbers import NO_FAULT, TOO_SHORT
from .scan_header import check_length, find_tables
from .sequential import sequential_scan
from .slots import (
    ARITHMETIC,
    AT,
    DONE,
    END,
    FAULT,
    FAULTY,
    FINISHED,
    MARGIN,
    NEEDS_ROOM,
    OTHER_CODING,
    OTHER_MODE,
    OUTCOME,
    PROGRESSIVE,
    ROOM,
    SCAN,
    SCANS,
    Integers,
    Samples,
    Skips,
    Steps,
    Tables,
)
from .walk import advance, begin, note
from .words import Bytes

__all__ = ["admit", "read_sequential"]


@compiled
def admit(data: Bytes, state: Integers, room: int, lenient: bool) -> int:
    """Decide at a file's first scan whether it can be read into `room` coefficients. Returns an outcome."""
    if not lenient:
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
    keep: int,
    lenient: bool,
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
        keep: 1…8.
        lenient: Whether to begin even a scan whose data is too short for its blocks.
    """
    origin = 0
    for i in range(len(bounds) - 1):
        state = states[i]
        fault = begin(data, bounds[i], bounds[i + 1], state, work)
        state[OUTCOME] = DONE
        if fault != NO_FAULT:
            note(state, fault, bounds[i])
            state[OUTCOME] = FAULTY
        while state[OUTCOME] == DONE:
            step = advance(data, state, quant[i], work, keep * keep)
            if step == FINISHED:
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
                    state[OUTCOME] = admit(data, state, len(out) - origin, lenient)
                if state[OUTCOME] == DONE:
                    find_tables(data, state, tables, work, scratch)
                    fault = sequential_scan(data, out, origin, keep, state, tables, work, scratch, skips)
                    if fault != NO_FAULT:
                        state[FAULT] = fault
                        state[OUTCOME] = FAULTY
