"""Calls of the compiled renderer: images of one layout at a time, shared among threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.colour import BLACK, MIXING, Target
from jpegdomain.compiled.memory import Lender
from jpegdomain.compiled.sharing import shared
from jpegdomain.geometry import Extent

from .kernel import RENDER
from .render_layout import RenderLayout

__all__ = ["TOGETHER", "Arrays", "Channels", "Work", "behind", "render_works"]

Arrays: TypeAlias = tuple[tuple[NDArray[np.int16], ...], tuple[NDArray[np.uint16], ...], NDArray[np.int64]]
"""Coefficients and tables of three components, a single one repeated; (images, 6): where each image's begin in them."""

TOGETHER: Final = 64
"""Images whose coefficients are copied for one call, at most."""
_WORTH_A_THREAD: Final = 1 << 20
"""Number of output numbers below which starting a thread takes longer than it saves."""

# If a batch is so large that its memory is returned to the system each time, this takes as long as all the arithmetic.
_batches: Final = Lender(2, 1 << 26)

# A list's append and pop are atomic, so threads need no lock, and a fork cannot inherit one.
_scratch: list[NDArray[np.float32]] = []


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """How components become channels: scale·(colours + fills) + shift.

    Attributes:
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: float64 (channels,) in 1/levels.
        shift: float64 (channels,).
        last: Whether channels are the last axis in memory.
    """

    target: Target
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    last: bool

    def constants(
        self, layout: RenderLayout, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Fold scale and shift into the colour matrix `rows` and into the fills."""
        channels, count = len(self.scale), rows.shape[1]
        mixing = np.zeros((3, 4))
        mixing[:channels, :count] = self.scale[:, None] * rows
        # From R, G and B to the channels, as for a file that stores R, G and B.
        matrix, black = np.asarray(MIXING[self.target]["rgb"]), np.asarray(BLACK[self.target])
        mixing[:channels, 3] = self.scale * (matrix @ np.broadcast_to(layout.constant, 3) + black) + self.shift
        fills: list[NDArray[Any]] = []
        for levels, column, row in layout.fills:
            scaled = np.zeros(3)
            scaled[:channels] = self.scale * (matrix @ np.broadcast_to(levels, 3))
            fills += [scaled, column, row]
        joined = np.concatenate(fills or [np.zeros(1)])
        return mixing.reshape(-1).astype(np.float32), joined.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Images of one layout.

    Attributes:
        layout: The images' layout.
        mixing: From `Channels.constants`.
        fills: From `Channels.constants`.
        positions: Each image's position in the batch.
        arrays: Their coefficients and tables.
    """

    layout: RenderLayout
    mixing: NDArray[np.float32]
    fills: NDArray[np.float32]
    positions: Sequence[int] | NDArray[np.int64]
    arrays: Arrays


def render_works(
    jobs: Sequence[Callable[[], Work]], count: int, extent: Extent, channels: Channels, threads: int
) -> Tensor:
    """Render all images of a batch.

    Args:
        jobs: Return the works, in the threads that render them. Together these hold every position once.
        count: Number of images.
        extent: The result's extent.
        channels: The result's channels.
        threads: The largest number of threads; each renders different images.

    Returns:
        (n, channels, h, w) float32.
    """
    depth = len(channels.scale)
    flat = _memory(count * depth * extent.height * extent.width)
    shared(partial(_render, flat, count), jobs, threads if flat.size >= _WORTH_A_THREAD else 1)
    if channels.last:
        return torch.from_numpy(flat).view(count, *extent, depth).permute(0, 3, 1, 2)
    return torch.from_numpy(flat).view(count, depth, *extent)


def _memory(size: int) -> NDArray[np.float32]:
    """Uninitialised float32 memory, aligned to a cache line."""
    line = 64
    _, room = _batches.lend(4 * size + line)
    first = -room.ctypes.data % line
    return room[first : first + 4 * size].view(np.float32)


def _render(out: NDArray[np.float32], count: int, job: Callable[[], Work]) -> None:
    work = job()
    coefficients, steps, begins = work.arrays
    layout = work.layout
    try:
        scratch = _scratch.pop()
    except IndexError:
        scratch = np.empty(0, np.float32)
    if scratch.size < layout.scratch:
        scratch = np.empty(layout.scratch, np.float32)
    RENDER(
        coefficients,
        steps,
        begins,
        layout.head,
        layout.components,
        layout.bands,
        layout.starts,
        layout.weights,
        work.mixing,
        work.fills,
        scratch,
        out,
        out.size // count * np.asarray(work.positions, np.int64),
    )
    _scratch.append(scratch)


def behind(sizes: Sequence[int], count: int) -> NDArray[np.int64]:
    """Return where images begin that are stored one after another, from their components' sizes: see `Arrays`."""
    steps = [*sizes, *[sizes[-1]] * (3 - len(sizes)), 64, 64, 64]
    return np.arange(count)[:, None] * np.array(steps)
