"""Whole files of a progressive frame (T.81 G): the function that Python calls for them."""

from .files import admit
from .markers import skip_scan
from .notes import note
from .numbers import NO_FAULT
from .progressive_ac import ac_scan
from .progressive_dc import dc_scan
from .scan_choice import choose_scans
from .scan_header import find_tables
from .slots import (
    ARITHMETIC,
    AT,
    CHOICE,
    DONE,
    END,
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
    Masks,
    Samples,
    Skips,
    Steps,
    Tables,
)
from .walk import advance, begin
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
    skips: Skips,
    masks: Masks,
    lost: Bytes,
    keep: int,
    mode: int,
    scan_limit: int,
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
        masks: uint64, zeros: a word for each block.
        lost: uint8, zeros: where losses are kept, what each block has lost.
        keep: 1…8: coefficients beyond the m×m lowest, m = `keep`, may be incomplete.
        mode: `STRICT`, `LENIENT` or `KEEP`.
        scan_limit: The most scans.
    """
    state = states[0]
    if keep < 8 and begin(data, bounds[0], bounds[1], state, work, mode, scan_limit) == NO_FAULT:
        choose_scans(data, state, quant[0], work, keep)
    fault = begin(data, bounds[0], bounds[1], state, work, mode, scan_limit)
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
                state[OUTCOME] = admit(data, state, len(out))
            if state[OUTCOME] == DONE:
                fault = NO_FAULT
                if keep < 8 and work[CHOICE + state[SCANS] - 1] == 0:
                    state[AT] = skip_scan(data, state[AT], state[END])
                else:
                    find_tables(data, state, tables, work, scratch)
                    if state[FIRST] == 0:
                        fault = dc_scan(data, out, 0, 8, state, tables, work, scratch, skips, masks, lost)
                    else:
                        fault = ac_scan(data, out, 0, 8, state, tables, work, scratch, skips, masks, lost)
                if fault != NO_FAULT:
                    state[FAULT] = fault
                    state[OUTCOME] = FAULTY
