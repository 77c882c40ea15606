"""Write the entropy-coded part of a file: sequential scans, and the best Huffman tables for them (T.81 F.1.2)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError

from .code_tables import CodeBook
from .framing import interval_segment, scan_segment
from .kernel.layout import LARGEST_AC, LARGEST_DC_STEP, Planes
from .kernels import TOKENIZE
from .records import Component, JpegImage

__all__ = ["EACH_ROW", "check_range", "interleaved", "mcu_layout", "planes_of", "scans", "table_slots"]

EACH_ROW: Final = -1
"""A restart marker between any two rows of MCUs."""

_LARGEST_MCU: Final = 10
# Colour models whose first and last components are similar: these share Huffman tables, and so do the others.
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
    chosen = table_slots(image)
    scans = interleaved(parts)
    counts = np.zeros(4 * 256, np.int64)
    coded = [_tokens(image, [(parts[index], chosen[index]) for index in scan], counts, restart) for scan in scans]
    book = CodeBook(counts, [0, 1, 16, 17], np.arange(4 * 256) % 16)
    pieces = [book.segment]
    interval = 0
    for scan, (entries, ends, own) in zip(scans, coded, strict=True):
        if own != interval:
            pieces.append(interval_segment(own))
            interval = own
        pieces.append(scan_segment([parts[index] for index in scan], [17 * chosen[index] for index in scan]))
        pieces.append(book.packed(entries, ends))
    return pieces


def table_slots(image: JpegImage) -> list[int]:
    """Choose one of two sets of Huffman tables for each component: similar components share a set."""
    alike = image.color not in _LUMA_AND_CHROMA
    return [0 if alike or index in {0, 3} else 1 for index in range(len(image.components))]


def interleaved(parts: Sequence[Component]) -> list[list[int]]:
    """Return the components of each scan: one scan for all, unless an MCU would have too many blocks (B.2.3)."""
    together = sum(vertical * horizontal for vertical, horizontal in (part.factors for part in parts)) <= _LARGEST_MCU
    return [list(range(len(parts)))] if together else [[index] for index in range(len(parts))]


def mcu_layout(image: JpegImage, parts: Sequence[Component]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return rows and columns of blocks in an MCU for each component of a scan, and rows and columns of MCUs."""
    if len(parts) == 1:
        # A scan of one component has no MCUs of several blocks, whatever its factors (A.2.2).
        return [(1, 1)], parts[0].extent.blocks
    factors = [part.factors for part in parts]
    # The components of the image; not all of them need be in the scan.
    vertical, horizontal = (max(part.factors[axis] for part in image.components) for axis in (0, 1))
    return factors, (-(-image.extent.height // (8 * vertical)), -(-image.extent.width // (8 * horizontal)))


def _tokens(
    image: JpegImage, parts: Sequence[tuple[Component, int]], counts: NDArray[np.int64], restart: int | None
) -> _Coded:
    """Turn a scan's blocks, of parts with their slots of Huffman tables, into entries, and count these in `counts`."""
    factors, grid = mcu_layout(image, [part for part, _ in parts])
    geometry = np.array([(*pair, slot) for pair, (_, slot) in zip(factors, parts, strict=True)], np.int64)
    blocks = grid[0] * grid[1] * int((geometry[:, 0] * geometry[:, 1]).sum())
    entries = np.empty(64 * blocks, np.uint32)
    total = grid[0] * grid[1]
    interval = grid[1] if restart == EACH_ROW else restart or total
    ends = np.empty(-(-total // interval), np.int64)
    planes = planes_of([part for part, _ in parts])
    count = TOKENIZE(planes, geometry, grid, entries, counts, np.zeros(4, np.int64), ends, interval)
    check_range(image, [part for part, _ in parts], count)
    return _Coded(entries[:count], ends, interval if restart else 0)


def planes_of(parts: Sequence[Component]) -> Planes:
    """Return the coefficients of a scan's components, as the four arrays that kernels need."""
    one, two, three, four = [part.coefficients for part in [*parts, *[parts[0]] * (4 - len(parts))]]
    return one, two, three, four


def check_range(image: JpegImage, parts: Sequence[Component], count: int) -> None:
    """Raise `InputError` if a kernel has returned −1 − the number of a component with a value that no file can hold."""
    if count < 0:
        raise InputError(
            f"{image.source}: component {parts[-1 - count].identifier} has a coefficient that no 8-bit JPEG file can "
            f"hold: AC goes up to ±{LARGEST_AC}, and DC changes by at most ±{LARGEST_DC_STEP} between blocks"
        )
