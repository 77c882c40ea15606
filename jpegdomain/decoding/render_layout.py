"""The arguments of the compiled renderer for images of one geometry, computed once for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess.banded_matrix import BandedMatrix
from jpegdomain.preprocess.component_axis import from_frequencies
from jpegdomain.preprocess.component_map import ComponentMap
from jpegdomain.preprocess.separable_map import Fill

from .kernel.records import COMPONENT, HEAD, PREFIX

__all__ = ["Grid", "RenderLayout", "render_layout"]

Grid: TypeAlias = tuple[int, int, int]
"""A component in memory: rows and columns of blocks, and m of the m×m coefficients of each."""

_CACHE: Final = 1 << 17
"""How many numbers of a band should fit into a core's own cache: half a megabyte."""
_PAIR: Final = 16
_EVEN: Final = 1e-12

_Need: TypeAlias = tuple[NDArray[np.int32], int, int]
"""A component's vertical starts and taps, and the rows of a group."""


@dataclass(frozen=True, slots=True, eq=False)
class RenderLayout:
    """Arguments of the compiled function that depend on geometry alone.

    Attributes:
        parts: Number of components that are used, 1 or 3.
        head: One record, `kernel.records.HEAD`.
        components: Three records, `kernel.records.COMPONENT`.
        bands: int64 (bands, 8), see `kernel.images.render`.
        starts: int32, the starts of all matrices, concatenated.
        weights: float32, the weights of all matrices, concatenated.
        constant: What the level shift adds to every pixel, one level or R, G and B; 0 if it is not the same for all
            pixels, and is among the fills.
        fills: For each outer product that is added, its levels, its column and its row.
        scratch: Size of the working memory, in numbers.
    """

    parts: int
    head: NDArray[np.void]
    components: NDArray[np.void]
    bands: NDArray[np.int64]
    starts: NDArray[np.int32]
    weights: NDArray[np.float32]
    constant: tuple[float, ...]
    fills: tuple[tuple[tuple[float, ...], NDArray[np.float32], NDArray[np.float32]], ...]
    scratch: int


class _Pool:
    """The numbers of all matrices, concatenated."""

    def __init__(self) -> None:
        self.starts: list[NDArray[np.int32]] = []
        self.weights: list[NDArray[np.float64]] = []
        self._starts = self._weights = 0

    def add(self, line: BandedMatrix, shift: int, size: int) -> tuple[int, int]:
        """Add a matrix, its starts shifted, with zero rows up to `size`; return where its starts and weights begin."""
        place = self._starts, self._weights
        missing = size - line.out
        self.starts.append(line.starts + np.int32(shift))
        self.weights.append(line.weights.reshape(-1))
        if missing:
            self.starts.append(np.repeat(self.starts[-1][-1:], missing))
            self.weights.append(np.zeros(missing * line.taps))
        self._starts += size
        self._weights += size * line.taps
        return place


def render_layout(
    parts: Sequence[ComponentMap],
    grids: Sequence[Grid],
    extent: Extent,
    constants: Sequence[Fill],
    used: int,
    channels: int,
    channels_last: bool,
) -> RenderLayout:
    """Compute the renderer's arguments for images of one geometry.

    Args:
        parts: The maps of the one or three components.
        grids: Their layouts in memory, turned upright.
        extent: Extent of the output.
        constants: The constant terms of the image's map, the level shift first.
        used: m: only the m×m lowest frequencies of each block are used.
        channels: 1 or 3.
        channels_last: Whether channels are the last axis of the output in memory.

    Returns:
        The layout.
    """
    stride = -(-extent.width // _PAIR) * _PAIR
    components = np.zeros(3, COMPONENT)
    # Unused components are skipped, but their divisor must be non-zero.
    components["used"] = BLOCK
    pool = _Pool()
    needs: list[_Need] = []
    columns = 0
    known: dict[tuple[ComponentMap, Grid], int] = {}
    for number, (one, grid) in enumerate(zip(parts, grids, strict=True)):
        if (one, grid) in known:
            # Usually the other chroma component: the same maps.
            same = known[one, grid]
            components[number] = components[same]
            needs.append(needs[same])
            continue
        known[one, grid] = number
        (top, _), (left, right) = one.blocks
        down, across = one.rows, one.columns
        if used < BLOCK:
            down, across = from_frequencies(down, used), from_frequencies(across, used)
        across_at, down_at = pool.add(across, 0, stride), pool.add(down, used * top, extent.height)
        use = used, used == BLOCK, left, right
        components[number] = (*grid, *use, across.taps, *across_at, down.taps, *down_at)
        # A block's columns are written as eight, however many it has.
        columns = max(columns, BLOCK * (used * (right - left) + BLOCK))
        needs.append((pool.starts[-1], down.taps, BLOCK // used * used))
    bands, rows = _bands(needs, extent.height, stride)
    constant, fills = _fills(constants, extent.width, stride)
    head = np.zeros(1, HEAD)
    last, rows_at = int(channels_last), PREFIX + columns
    head[0] = (len(parts), channels, *extent, stride, last, PREFIX, rows_at, len(fills))
    return RenderLayout(
        len(parts),
        head,
        components,
        bands,
        np.concatenate(pool.starts),
        np.concatenate(pool.weights).astype(np.float32),
        constant,
        fills,
        # The last group of rows of each part writes eight, however many it has.
        PREFIX + columns + (rows + 3 * BLOCK) * stride,
    )


def _bands(needs: Sequence[_Need], height: int, stride: int) -> tuple[NDArray[np.int64], int]:
    """Divide the output into bands whose rows fit into the cache: the bands, and the most rows that one needs."""
    bands, rows = _cut(needs, height, height)
    while rows * stride > _CACHE and len(bands) < height:
        size = -(-height // len(bands))
        # Aim for what would fit if rows were needed evenly, but for no less than half.
        smaller = max(size // 2, min(size - 1, size * _CACHE // (rows * stride)))
        following, fewer = _cut(needs, height, max(1, smaller))
        if fewer > 0.9 * rows:
            # The rows of any band come from all over the image.
            break
        bands, rows = following, fewer
    return bands, rows


def _cut(needs: Sequence[_Need], height: int, size: int) -> tuple[NDArray[np.int64], int]:
    edges = np.arange(0, height, size)
    bands = np.zeros((len(edges), 8), np.int64)
    bands[:, 0], bands[:, 1] = edges, np.minimum(edges + size, height)
    rows = np.zeros(len(edges), np.int64)
    for number, (starts, taps, lanes) in enumerate(needs):
        first = np.minimum.reduceat(starts, edges) // lanes
        end = -(-(np.maximum.reduceat(starts, edges) + taps) // lanes)
        bands[:, 2 + 2 * number], bands[:, 3 + 2 * number] = first, end
        rows += (end - first) * lanes
    return bands, int(rows.max())


def _fills(
    constants: Sequence[Fill], width: int, stride: int
) -> tuple[tuple[float, ...], tuple[tuple[tuple[float, ...], NDArray[np.float32], NDArray[np.float32]], ...]]:
    shift, *others = constants
    even = all(np.abs(line - 1).max() < _EVEN for line in (shift.rows, shift.columns))
    left = others if even else [shift, *others]
    missing = np.zeros(stride - width)
    fills = tuple(
        (fill.levels, fill.rows.astype(np.float32), np.concatenate([fill.columns, missing]).astype(np.float32))
        for fill in left
    )
    return (shift.levels if even else (0.0,)), fills
