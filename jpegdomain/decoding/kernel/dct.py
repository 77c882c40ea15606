"""The inverse DCT of one block, in vectors: T.81 A.3.3, without the level shift."""

import math
from typing import Final

import numpy as np

from jpegdomain.compiled.jit import inlined

from .records import Coefficients, Floats, Steps
from .vectors import Eight, dequantised, fused, spread, store, transposed

__all__ = ["scale_steps", "write_samples"]

# cos(kπ/16), divided by the cosine of the frequency whose factor is in `_FACTORS`.
_T: Final = math.tan(math.pi / 8)
_R3: Final = math.cos(3 * math.pi / 16) / math.cos(math.pi / 16)
_R5: Final = math.cos(5 * math.pi / 16) / math.cos(math.pi / 16)
_R7: Final = math.cos(7 * math.pi / 16) / math.cos(math.pi / 16)

_EVEN: Final = math.sqrt(1 / 8)
_TWO: Final = math.cos(math.pi / 8) / 2
_ODD: Final = math.cos(math.pi / 16) / 2
_FACTORS: Final = np.array([_EVEN, _ODD, _TWO, _ODD, _EVEN, _ODD, _TWO, _ODD])
"""The factors that the transform below leaves out: the steps are multiplied by them once for each image."""
_BOTH: Final = np.outer(_FACTORS, _FACTORS).astype(np.float32).reshape(64)
_ONES: Final = np.ones(64, np.float32)


@inlined
def scale_steps(steps: Steps, first: int, samples: bool, scratch: Floats, at: int) -> None:
    """Write 64 quantisation steps to scratch, multiplied by the transform's factors if it will be applied."""
    for i in range(0, 64, 8):
        store(scratch, at + i, dequantised(steps, first + i, _BOTH if samples else _ONES, i))


@inlined
def _eight_points(rows: Eight) -> Eight:
    """Transform along the eight vectors: even and odd frequencies apart, each sum used for two samples."""
    x0, x1, x2, x3, x4, x5, x6, x7 = rows
    t, r3, r5, r7, minus = spread(_T), spread(_R3), spread(_R5), spread(_R7), spread(-1.0)
    n5, n7 = spread(-_R5), spread(-_R7)
    a, b = x0 + x4, x0 - x4
    c, d = fused(x6, t, x2), fused(x2, t, x6 * minus)
    e0, e1, e2, e3 = a + c, b + d, b - d, a - c
    o0 = fused(x7, r7, fused(x5, r5, fused(x3, r3, x1)))
    o1 = fused(x7, n5, fused(x3, n7, fused(x1, r3, x5 * minus)))
    o2 = fused(x7, r3, fused(x5, r7, fused(x1, r5, x3 * minus)))
    o3 = fused(x5, r3, fused(x3, n5, fused(x1, r7, x7 * minus)))
    return e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0


@inlined
def write_samples(coefficients: Coefficients, at: int, scratch: Floats, steps: int, target: int) -> None:
    """Write a block's samples, column by column: eight rows of the first, eight of the second, and so on."""
    rows = (
        dequantised(coefficients, at, scratch, steps),
        dequantised(coefficients, at + 8, scratch, steps + 8),
        dequantised(coefficients, at + 16, scratch, steps + 16),
        dequantised(coefficients, at + 24, scratch, steps + 24),
        dequantised(coefficients, at + 32, scratch, steps + 32),
        dequantised(coefficients, at + 40, scratch, steps + 40),
        dequantised(coefficients, at + 48, scratch, steps + 48),
        dequantised(coefficients, at + 56, scratch, steps + 56),
    )
    columns = _eight_points(transposed(_eight_points(rows)))
    store(scratch, target, columns[0])
    store(scratch, target + 8, columns[1])
    store(scratch, target + 16, columns[2])
    store(scratch, target + 24, columns[3])
    store(scratch, target + 32, columns[4])
    store(scratch, target + 40, columns[5])
    store(scratch, target + 48, columns[6])
    store(scratch, target + 56, columns[7])
