"""Whole files of an arithmetic-coded frame, sequential or progressive: the function that Python calls for them."""

from .arithmetic_scan import arithmetic_scan
from .files import admit
from .notes import note
from .numbers import NO_FAULT
from .slots import (
    DONE,
    FAULT,
    FAULTY,
    FINISHED,
    OUTCOME,
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

__all__ = ["read_arithmetic"]


def read_arithmetic(
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
    keep: int,  # noqa: ARG001
    mode: int,
    scan_limit: int,
) -> None:
    """Read the file ``data[bounds[0]:bounds[1]]``, whose frame is arithmetic-coded.

    A scan's length says nothing of how many blocks it holds: where all is as expected, the code is zeros, which an
    encoder leaves out. So a file can claim any size; blocks that are zero are not written, lest memory that nobody
    has touched be touched.

    Args:
        data: uint8, the file.
        bounds: int64 (2,).
        out: int16, zeros: for the 64 coefficients of each block.
        states: int64 (1, STATE): outcome, fault, and what the headers say.
        quant: uint16 (1, 4, 64): the components' quantisation tables, row-major frequency order.
        tables: A workspace's Huffman tables, not used here.
        work: A workspace's integers.
        scratch: A workspace's bytes.
        skips: A workspace's, not used here.
        masks: Not used here.
        lost: uint8, zeros: where losses are kept, what each block has lost.
        keep: Not used here: all coefficients are decoded.
        mode: `STRICT`, `LENIENT` or `KEEP`.
        scan_limit: The most scans.
    """
    state = states[0]
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
        else:
            if state[SCANS] == 1:
                state[OUTCOME] = admit(data, state, len(out))
            if state[OUTCOME] == DONE:
                fault = arithmetic_scan(data, out, 0, 8, state, tables, work, scratch, skips, masks, lost)
                if fault != NO_FAULT:
                    state[FAULT] = fault
                    state[OUTCOME] = FAULTY
