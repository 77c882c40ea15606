"""Convert float32 levels to bytes: clamped and rounded down."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_bytes"]


def to_bytes(levels: NDArray[np.float32], out: NDArray[Any]) -> None:
    """Write max(0, min(255, ⌊level⌋)) as uint8; arrays of one length."""
    low, high = np.float32(0), np.float32(255)
    for place in range(levels.size):
        # Through a signed integer: there is no vector instruction for unsigned ones.
        out[place] = np.uint8(np.int32(min(max(levels[place], low), high)))
