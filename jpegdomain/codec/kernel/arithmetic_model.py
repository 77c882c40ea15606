"""The meaning of arithmetic-coded decisions: differences and coefficients (T.81 F.1.4, G.1.3), each with statistics.

The bins are in `scratch`: those of the DC tables, those of the AC tables, and one that does not adapt.
"""

from typing import Final, TypeAlias

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from . import layout as L
from .arithmetic import FIXED_ESTIMATE, Registers, Stream, decide
from .layout import ZIGZAG_BYTES, Bytes, Samples

__all__ = ["Band", "coefficients", "difference", "equal_chances", "forget", "refinement"]


# Table F.4. The first bins are five groups of four, one for each kind of previous difference: zero, small or large,
# with either sign.
_X1_DC: Final = 20
_SMALL: Final = 4
_LARGE: Final = 12
# Table F.5. The first bins are three for each zigzag position.
_X2_LOW: Final = 189
_X2_HIGH: Final = 217
_BITS: Final = 14  # from a bin for the length of a magnitude to the bin for the bits after its first
_TOO_LONG: Final = 0x8000

Band: TypeAlias = tuple[int, int, int, int]
"""Slot of the AC table; Ss, at least 1, Se, Al."""


@compiled
def forget(bins: Bytes) -> None:
    """Reset all bins, at the beginning of a scan or restart interval (F.1.4.4)."""
    bins[L.STATISTICS : L.FIXED_BIN] = np.uint8(0)
    bins[L.FIXED_BIN] = np.uint8(FIXED_ESTIMATE)


@inlined
def equal_chances(registers: Registers, stream: Stream) -> tuple[Registers, int]:
    """Decode a bit whose values are equally likely."""
    return decide(registers, stream, L.FIXED_BIN)


@inlined
def difference(
    registers: Registers, stream: Stream, slot: int, conditioning: int, context: int
) -> tuple[Registers, int, int, bool]:
    """Decode a DC difference with the conditioning of DC table `slot` (F.2.4.1, figures F.19, F.21 to F.24).

    Returns:
        The registers; the difference; the context, 0, 4, … 16, that it sets for the next one; False for damage.
    """
    base = L.STATISTICS + L.DC_BINS * slot
    place = base + context
    value, context, good = 0, 0, True
    registers, bit = decide(registers, stream, place)
    if bit == 1:
        registers, negative = decide(registers, stream, place + 1)
        value = 1
        registers, bit = decide(registers, stream, place + 2 + negative)
        if bit == 1:
            registers, value, good = _magnitude(registers, stream, base + _X1_DC, 1)
        lower, upper = conditioning & 15, conditioning >> 4
        # Small means 2^(L−1) < |difference| ≤ 2^U (F.1.4.4.1.2); with L = 0, only 0 is in the zero group.
        if value > 1 << upper:
            context = _LARGE + 4 * negative
        elif 2 * value > 1 << lower:
            context = _SMALL + 4 * negative
        if negative == 1:
            value = -value
    return registers, value, context, good


@inlined
def _magnitude(registers: Registers, stream: Stream, place: int, top: int) -> tuple[Registers, int, bool]:
    """Decode a magnitude above `top`, a power of 2: its length from bins at `place`, then its bits.

    The code is for magnitude − 1 (F.1.4.3): a 1 for each bit that it is longer than `top`, a 0, then the bits after its
    first.

    Returns:
        The registers; the magnitude; False if it has more than 15 bits.
    """
    bit = 1
    while bit == 1 and top < _TOO_LONG:
        registers, bit = decide(registers, stream, place)
        top <<= bit
        place += bit
    good = top < _TOO_LONG
    value = top
    if good:
        while top > 1:
            top >>= 1
            registers, bit = decide(registers, stream, place + _BITS)
            value |= top * bit
    return registers, value + 1, good


@inlined
def coefficients(
    registers: Registers, stream: Stream, band: Band, conditioning: int, out: Samples, here: int
) -> tuple[Registers, bool]:
    """Decode the coefficients of a block in a band (F.2.4.2, G.2). Returns the registers, and False for damage."""
    slot, first, last, low_bit = band
    base = L.STATISTICS + L.DC_BINS * L.CONDITIONING_SLOTS + L.AC_BINS * slot
    k = first
    while k <= last:
        registers, bit = decide(registers, stream, base + 3 * (k - 1))
        if bit == 1:
            break
        while True:
            place = base + 3 * (k - 1) + 1
            registers, bit = decide(registers, stream, place)
            if bit == 1:
                break
            k += 1
            if k > last:
                # The band ends without an end of block or a coefficient.
                return registers, False
        registers, negative = equal_chances(registers, stream)
        value = 1
        registers, bit = decide(registers, stream, place + 1)
        if bit == 1:
            value = 2
            registers, bit = decide(registers, stream, place + 1)
            if bit == 1:
                ladder = base + (_X2_LOW if k <= conditioning else _X2_HIGH)
                registers, value, good = _magnitude(registers, stream, ladder, 2)
                if not good:
                    return registers, False
        out[np.uint64(here + ZIGZAG_BYTES[np.uint64(k)])] = np.int16((-value if negative == 1 else value) << low_bit)
        k += 1
    return registers, True


@inlined
def refinement(registers: Registers, stream: Stream, band: Band, out: Samples, here: int) -> tuple[Registers, bool]:
    """Decode one more bit of a block's band (G.1.3.3). Returns the registers, and False for damage."""
    # There is one bit for each coefficient that is non-zero so far, and for those that become ±1.
    slot, first, last, low_bit = band
    base = L.STATISTICS + L.DC_BINS * L.CONDITIONING_SLOTS + L.AC_BINS * slot
    # A block cannot end before its last coefficient that is non-zero so far.
    known = last
    while known >= first and out[np.uint64(here + ZIGZAG_BYTES[np.uint64(known)])] == 0:
        known -= 1
    one = 1 << low_bit
    k, fresh = first, True
    while k <= last:
        place = base + 3 * (k - 1)
        if fresh and k > known:
            registers, bit = decide(registers, stream, place)
            if bit == 1:
                break
        target = np.uint64(here + ZIGZAG_BYTES[np.uint64(k)])
        value = np.int64(out[target])
        fresh = True
        if value != 0:
            registers, bit = decide(registers, stream, place + 2)
            out[target] = np.int16(value + bit * (one if value > 0 else -one))
        else:
            registers, bit = decide(registers, stream, place + 1)
            if bit == 1:
                registers, negative = equal_chances(registers, stream)
                out[target] = np.int16(-one if negative == 1 else one)
            fresh = bit == 1
        k += 1
    # After a zero, without an end of block, a coefficient must follow.
    return registers, fresh
