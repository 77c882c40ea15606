"""A scan of a baseline or extended sequential frame (T.81 F.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from .blocks import LAST_WANTED, ORDER, build_skips, difference, fill_block, pass_over
from .feed import damage, more
from .huffman import STOP
from .mcu import PLAN_AC, PLAN_DC, PLAN_PART, begin_row, place_of
from .numbers import BAD_CODE, NO_FAULT
from .scan import scan_of
from .slots import (
    AC,
    ACROSS,
    DRAFT,
    PARTS,
    PLAN,
    PLAN_FIELDS,
    PLANNED,
    PREDICTION,
    ROOM,
    SKIP_BUILT,
    SKIPS,
    STRIDE,
    Integers,
    Masks,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes

__all__ = ["sequential_scan"]


@inlined
def _decode_interval(
    data: Bytes,
    out: Samples,
    origin: int,
    keep: int,
    state: Integers,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
    skips: Skips,
    masks: Masks,  # noqa: ARG001 (as all of them)
    lost: Bytes,  # noqa: ARG001
    mcu: int,
    end: int,
    low: int,
) -> tuple[int, int, int, int]:
    """Decode MCUs, as `scan_of` asks it. Each block is zeroed when its turn comes."""
    size = keep * keep
    order, last = ORDER[keep], LAST_WANTED[keep]
    spare = origin + state[ROOM]
    if keep < 8:
        _prepare_skips(state, tables, skips)
    columns, count = work[ACROSS], work[PLANNED]
    word, bits, at = np.uint64(0), 0, 0
    work[PREDICTION : PREDICTION + 4] = 0
    fault = NO_FAULT
    while mcu < end and fault == NO_FAULT:
        row, column = mcu // columns, mcu % columns
        begin_row(state, work, count, row, column, origin, size)
        for _ in range(min(end - mcu, columns - column)):
            for i in range(count):
                plan = PLAN + PLAN_FIELDS * i
                here = place_of(work, plan, spare, size)
                word, bits, at, value, good = difference(word, bits, at, scratch, tables, work[plan + PLAN_DC])
                target = here if keep == 8 else spare + DRAFT
                part = PREDICTION + work[plan + PLAN_PART]
                work[part] += value
                for j in range(64):
                    out[np.uint64(target + j)] = np.int16(0)
                out[np.uint64(target)] = np.int16(work[part])
                table = work[plan + PLAN_AC]
                word, bits, at, k = fill_block(word, bits, at, scratch, tables, table, out, target, order, last)
                if keep < 8:
                    for j in range(size):
                        out[np.uint64(here + j)] = out[np.uint64(target + j)]
                    skip = table // STRIDE * SKIPS
                    word, bits, at, k = pass_over(word, bits, at, scratch, tables, table, skips, skip, out, target, k)
                if not good or 63 < k < STOP:
                    fault = BAD_CODE
                    break
            if fault != NO_FAULT:
                fault = damage(data, state, work, bits, at, fault)
            elif at > low:
                at, low, fault = more(data, state, work, scratch, bits, at)
                if fault != NO_FAULT:
                    fault = damage(data, state, work, bits, at, fault)
            if fault != NO_FAULT:
                begin_row(state, work, count, row, mcu % columns, origin, size)
                for i in range(count):
                    here = place_of(work, PLAN + PLAN_FIELDS * i, spare, size)
                    out[here : here + size] = np.int16(0)
                break
            mcu += 1
    return mcu, bits, at, fault


sequential_scan = scan_of("sequential_scan", _decode_interval)


@compiled
def _prepare_skips(state: Integers, tables: Tables, skips: Skips) -> None:
    for part in range(state[PARTS]):
        table = state[AC + part]
        if tables[table + SKIP_BUILT] == np.uint64(0):
            build_skips(tables, table, skips, table // STRIDE * SKIPS)
            tables[table + SKIP_BUILT] = np.uint64(1)
