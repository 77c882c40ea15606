"""The blocks of an MCU and where they go (T.81 A.2): one plan for interleaved scans and scans of one component.

A component's grid is ⌈extent/8⌉. An interleaved scan rounds it up to whole MCUs; the blocks beyond the grid are
decoded, because the bits are there, and dropped: they go to the spare block behind the file's coefficients.
"""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from .slots import (
    AC,
    BASE,
    COLUMNS,
    COMPONENT,
    DC,
    FIELDS,
    HEIGHT,
    HORIZONTAL,
    PART,
    PARTS,
    PLAN,
    PLAN_FIELDS,
    PLANNED,
    ROWS,
    VERTICAL,
    WIDTH,
    H,
    Integers,
    V,
)
from .words import Bytes

__all__ = [
    "PLAN_AC",
    "PLAN_DC",
    "PLAN_PART",
    "begin_row",
    "first_lost",
    "mark_lost",
    "mcu_grid",
    "place_of",
    "plan_blocks",
]

PLAN_DC: Final = 0
PLAN_AC: Final = 1
PLAN_PART: Final = 2
"""The component's position in the scan."""
_HERE: Final = 3
"""Where the next block of this kind goes, if it is on the grid."""
_LEFT: Final = 4
"""How many columns of the grid are left from there."""
_ROW: Final = 5
"""The block's row and column in the MCU."""
_COLUMN: Final = 6
_ACROSS: Final = 7
"""The MCU's rows and columns of the component: 1 and 1 in a scan of one component."""
_DOWN: Final = 8
_COMPONENT: Final = 9


@compiled
def mcu_grid(state: Integers) -> tuple[int, int]:
    """Count the rows and columns of MCUs of the scan."""
    if state[PARTS] == 1:
        of = COMPONENT + FIELDS * state[PART]
        return state[of + ROWS], state[of + COLUMNS]
    down, across = 8 * state[VERTICAL], 8 * state[HORIZONTAL]
    return (state[HEIGHT] + down - 1) // down, (state[WIDTH] + across - 1) // across


@compiled
def plan_blocks(state: Integers, work: Integers) -> int:
    """Write down the blocks of an MCU in their order (T.81 A.2.3), and count them."""
    count = 0
    for part in range(state[PARTS]):
        component = state[PART + part]
        of = COMPONENT + FIELDS * component
        down, across = (1, 1) if state[PARTS] == 1 else (state[of + V], state[of + H])
        for row in range(down):
            for column in range(across):
                plan = PLAN + PLAN_FIELDS * count
                work[plan + PLAN_DC] = state[DC + part]
                work[plan + PLAN_AC] = state[AC + part]
                work[plan + PLAN_PART] = part
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
        plan = PLAN + PLAN_FIELDS * i
        of = work[plan + _COMPONENT]
        block_row = row * work[plan + _DOWN] + work[plan + _ROW]
        block_column = column * work[plan + _ACROSS] + work[plan + _COLUMN]
        columns = state[of + COLUMNS]
        work[plan + _HERE] = origin + state[of + BASE] + (block_row * columns + block_column) * size
        work[plan + _LEFT] = columns - block_column if block_row < state[of + ROWS] else 0


@inlined
def place_of(work: Integers, plan: int, spare: int, size: int) -> int:
    """Give the place of a block in the output, `spare` if it is beyond the grid, and step to the next MCU."""
    here, left = work[plan + _HERE], work[plan + _LEFT]
    across = work[plan + _ACROSS]
    work[plan + _HERE] = here + across * size
    work[plan + _LEFT] = left - across
    return here if left > 0 else spare


@compiled
def mark_lost(
    state: Integers, work: Integers, lost: Bytes, size: int, columns: int, first: int, end: int, kind: int
) -> None:
    """Add `kind`, `LOST_DC` or `LOST_AC`, to what the blocks of the MCUs from `first` to before `end` have lost."""
    for mcu in range(first, end):
        row, column = mcu // columns, mcu % columns
        for i in range(work[PLANNED]):
            plan = PLAN + PLAN_FIELDS * i
            of = work[plan + _COMPONENT]
            block_row = row * work[plan + _DOWN] + work[plan + _ROW]
            block_column = column * work[plan + _ACROSS] + work[plan + _COLUMN]
            if block_row < state[of + ROWS] and block_column < state[of + COLUMNS]:
                lost[state[of + BASE] // size + block_row * state[of + COLUMNS] + block_column] |= np.uint8(kind)


@compiled
def first_lost(lost: Bytes, first: int, end: int, kind: int) -> int:
    """Find the first block from `first` on that has lost `kind`, `end` if none has."""
    for block in range(first, end):
        if lost[block] & kind != 0:
            return block
    return end
