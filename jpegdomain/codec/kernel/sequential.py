"""A scan of a baseline or extended sequential frame (T.81 F.2)."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .blocks import LAST_WANTED, ORDER, build_skips, difference, fill_block, pass_over
from .feed import close_interval, damage, more, next_interval, open_interval, pass_restart
from .huffman import STOP
from .mcu import PLAN_AC, PLAN_DC, PLAN_PART, begin_row, mcu_grid, place_of, plan_blocks
from .numbers import BAD_CODE, NO_FAULT
from .slots import (
    AC,
    DRAFT,
    INTERVAL,
    PARTS,
    PLAN,
    PLAN_FIELDS,
    PREDICTION,
    ROOM,
    SKIP_BUILT,
    SKIPS,
    STRIDE,
    Integers,
    Samples,
    Skips,
    Tables,
)
from .words import Bytes

__all__ = ["sequential_scan"]


@compiled
def sequential_scan(
    data: Bytes,
    out: Samples,
    origin: int,
    keep: int,
    state: Integers,
    tables: Tables,
    work: Integers,
    scratch: Bytes,
    skips: Skips,
) -> int:
    """Decode a scan into ``out[origin:]``, every block of its components' grids.

    Each block is zeroed when its turn comes.

    Returns:
        A fault; then the blocks of the MCU that shows it are zero, and those that follow are as they were.
    """
    size = keep * keep
    order, last = ORDER[keep], LAST_WANTED[keep]
    spare = origin + state[ROOM]
    if keep < 8:
        _prepare_skips(state, tables, skips)
    rows, columns = mcu_grid(state)
    count = plan_blocks(state, work)
    interval = state[INTERVAL] if state[INTERVAL] > 0 else rows * columns
    restarts, until_restart = 0, 0
    word, bits, at, low = np.uint64(0), 0, 0, 0
    for row in range(rows):
        begin_row(state, work, count, row, 0, origin, size)
        for column in range(columns):
            if until_restart == 0:
                if row + column > 0:
                    fault = next_interval(data, state, work, scratch, bits, at, restarts)
                    if fault != NO_FAULT:
                        return fault
                    restarts += 1
                low = open_interval(data, state, work, scratch)
                word, bits, at = np.uint64(0), 0, 0
                until_restart = interval
                work[PREDICTION : PREDICTION + 4] = 0
            until_restart -= 1
            fault = NO_FAULT
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
                begin_row(state, work, count, row, column, origin, size)
                for i in range(count):
                    here = place_of(work, PLAN + PLAN_FIELDS * i, spare, size)
                    out[here : here + size] = np.int16(0)
                return fault
    fault = close_interval(data, state, work, scratch, bits, at)
    if fault == NO_FAULT and state[INTERVAL] > 0:
        # Some encoders close the last interval too. Decoders have always passed over that marker.
        fault = pass_restart(data, state, restarts, False)
    return fault


@compiled
def _prepare_skips(state: Integers, tables: Tables, skips: Skips) -> None:
    for part in range(state[PARTS]):
        table = state[AC + part]
        if tables[table + SKIP_BUILT] == np.uint64(0):
            build_skips(tables, table, skips, table // STRIDE * SKIPS)
            tables[table + SKIP_BUILT] = np.uint64(1)
