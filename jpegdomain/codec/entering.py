"""A scan that can be entered at several places: the runs of MCUs that a window needs, and their decoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from jpegdomain.compiled.sharing import shared

from .building import FrameLayout
from .decoding import Settings
from .kernel import layout as L
from .kernel.layout import Bytes, Integers, Samples, Steps
from .kernels import RUNS, SEQUENTIAL
from .regions import Span
from .workspace import Workspace, acquire, release

__all__ = ["Job", "Scan", "ScanGrid", "decode_runs", "grid_of", "memory_for", "runs_of", "walk_to_scan"]
__all__ += ["jobs_of"]

_JOBS_A_THREAD: Final = 4
_NO_ROOM: Final = np.empty(0, np.int16)


class ScanGrid(NamedTuple):
    """The MCUs of a scan, or its blocks if it has one component: rows and columns of all, and those in a window."""

    rows: int
    columns: int
    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan that is to be read.

    Attributes:
        head: The bytes that the positions in `state` refer to, a file up to the scan's header.
        state: int64 (STATE,): the kernel's state after the scan's header.
        grid: The scan's MCUs.
        entries: int64 (·, ENTRY): entry points.
        every: MCUs from one entry point to the next; 0 if they have no hashes.
    """

    head: Bytes
    state: Integers
    grid: ScanGrid
    entries: Integers
    every: int


class Job(NamedTuple):
    """Runs of a scan for one thread: int64 (·, RUN), and the data that holds them."""

    scan: Scan
    data: Bytes
    runs: Integers


def walk_to_scan(data: Bytes, mode: int, quant: Steps, workspace: Workspace) -> Integers:
    """Walk to the data of a file's first scan. Returns the state: the outcome is `NEEDS_ROOM` if there is one."""
    workspace.bounds[1] = len(data)
    arrays = (*workspace.kernel, workspace.masks, workspace.lost)
    states, reports = workspace.states, workspace.reports
    SEQUENTIAL(data, workspace.bounds, _NO_ROOM, states, reports, quant, arrays, (8, mode, 1))
    return workspace.states[0].copy()


def grid_of(state: Integers, span: Span) -> ScanGrid:
    """Return the MCUs of the state's current scan, and which of them are in the span."""
    if state[L.PARTS] == 1:
        of = L.COMPONENT + L.FIELDS * int(state[L.PART])
        rows, columns, down, across = (int(state[of + field]) for field in (L.ROWS, L.COLUMNS, L.V, L.H))
    else:
        rows, columns = (
            -(-int(state[side]) // (8 * int(state[factor])))
            for side, factor in ((L.HEIGHT, L.VERTICAL), (L.WIDTH, L.HORIZONTAL))
        )
        down = across = 1
    bottom, right = min(span.bottom * down, rows), min(span.right * across, columns)
    return ScanGrid(rows, columns, span.top * down, bottom, span.left * across, right)


def runs_of(grid: ScanGrid, places: Integers, pieces: int) -> Integers:
    """Return int64 (·, RUN): the runs that hold the window's MCUs and begin at entry points.

    Args:
        grid: The scan's MCUs.
        places: int64: the number of MCUs before each entry point, from 0 on; the last may be the number of all MCUs.
        pieces: How many parts to cut runs into, if there are few.
    """
    rows = grid.columns * np.arange(grid.top, grid.bottom)
    first = np.searchsorted(places, rows + grid.left, "right") - 1
    last = np.searchsorted(places, rows + grid.right, "left")
    # A row that begins before the end of the previous row's run continues that run.
    apart = first[1:] > last[:-1]
    first, last = first[np.append(True, apart)], last[np.append(apart, True)]
    if len(first) < pieces:
        parts = [_parts(a, b, min(pieces, b - a)) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
        first, last = np.concatenate(parts, axis=1)
    runs = np.zeros((len(first), L.RUN), np.int64)
    known = last < len(places)
    runs[:, L.RUN_FROM] = first
    runs[:, L.RUN_TO] = np.where(known, last, -1)
    runs[:, L.RUN_FIRST] = places[first]
    # If no later entry point is known, a run ends with the window.
    runs[:, L.RUN_END] = np.where(known, places[np.minimum(last, len(places) - 1)], rows[-1] + grid.right)
    return runs


def _parts(first: int, last: int, count: int) -> Integers:
    bounds = np.linspace(first, last, count + 1).round().astype(np.int64)
    return np.stack([bounds[:-1], bounds[1:]])


def jobs_of(scan: Scan, data: Bytes, runs: Integers, threads: int) -> list[Job]:
    """Share runs among threads, several jobs for each thread, since threads may differ in speed."""
    count = min(len(runs), _JOBS_A_THREAD * threads if threads > 1 else 1)
    return [Job(scan, data, part) for part in np.array_split(runs, count)]


def memory_for(layout: FrameLayout, jobs: Sequence[Job]) -> Samples:
    """Return uninitialised int16 memory for the coefficients of a layout, with a margin for each job."""
    return np.empty(layout.cuts[-1][0].stop + L.MARGIN * len(jobs), np.int16)


def decode_runs(jobs: Sequence[Job], layout: FrameLayout, out: Samples, settings: Settings, threads: int) -> bool:
    """Decode jobs to the places of their blocks in the layout. Returns whether everything was as expected."""
    room = layout.cuts[-1][0].stop
    spares = range(room, len(out), L.MARGIN)
    pairs = list(zip(jobs, spares, strict=True))
    return not any(shared(lambda pair: _decode(*pair, layout, out, settings.keep), pairs, threads))


def _decode(job: Job, spare: int, layout: FrameLayout, out: Samples, keep: int) -> int:
    scan, grid = job.scan, job.scan.grid
    window = np.zeros(L.WINDOW, np.int64)
    window[: L.GRID] = (grid.columns, grid.rows * grid.columns, *grid[2:])
    for i, (place, (rows, columns, _)) in enumerate(layout.cuts):
        window[L.GRID + 3 * i : L.GRID + 3 * i + 3] = (rows, columns, place.start)
    workspace = acquire()
    try:
        workspace.states[0] = scan.state
        arrays = (*workspace.kernel, workspace.masks, workspace.lost)
        options = (keep, spare, scan.every)
        fault: int = RUNS(
            scan.head, job.data, out, workspace.states, arrays, scan.entries, job.runs, window, options
        )  # fmt: skip
        return fault
    finally:
        release(workspace)
