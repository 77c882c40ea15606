"""What the decisions of arithmetic coding mean: differences and coefficients (T.81 F.1.4, G.1.3), statistics for each.

Bins stand in `scratch`: those of the DC tables, those of the AC tables, and one that does not adapt.
"""

from typing import Final

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined
from jpegdomain.tables import ZIGZAG

from .arithmetic import decide
from .estimation import FIXED_ESTIMATE
from .slots import AC_BINS, CONDITIONING, CONDITIONING_SLOTS, DC_BINS, FIXED_BIN, STATISTICS, Integers, Samples
from .words import Bytes

__all__ = ["coefficients", "difference", "equal_chances", "forget", "refinement"]

_ZIGZAG = ZIGZAG.astype(np.uint8)

# Table F.4. The first bins are five groups of four, by the difference before: none, small, large, by its sign.
_X1_DC: Final = 20
_SMALL: Final = 4
_LARGE: Final = 12
# Table F.5. The first bins are three for each zigzag position.
_X2_LOW: Final = 189
_X2_HIGH: Final = 217
_BITS: Final = 14
"""From a bin for the length of a magnitude to that for the bits below its first."""
_TOO_LONG: Final = 0x8000


@compiled
def forget(bins: Bytes) -> None:
    """Set all bins to the beginning of a scan or restart interval (F.1.4.4)."""
    bins[STATISTICS:FIXED_BIN] = np.uint8(0)
    bins[FIXED_BIN] = np.uint8(FIXED_ESTIMATE)


@inlined
def equal_chances(
    code: int, interval: int, ahead: int, at: int, data: Bytes, end: int, bins: Bytes
) -> tuple[int, int, int, int, int]:
    """Decode a bit that is 0 or 1 equally likely."""
    return decide(code, interval, ahead, at, data, end, bins, FIXED_BIN)


@inlined
def difference(
    code: int,
    interval: int,
    ahead: int,
    at: int,
    data: Bytes,
    end: int,
    bins: Bytes,
    state: Integers,
    slot: int,
    context: int,
) -> tuple[int, int, int, int, int, int, bool]:
    """Decode a DC difference with the conditioning of DC table `slot` (F.2.4.1, figures F.19, F.21 to F.24).

    Returns:
        The registers; the difference; the context, 0, 4, … 16, that it is for the next one; False for damage.
    """
    base = STATISTICS + DC_BINS * slot
    place = base + context
    value, context, good = 0, 0, True
    code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place)
    if bit == 1:
        code, interval, ahead, at, negative = decide(code, interval, ahead, at, data, end, bins, place + 1)
        value = 1
        code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + 2 + negative)
        if bit == 1:
            code, interval, ahead, at, value, good = _magnitude(
                code, interval, ahead, at, data, end, bins, base + _X1_DC, 1
            )
        lower, upper = state[CONDITIONING + slot] & 15, state[CONDITIONING + slot] >> 4
        # Small is |difference| > 2^(L−1) and ≤ 2^U (F.1.4.4.1.2); L = 0 leaves 0 alone in the zero group.
        if value > 1 << upper:
            context = _LARGE + 4 * negative
        elif 2 * value > 1 << lower:
            context = _SMALL + 4 * negative
        if negative == 1:
            value = -value
    return code, interval, ahead, at, value, context, good


@inlined
def _magnitude(
    code: int, interval: int, ahead: int, at: int, data: Bytes, end: int, bins: Bytes, place: int, top: int
) -> tuple[int, int, int, int, int, bool]:
    """Decode a magnitude above `top`, a power of 2: its length from bins at `place`, then its bits.

    Magnitude − 1 is what is coded (F.1.4.3): a 1 for each bit of its length beyond `top`'s, a 0, then the bits below
    its first.

    Returns:
        The registers; the magnitude; False for one of more than 15 bits.
    """
    bit = 1
    while bit == 1 and top < _TOO_LONG:
        code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place)
        top <<= bit
        place += bit
    good = top < _TOO_LONG
    value = top
    if good:
        while top > 1:
            top >>= 1
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + _BITS)
            value |= top * bit
    return code, interval, ahead, at, value + 1, good


@inlined
def coefficients(
    code: int,
    interval: int,
    ahead: int,
    at: int,
    data: Bytes,
    end: int,
    bins: Bytes,
    state: Integers,
    slot: int,
    out: Samples,
    here: int,
    first: int,
    last: int,
    low_bit: int,
) -> tuple[int, int, int, int, bool]:
    """Decode the coefficients of a block from zigzag position `first` to `last`, with AC table `slot` (F.2.4.2, G.2).

    Returns:
        The registers; False for damage.
    """
    base = STATISTICS + DC_BINS * CONDITIONING_SLOTS + AC_BINS * slot
    border = state[CONDITIONING + CONDITIONING_SLOTS + slot]
    k = first
    while k <= last:
        code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, base + 3 * (k - 1))
        if bit == 1:
            break
        while True:
            place = base + 3 * (k - 1) + 1
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place)
            if bit == 1:
                break
            k += 1
            if k > last:
                # No end of block, and no coefficient either.
                return code, interval, ahead, at, False
        code, interval, ahead, at, negative = equal_chances(code, interval, ahead, at, data, end, bins)
        value = 1
        code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + 1)
        if bit == 1:
            value = 2
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + 1)
            if bit == 1:
                ladder = base + (_X2_LOW if k <= border else _X2_HIGH)
                code, interval, ahead, at, value, good = _magnitude(
                    code, interval, ahead, at, data, end, bins, ladder, 2
                )
                if not good:
                    return code, interval, ahead, at, False
        out[np.uint64(here + _ZIGZAG[np.uint64(k)])] = np.int16((-value if negative == 1 else value) << low_bit)
        k += 1
    return code, interval, ahead, at, True


@inlined
def refinement(
    code: int,
    interval: int,
    ahead: int,
    at: int,
    data: Bytes,
    end: int,
    bins: Bytes,
    slot: int,
    out: Samples,
    here: int,
    first: int,
    last: int,
    low_bit: int,
) -> tuple[int, int, int, int, bool]:
    """Decode one more bit of a block's band: of the coefficients known, and those that it makes ±1 (G.1.3.3).

    Returns:
        The registers; False for damage.
    """
    base = STATISTICS + DC_BINS * CONDITIONING_SLOTS + AC_BINS * slot
    # Before the last coefficient that is known, a block cannot end.
    known = last
    while known >= first and out[np.uint64(here + _ZIGZAG[np.uint64(known)])] == 0:
        known -= 1
    one = 1 << low_bit
    k, fresh = first, True
    while k <= last:
        place = base + 3 * (k - 1)
        if fresh and k > known:
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place)
            if bit == 1:
                break
        target = np.uint64(here + _ZIGZAG[np.uint64(k)])
        value = np.int64(out[target])
        fresh = True
        if value != 0:
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + 2)
            out[target] = np.int16(value + bit * (one if value > 0 else -one))
        else:
            code, interval, ahead, at, bit = decide(code, interval, ahead, at, data, end, bins, place + 1)
            if bit == 1:
                code, interval, ahead, at, negative = equal_chances(code, interval, ahead, at, data, end, bins)
                out[target] = np.int16(-one if negative == 1 else one)
            fresh = bit == 1
        k += 1
    # A zero that no end of block follows must be followed by a coefficient.
    return code, interval, ahead, at, fresh
