"""Whole files of a progressive frame (T.81 G): the function that Python calls for them."""

from jpegdomain.compiled.jit import compiled

from .files import admit
from .numbers import NO_FAULT
from .progressive_ac import ac_scan
from .progressive_dc import dc_scan
from .scan_choice import choose_scans, skip_scan
from .scan_header import find_tables
from .slots import (
    ARITHMETIC,
    CHOICE,
    DONE,
    FAULT,
    FAULTY,
    FINISHED,
    FIRST,
    OTHER_CODING,
    OTHER_MODE,
    OUTCOME,
    PROGRESSIVE,
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

__all__ = ["read_progressive"]


def read_progressive(
    data: Bytes,
    bounds: Integers,
    out: Samples,
    states: Integers,
    quant: Steps,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
    skips: Skips,  # noqa: ARG001 (as read_sequential)
    keep: int,
    lenient: bool,
) -> None:
    """Read the file ``data[bounds[0]:bounds[1]]``.

    Args:
        data: uint8, the file.
        bounds: int64 (2,).
        out: int16, zeros: for the 64 coefficients of each block, whatever `keep` says.
        states: int64 (1, STATE): outcome, fault, and what the headers say.
        quant: uint16 (1, 4, 64): the components' quantisation tables, row-major frequency order.
        tables: A workspace's Huffman tables.
        work: A workspace's integers.
        scratch: A workspace's bytes.
        skips: A workspace's, not used here.
        keep: 1…8: coefficients beyond the m×m lowest, m = `keep`, may be incomplete.
        lenient: Whether to begin even a scan whose data is too short for its blocks.
    """
    state = states[0]
    if keep < 8 and begin(data, bounds[0], bounds[1], state, work) == NO_FAULT:
        choose_scans(data, state, quant[0], work, keep)
    fault = begin(data, bounds[0], bounds[1], state, work)
    state[OUTCOME] = DONE
    if fault != NO_FAULT:
        note(state, fault, bounds[0])
        state[OUTCOME] = FAULTY
    while state[OUTCOME] == DONE:
        step = advance(data, state, quant[0], work, 64)
        if step == FINISHED:
            break
        if step != SCAN:
            state[OUTCOME] = FAULTY
        elif state[ARITHMETIC] == 1:
            state[OUTCOME] = OTHER_CODING
        elif state[PROGRESSIVE] == 0:
            state[OUTCOME] = OTHER_MODE
        else:
            if state[SCANS] == 1:
                state[OUTCOME] = admit(data, state, len(out), lenient)
            if state[OUTCOME] == DONE:
                fault = _read_scan(data, out, state, tables, work, scratch, keep)
                if fault != NO_FAULT:
                    state[FAULT] = fault
                    state[OUTCOME] = FAULTY


@compiled
def _read_scan(
    data: Bytes, out: Samples, state: Integers, tables: Tables, work: Integers, scratch: Bytes, keep: int
) -> int:
    if keep < 8 and work[CHOICE + state[SCANS] - 1] == 0:
        skip_scan(data, state)
        return NO_FAULT
    find_tables(data, state, tables, work, scratch)
    if state[FIRST] == 0:
        return dc_scan(data, out, 0, state, tables, work, scratch)
    return ac_scan(data, out, 0, state, tables, work, scratch)
