"""The arithmetic decoder's registers, and how one binary decision is taken from them (T.81 D.2).

The registers are four variables that travel together: `code`, the part of the code stream within the current interval;
`interval`, its size A; `ahead`, how many bits of `code` lie below those that A is compared with; and `at`, the position
of the next byte. Behind the data, at a marker, there are zeros without end: encoders leave out zeros at the end
(D.1.8). Behind the file's end there are zeros too, but `at` goes on counting them.
"""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import inlined

from .estimation import ESTIMATES
from .words import Bytes

__all__ = ["WHOLE", "decide", "first_code"]

WHOLE: Final = 0x10000
"""The first interval."""
_HALF: Final = 0x8000


@inlined
def decide(
    code: int, interval: int, ahead: int, at: int, data: Bytes, end: int, bins: Bytes, place: int
) -> tuple[int, int, int, int, int]:
    """Take a decision by the statistics bin ``bins[place]``, and adapt the bin (D.2.4, D.2.5).

    Returns:
        The registers, and the decision, 0 or 1.
    """
    known = bins[np.uint64(place)]
    estimate = ESTIMATES[np.uint64(known)]
    size = estimate & 0xFFFF
    symbol = np.int64(known >> 7)
    interval -= size
    limit = interval << ahead
    if code < limit and interval >= _HALF:
        return code, interval, ahead, at, symbol
    # The larger part of the interval is the more probable symbol's, whichever it was meant to be.
    less = interval < size
    if code >= limit:
        code -= limit
        interval = size
        less = not less
    if less:
        bins[np.uint64(place)] = np.uint8(estimate >> 24)
        symbol ^= 1
    else:
        bins[np.uint64(place)] = np.uint8((estimate >> 16) & 255)
    while interval < _HALF:
        if ahead == 0:
            byte, at = _byte(data, at, end)
            code = code << 8 | byte
            ahead = 8
        interval <<= 1
        ahead -= 1
    return code, interval, ahead, at, symbol


@inlined
def first_code(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read the code's first 16 bits at `at`. Returns them and the position behind them."""
    high, at = _byte(data, at, end)
    low, at = _byte(data, at, end)
    return high << 8 | low, at


@inlined
def _byte(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a byte of the code: FF 00 is FF, FF FF a fill byte, and FF before anything else a marker (D.2.6)."""
    if at >= end:
        return 0, at + 1
    byte = np.int64(data[np.uint64(at)])
    if byte != 0xFF:
        return byte, at + 1
    while at + 1 < end and data[np.uint64(at + 1)] == 0xFF:
        at += 1
    if at + 1 >= end:
        return 0, end + 1
    if data[np.uint64(at + 1)] == 0:
        return byte, at + 2
    return 0, at
