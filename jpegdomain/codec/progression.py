"""Write the entropy-coded part of a progressive file: a script of scans, each with its own Huffman tables."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .code_tables import CodeBook
from .coding import EACH_ROW, check_range, interleaved, mcu_layout, planes_of, table_slots
from .framing import interval_segment, scan_segment
from .kernel.layout import RAW
from .kernels import TOKENIZE_BAND, TOKENIZE_DC
from .records import JpegImage

__all__ = ["Scan", "progressive_scans", "script"]


class Scan(NamedTuple):
    """One scan (T.81 G.1.1.1): its components, spectral band Ss…Se, and bits from Ah − 1, or the highest for 0, to Al.

    Attributes:
        components: Numbers of its components; only one if it has AC coefficients.
        first: Ss.
        last: Se.
        high: Ah.
        low: Al.
    """

    components: tuple[int, ...]
    first: int
    last: int
    high: int
    low: int

    @property
    def band(self) -> tuple[int, int, int, int]:
        """Ss, Se, Ah, Al."""
        return self.first, self.last, self.high, self.low


def script(image: JpegImage) -> list[Scan]:
    """Choose the scans, as libjpeg does.

    In YCbCr files luma comes first and in more steps; in others all components are treated alike: first a rough image,
    then its missing frequencies, then one more bit at a time. DC coefficients of all components are interleaved if that
    is allowed.

    Returns:
        The scans, in order.
    """
    groups = [tuple(group) for group in interleaved(image.components)]
    dc, dc_refined = ([Scan(group, 0, 0, high, low) for group in groups] for high, low in ((0, 1), (1, 0)))
    if image.color == "ycbcr":
        return [
            *dc,
            Scan((0,), 1, 5, 0, 2),
            Scan((2,), 1, 63, 0, 1),
            Scan((1,), 1, 63, 0, 1),
            Scan((0,), 6, 63, 0, 2),
            Scan((0,), 1, 63, 2, 1),
            *dc_refined,
            Scan((2,), 1, 63, 1, 0),
            Scan((1,), 1, 63, 1, 0),
            Scan((0,), 1, 63, 1, 0),
        ]
    numbers = range(len(image.components))
    begun, rest, refined, done = (
        [Scan((number,), *band) for number in numbers]
        for band in ((1, 5, 0, 2), (6, 63, 0, 2), (1, 63, 2, 1), (1, 63, 1, 0))
    )
    return [*dc, *begun, *rest, *refined, *dc_refined, *done]


def progressive_scans(image: JpegImage, restart: int | None = None) -> list[bytes]:
    """Code the scans of a valid record.

    Args:
        image: The record.
        restart: As for `coding.scans`; an MCU of a scan of one component is a block.

    Returns:
        Marker segments and entropy-coded data, in the file's order.
    """
    slots, interval = table_slots(image), 0
    pieces: list[bytes] = []
    for scan in script(image):
        parts = [image.components[number] for number in scan.components]
        factors, (rows, columns) = mcu_layout(image, parts)
        own = columns if restart == EACH_ROW else restart or 0
        if own != interval:
            pieces.append(interval_segment(own))
            interval = own
        every = own or rows * columns
        ends = np.empty(-(-rows * columns // every), np.int64)
        chosen = [slots[number] for number in scan.components]
        if scan.first == 0:
            geometry = np.array([(*pair, slot) for pair, slot in zip(factors, chosen, strict=True)], np.int64)
            entries = np.empty(rows * columns * int((geometry[:, 0] * geometry[:, 1]).sum()), np.uint32)
            work, refine = np.empty(8, np.int64), scan.high > 0
            count = TOKENIZE_DC(
                planes_of(parts), geometry, (rows, columns), entries, work, ends, every, scan.low, refine
            )
            sizes, tables = _DC_SIZES, [0 if refine else 16 * slot for slot in chosen]
        else:
            entries = np.empty(_ENTRIES * rows * columns, np.uint32)
            count = TOKENIZE_BAND(parts[0].coefficients, entries, ends, every, scan.band, chosen[0])
            sizes, tables = _AC_SIZES, chosen
        check_range(image, parts, count)
        entries = entries[:count]
        counts = np.bincount(entries >> 16, minlength=len(sizes))
        book = CodeBook(counts, [0, 1] if scan.first == 0 else [16, 17], sizes)
        pieces += [book.segment, scan_segment(parts, tables, scan.band), book.packed(entries, ends)]
    return pieces


def _sizes(*, ac: bool) -> NDArray[np.int64]:
    """(1024,): the number of bits that follow each symbol of two Huffman tables, and those without a symbol."""
    symbols = np.arange(256)
    # For AC, EOBn is n·16 and followed by n bits; 240 is a run of zeros.
    ended = ac & (symbols % 16 == 0) & (symbols != 0xF0)
    own = np.where(ended, symbols // 16, symbols % 16)
    sizes = np.zeros(4 * 256, np.int64)
    sizes[: 256 * RAW] = np.tile(own, RAW)
    sizes[256 * RAW :][: len(symbols)] = np.minimum(symbols, 16)
    return sizes


_DC_SIZES: Final = _sizes(ac=False)
_AC_SIZES: Final = _sizes(ac=True)
_ENTRIES: Final = 128
"""Largest number of entries per block: a symbol for each coefficient, and the bits after it."""
