"""Write the entropy-coded part of a file: scans, and the best Huffman tables for them (T.81 F.1.2, K.2)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError

from .framing import huffman_segment, interval_segment, scan_segment
from .kernel.layout import LARGEST_AC, LARGEST_DC_STEP
from .kernels import CODE_SIZES, PACK, TOKENIZE
from .records import Component, JpegImage

__all__ = ["EACH_ROW", "scans"]

EACH_ROW: Final = -1
"""A restart marker between any two rows of MCUs."""

_LARGEST_MCU: Final = 10
_LONGEST: Final = 16
# Those whose first and last component look alike, so that these share Huffman tables and the others do.
_LUMA_AND_CHROMA: Final = {"ycbcr", "ycck"}


class _Coded(NamedTuple):
    """A scan's entries, where in them each restart interval ends, and how many MCUs it has; 0 for no restarts."""

    entries: NDArray[np.uint32]
    ends: NDArray[np.int64]
    interval: int


def scans(image: JpegImage, restart: int | None = None) -> list[bytes]:
    """Code the scans of a valid record: Huffman tables, then scan headers and entropy-coded data in turn.

    Args:
        image: The record.
        restart: MCUs between restart markers, `EACH_ROW` for one row of MCUs; None for no markers.

    Returns:
        Marker segments and entropy-coded data, in the file's order.
    """
    parts = image.components
    alike = image.color not in _LUMA_AND_CHROMA
    chosen = [0 if alike or index in {0, 3} else 1 for index in range(len(parts))]
    together = sum(vertical * horizontal for vertical, horizontal in (part.factors for part in parts)) <= _LARGEST_MCU
    scans = [list(range(len(parts)))] if together else [[index] for index in range(len(parts))]

    counts = np.zeros(4 * 256, np.int64)
    coded = [_tokens(image, [(parts[index], chosen[index]) for index in scan], counts, restart) for scan in scans]
    codes, lengths = np.zeros(4 * 256, np.uint64), np.zeros(4 * 256, np.int64)
    written = []
    for table, part in enumerate(counts.reshape(4, 256)):
        if part.any():
            numbers, symbols = _optimal_table(part)
            here = slice(256 * table, 256 * table + 256)
            codes[here], lengths[here] = _canonical_codes(numbers, symbols)
            kind, slot = divmod(table, 2)
            written.append((16 * kind + slot, numbers, symbols))
    pieces = [huffman_segment(written)]
    # Twice the bits if every byte were FF.
    room = int((counts * (lengths + np.arange(4 * 256) % 16)).sum()) // 4
    out = np.empty(room + 16 * max(len(scan.ends) for scan in coded), np.uint8)
    interval = 0
    for scan, (entries, ends, own) in zip(scans, coded, strict=True):
        if own != interval:
            pieces.append(interval_segment(own))
            interval = own
        pieces.append(scan_segment([parts[index] for index in scan], [chosen[index] for index in scan]))
        written_bytes = PACK(entries, ends, codes, lengths, out)
        pieces.append(out[:written_bytes].tobytes())
    return pieces


def _tokens(
    image: JpegImage, parts: Sequence[tuple[Component, int]], counts: NDArray[np.int64], restart: int | None
) -> _Coded:
    """Turn a scan's blocks, of parts with their slots of Huffman tables, into entries, and count these in `counts`."""
    if len(parts) == 1:
        # A scan of one component has no MCUs of several blocks, whatever its factors (A.2.2).
        factors, grid = [(1, 1)], parts[0][0].extent.blocks
    else:
        factors = [part.factors for part, _ in parts]
        vertical, horizontal = (max(pair[axis] for pair in factors) for axis in (0, 1))
        grid = (-(-image.extent.height // (8 * vertical)), -(-image.extent.width // (8 * horizontal)))
    geometry = np.array([(*pair, slot) for pair, (_, slot) in zip(factors, parts, strict=True)], np.int64)
    blocks = grid[0] * grid[1] * int((geometry[:, 0] * geometry[:, 1]).sum())
    entries = np.empty(64 * blocks, np.uint32)
    one, two, three, four = [part.coefficients for part, _ in [*parts, *[parts[0]] * (4 - len(parts))]]
    total = grid[0] * grid[1]
    interval = grid[1] if restart == EACH_ROW else restart or total
    ends = np.empty(-(-total // interval), np.int64)
    planes = (one, two, three, four)
    count = TOKENIZE(planes, geometry, grid, entries, counts, np.zeros(4, np.int64), ends, interval)
    if count < 0:
        raise InputError(
            f"{image.source}: component {parts[-1 - count][0].identifier} has a coefficient that no 8-bit JPEG file "
            f"can hold: AC goes up to ±{LARGEST_AC}, and DC changes by at most ±{LARGEST_DC_STEP} between blocks"
        )
    return _Coded(entries[:count], ends, interval if restart else 0)


def _optimal_table(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make the table, BITS and HUFFVAL, that codes symbols of these frequencies in the fewest bits (K.1 to K.4)."""
    # The code lengths are those of Huffman's tree with one more symbol, of frequency 1, whose code is then taken out,
    # so that no code is all ones; lengths above 16 are shortened. A symbol of frequency 0 gets no code.
    sizes = np.zeros(257, np.int64)
    # The symbol after the last is the reserved one.
    CODE_SIZES(np.append(counts, 1), sizes, np.full(257, -1, np.int64))
    numbers = np.bincount(sizes, minlength=_LONGEST + 1)
    numbers[0] = 0
    _shorten(numbers)
    # The reserved symbol has one of the longest codes.
    numbers[np.flatnonzero(numbers)[-1:]] -= 1
    # A stable sort keeps the symbols of one length in their own order (figure K.4).
    order = np.argsort(sizes[:256], kind="stable")
    return numbers[1 : _LONGEST + 1], order[sizes[order] > 0]


def _canonical_codes(numbers: NDArray[np.int64], symbols: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return (256,) codes and lengths in bits by symbol, 0 for one without a code, from BITS and HUFFVAL (C.1, C.2)."""
    codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
    lengths[symbols] = np.repeat(np.arange(1, _LONGEST + 1), numbers)
    code, at = 0, 0
    for number in numbers.tolist():
        code *= 2
        codes[symbols[at : at + number]] = np.arange(code, code + number)
        code, at = code + number, at + number
    return codes, lengths


def _shorten(numbers: NDArray[np.int64]) -> None:
    """Bring code lengths above 16 down to 16 (figure K.3): numbers of codes by length, from 0 on, changed in place."""
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
