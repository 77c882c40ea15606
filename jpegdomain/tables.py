"""The constant tables of ITU-T T.81: the zigzag order and Annex K's quantisation tables."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHROMINANCE", "LUMINANCE", "ZIGZAG", "frequency_index", "nearest_quality", "quality_table"]


def _zigzag() -> NDArray[np.int64]:
    diagonals = sorted(
        ((row, column) for row in range(8) for column in range(8)),
        # Odd diagonals run downwards (row rising), even ones upwards: T.81 figure A.6.
        key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]),
    )
    return np.array([8 * row + column for row, column in diagonals])


def _frozen(values: NDArray[np.int64]) -> NDArray[np.int64]:
    values.flags.writeable = False
    return values


ZIGZAG = _frozen(_zigzag())
"""(64,) ``ZIGZAG[γ]`` is the row-major index 8α+β of the coefficient at zigzag position γ (T.81 figure A.6)."""

LUMINANCE = _frozen(
    np.array(
        [
            [16, 11, 10, 16, 24, 40, 51, 61],
            [12, 12, 14, 19, 26, 58, 60, 55],
            [14, 13, 16, 24, 40, 57, 69, 56],
            [14, 17, 22, 29, 51, 87, 80, 62],
            [18, 22, 37, 56, 68, 109, 103, 77],
            [24, 35, 55, 64, 81, 104, 113, 92],
            [49, 64, 78, 87, 103, 121, 120, 101],
            [72, 92, 95, 98, 112, 100, 103, 99],
        ]
    )
)
"""(8, 8) the luminance table of T.81 table K.1, row = vertical frequency."""

CHROMINANCE = _frozen(
    np.array(
        [
            [17, 18, 24, 47, 99, 99, 99, 99],
            [18, 21, 26, 66, 99, 99, 99, 99],
            [24, 26, 56, 99, 99, 99, 99, 99],
            [47, 66, 99, 99, 99, 99, 99, 99],
            [99, 99, 99, 99, 99, 99, 99, 99],
            [99, 99, 99, 99, 99, 99, 99, 99],
            [99, 99, 99, 99, 99, 99, 99, 99],
            [99, 99, 99, 99, 99, 99, 99, 99],
        ]
    )
)
"""(8, 8) the chrominance table of T.81 table K.2, row = vertical frequency."""


def quality_table(base: NDArray[np.int64], quality: int) -> NDArray[np.int64]:
    """Scale an Annex K table to a quality of 1…100, as the IJG's libjpeg does.

    The scale is s = 5000/quality (rounded down) below 50 and 200 − 2·quality from there on; an entry becomes
    ⌊(q·s + 50)/100⌋, kept within 1…255 as baseline files need.

    Args:
        base: (8, 8) or (64,) table, `LUMINANCE` or `CHROMINANCE`.
        quality: 1…100.

    Returns:
        A table of the same shape.

    Raises:
        ValueError: If the quality is outside 1…100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1…100, got {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((base * scale + 50) // 100, 1, 255)


def nearest_quality(table: NDArray[np.integer], base: NDArray[np.int64]) -> tuple[int, bool]:
    """Find the quality whose `quality_table` is nearest to a table: the least Σ|q − q'|, and the highest such quality.

    Args:
        table: Quantisation steps in the order 8α+β, (64,) or (8, 8).
        base: The Annex K table that it may be scaled from.

    Returns:
        The quality, 1…100, and whether the table is exactly that quality's.
    """
    steps = table.reshape(-1).astype(np.int64)
    apart = {
        quality: int(np.abs(quality_table(base.reshape(-1), quality) - steps).sum()) for quality in range(100, 0, -1)
    }
    nearest = min(apart, key=lambda quality: apart[quality])
    return nearest, apart[nearest] == 0


def frequency_index() -> NDArray[np.int64]:
    """Return each coefficient's spatial frequency α+β, (8, 8); `frequencies=n` keeps those below n."""
    return np.add.outer(np.arange(8), np.arange(8))
