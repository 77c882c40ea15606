"""What stands where in the integers that describe a rendering, and how the scratch memory is divided."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Coefficients: TypeAlias = NDArray[np.int16]
Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Starts: TypeAlias = NDArray[np.int32]
Steps: TypeAlias = NDArray[np.uint16]

# --- of the whole -----------------------------------------------------------------------------------------
COUNT: Final = 0
"""Components that are used, 1 or 3."""
CHANNELS: Final = 1
"""1 or 3."""
HEIGHT: Final = 2
WIDTH: Final = 3
STRIDE: Final = 4
"""The width, rounded up to whole pairs of vectors."""
LAST: Final = 5
"""Whether channels come last in memory."""
BANDS: Final = 6
"""Number of bands: output rows that are made at a time, so that what they need stays in the cache."""
FIRST_BAND: Final = 7
"""Where the first band stands. Each: its first row and its end, then for each component first group and end."""
COLUMNS_AT: Final = 8
"""Where scratch holds a group's columns: eight numbers, one of each row, for every column that is needed."""
ROWS_AT: Final = 9
"""Where scratch holds the rows of the band, combined horizontally."""
FILLS: Final = 10
"""Number of outer products that are added."""
HEAD: Final = 11

# --- of a component ---------------------------------------------------------------------------------------
BLOCK_ROWS: Final = 0
BLOCK_COLUMNS: Final = 1
KEEP: Final = 2
"""m of the m×m coefficients of each block in memory."""
USED: Final = 3
"""m of the m×m that are used."""
SAMPLES: Final = 4
"""Whether the maps act on samples; on coefficients otherwise."""
FIRST_COLUMN: Final = 5
"""The first block column that is needed."""
END_COLUMN: Final = 6
ACROSS_TAPS: Final = 7
ACROSS_STARTS: Final = 8
ACROSS_WEIGHTS: Final = 9
DOWN_TAPS: Final = 10
DOWN_STARTS: Final = 11
DOWN_WEIGHTS: Final = 12
PART: Final = 13
"""Integers for each component."""

STEPS_AT: Final = 48
"""Scratch begins with room for a narrow row; here stand three tables of steps."""
PREFIX: Final = 240
"""And here those end."""

BAND: Final = 8
"""Integers for each band."""

__all__ = [name for name in globals() if name.isupper()] + ["Coefficients", "Floats", "Integers", "Starts", "Steps"]
