"""The blocks of an MCU and where they go (T.81 A.2): one plan for interleaved scans and scans of one component.

A component's grid is ⌈extent/8⌉. An interleaved scan rounds it up to whole MCUs; the blocks beyond the grid are
decoded, because their bits are in the data, and dropped: they go to the spare block after the file's coefficients.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from . import layout as L
from .layout import Bytes, Integers

__all__ = ["begin_row", "first_lost", "mark_lost", "mcu_grid", "place_of", "plan_blocks"]

# For each block of an MCU: where its counterpart in the next MCU goes if it is on the grid, and how many columns are
# left from there; its row and column in the MCU; the component's columns and rows in an MCU, 1 and 1 in a scan of one
# component; and where the component's fields are in the state.
_HERE, _LEFT, _ROW, _COLUMN, _ACROSS, _DOWN, _COMPONENT = range(3, 10)


@compiled
def mcu_grid(state: Integers) -> tuple[int, int]:
    """Count the rows and columns of MCUs of the scan."""
    if state[L.PARTS] == 1:
        of = L.COMPONENT + L.FIELDS * state[L.PART]
        return state[of + L.ROWS], state[of + L.COLUMNS]
    down, across = 8 * state[L.VERTICAL], 8 * state[L.HORIZONTAL]
    return (state[L.HEIGHT] + down - 1) // down, (state[L.WIDTH] + across - 1) // across


@compiled
def plan_blocks(state: Integers, work: Integers) -> int:
    """List the blocks of an MCU in their order (T.81 A.2.3), and count them."""
    count = 0
    for part in range(state[L.PARTS]):
        component = state[L.PART + part]
        of = L.COMPONENT + L.FIELDS * component
        down, across = (1, 1) if state[L.PARTS] == 1 else (state[of + L.V], state[of + L.H])
        for row in range(down):
            for column in range(across):
                plan = L.PLAN + L.PLAN_FIELDS * count
                work[plan + L.PLAN_DC] = state[L.DC + part]
                work[plan + L.PLAN_AC] = state[L.AC + part]
                work[plan + L.PLAN_PART] = part
                work[plan + _ROW] = row
                work[plan + _COLUMN] = column
                work[plan + _DOWN] = down
                work[plan + _ACROSS] = across
                work[plan + _COMPONENT] = of
                count += 1
    return count


@compiled
def begin_row(state: Integers, work: Integers, count: int, row: int, column: int, origin: int, size: int) -> None:
    """Set the plan to the MCU at (row, column); `size` is the number of coefficients of a block in the output."""
    for i in range(count):
        plan = L.PLAN + L.PLAN_FIELDS * i
        of = work[plan + _COMPONENT]
        block_row = row * work[plan + _DOWN] + work[plan + _ROW]
        block_column = column * work[plan + _ACROSS] + work[plan + _COLUMN]
        columns = state[of + L.COLUMNS]
        work[plan + _HERE] = origin + state[of + L.BASE] + (block_row * columns + block_column) * size
        work[plan + _LEFT] = columns - block_column if block_row < state[of + L.ROWS] else 0


@inlined
def place_of(work: Integers, plan: int, spare: int, size: int) -> int:
    """Return the position of a block in the output, `spare` if it is beyond the grid, and step to the next MCU."""
    here, left = work[plan + _HERE], work[plan + _LEFT]
    across = work[plan + _ACROSS]
    work[plan + _HERE] = here + across * size
    work[plan + _LEFT] = left - across
    return here if left > 0 else spare


@compiled
def mark_lost(state: Integers, work: Integers, lost: Bytes, keep: int, first: int, end: int) -> None:
    """Record that the scan's MCUs from `first` to before `end` are lost."""
    kind, size, columns = L.LOST_AC if state[L.FIRST] > 0 else L.LOST_DC, keep * keep, work[L.ACROSS]
    for mcu in range(first, end):
        begin_row(state, work, work[L.PLANNED], mcu // columns, mcu % columns, 0, size)
        for i in range(work[L.PLANNED]):
            here = place_of(work, L.PLAN + L.PLAN_FIELDS * i, -1, size)
            if here >= 0:
                lost[here // size] |= np.uint8(kind)


@compiled
def first_lost(lost: Bytes, first: int, end: int, kind: int) -> int:
    """Find the first block from `first` on that has lost `kind`, `end` if none has."""
    for block in range(first, end):
        if lost[block] & kind != 0:
            return block
    return end
