"""The best Huffman code for given counts of symbols, no code longer than 16 bits (T.81 Annex K.2)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled import compiled_entry

from .entries import CODE_SIZES

__all__ = ["canonical_codes", "optimal_table"]

_LONGEST: Final = 16


def optimal_table(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make the table that codes symbols of these frequencies in the fewest bits.

    The code lengths are those of Huffman's tree with one more symbol, of frequency 1, whose code is then
    taken out, so that no code is all ones; lengths above 16 are shortened (T.81 figures K.1 to K.4, ties
    included).

    Args:
        counts: int64 (256,): frequencies by symbol; a symbol of frequency 0 gets no code.

    Returns:
        BITS and HUFFVAL as a DHT segment has them: 16 numbers of codes by length 1…16, and the symbols in
        order of increasing code length.
    """
    sizes = np.zeros(257, np.int64)
    # The symbol after the last is the reserved one.
    compiled_entry(CODE_SIZES)(np.append(counts, 1), sizes, np.full(257, -1, np.int64))
    numbers = np.bincount(sizes, minlength=_LONGEST + 1)
    numbers[0] = 0
    _shorten(numbers)
    # The reserved symbol has one of the longest codes.
    numbers[np.flatnonzero(numbers)[-1:]] -= 1
    # A stable sort keeps the symbols of one length in their own order (figure K.4).
    order = np.argsort(sizes[:256], kind="stable")
    return numbers[1 : _LONGEST + 1], order[sizes[order] > 0]


def canonical_codes(numbers: NDArray[np.int64], symbols: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Give the symbols of a table their codes (T.81 figures C.1 and C.2).

    Args:
        numbers: Of codes by length 1…16.
        symbols: In order of increasing code length.

    Returns:
        (256,) codes and (256,) lengths in bits by symbol; 0 for a symbol without a code.
    """
    codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    lengths[symbols] = np.repeat(np.arange(1, _LONGEST + 1), numbers)
    code, at = 0, 0
    for number in numbers.tolist():
        code *= 2
        codes[symbols[at : at + number]] = np.arange(code, code + number)
        code, at = code + number, at + number
    return codes, lengths


def _shorten(numbers: NDArray[np.int64]) -> None:
    """Bring code lengths above 16 down to 16 (figure K.3).

    Args:
        numbers: Of codes by length, from 0 bits on; changed in place.
    """
    for length in range(len(numbers) - 1, _LONGEST, -1):
        while numbers[length]:
            # Two siblings of the longest codes: one takes the place of their parent, the other comes below
            # the deepest code that is two bits shorter or more, whose symbol moves down a level with it.
            shorter = length - 2
            while not numbers[shorter]:
                shorter -= 1
            numbers[length] -= 2
            numbers[length - 1] += 1
            numbers[shorter + 1] += 2
            numbers[shorter] -= 1
