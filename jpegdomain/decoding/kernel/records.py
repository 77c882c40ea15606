"""The integers that describe a rendering, as NumPy records whose fields Numba reads, and the layout of its scratch."""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPONENT", "HEAD", "PREFIX", "STEPS_AT", "Coefficients", "Floats", "Integers", "Record", "Starts", "Steps"]

Coefficients: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Starts: TypeAlias = NDArray[np.int32]
Steps: TypeAlias = NDArray[np.uint16]
Record: TypeAlias = Any


def _integers(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in names])


HEAD: Final = _integers(
    "components",  # number of components that are used, 1 or 3
    "channels",  # 1 or 3
    "height",
    "width",
    "stride",  # the width, rounded up to whole pairs of vectors
    "last",  # 1 if channels come last in memory
    "columns_at",  # where scratch holds a group's columns: eight numbers, one of each row, for every column needed
    "rows_at",  # where scratch holds the rows of the band, combined horizontally
    "fills",  # outer products that are added
)
COMPONENT: Final = _integers(
    "block_rows",
    "block_columns",
    "keep",  # m of the m×m coefficients of each block in memory
    "used",  # m of the m×m that are used
    "samples",  # 1 if the maps act on samples, 0 if on coefficients
    "first_column",  # number of blocks that are needed
    "end_column",
    "across_taps",
    "across_starts",
    "across_weights",
    "down_taps",
    "down_starts",
    "down_weights",
)

STEPS_AT: Final = 48
"""Scratch begins with room for a narrow row; then come three tables of steps,"""
PREFIX: Final = 240
"""which end here."""
