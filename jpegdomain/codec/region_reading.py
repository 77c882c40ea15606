"""From bytes to the record of a region, or of the whole by several threads: what an index or restart markers allow."""

import zlib
from dataclasses import replace

import numpy as np

from jpegdomain.errors import JpegIndexError, JpegTooLargeError

from .building import FrameLayout, build, layout_of, metadata_at, warnings_of
from .decoding import Settings, decode
from .entering import Job, Scan, decode_runs, grid_of, jobs_of, memory_for, runs_of, walk_to_scan
from .index import JpegIndex, ScanIndex
from .kernel import layout as L
from .kernel.layout import Bytes, Integers, Samples, Steps
from .kernels import INTERVALS
from .messages import RAISE_LIMIT, message
from .pieces import Pieces
from .records import JpegImage
from .regions import Region, Span, cut, span_of
from .workspace import acquire, release

__all__ = ["read_by_index", "read_region", "state_behind_header"]


def state_behind_header(data: bytes, mode: int, quant: Steps) -> Integers:
    """Walk to the data of a file's first scan, in memory that is given back. Returns the state."""
    workspace = acquire()
    try:
        return walk_to_scan(_array(data), mode, quant, workspace)
    finally:
        release(workspace)


def read_region(data: bytes, name: str, region: Region | None, settings: Settings, threads: int) -> JpegImage:
    """Read a region, or the whole for None, of a file without an index.

    Where that is not possible, or anything is wrong, the whole is read and the region cut out of it.

    Returns:
        The record.
    """
    # What is not allowed anywhere, and what is left of a damaged file, only the whole of it shows.
    partly = settings.on_error == "raise" and not settings.strict
    image = _read_only_scan(data, name, region, settings, threads) if partly else None
    if image is None:
        image = decode(data, name, settings)
        return image if region is None else cut(image, region)
    return image


def _read_only_scan(
    data: bytes, name: str, region: Region | None, settings: Settings, threads: int
) -> JpegImage | None:
    """Read a file whose first scan holds everything; None if it has another, or a fault."""
    quant = np.ones((1, 4, 64), np.uint16)
    state = state_behind_header(data, L.LENIENT, quant)
    if state[L.OUTCOME] != L.NEEDS_ROOM or state[L.PARTS] != state[L.COUNT]:
        return None
    every = int(state[L.INTERVAL])
    if region is None and not every:
        # There is but one place to begin.
        return None
    report = state.tolist()
    span, layout = _lay_out(data, report, name, region, settings)
    grid = grid_of(state, span)
    # Only as many intervals as come before the window's end.
    last = (grid.bottom - 1) * grid.columns + grid.right - 1
    entries = np.zeros((last // every + 1 if every else 1, L.ENTRY), np.int64)
    entries[0, L.ENTRY_AT] = state[L.AT]
    if every and INTERVALS(_array(data), state[None], entries) < len(entries):
        return None
    scan = Scan(_array(data), state, grid, entries, 0)
    jobs = jobs_of(scan, _array(data), runs_of(grid, every * np.arange(len(entries)), 4 * threads), threads)
    out = memory_for(layout, jobs)
    if not decode_runs(jobs, layout, out, settings, threads):
        return None
    return _record(data, name, report, span, layout, out, quant, region, warnings_of(state))


def read_by_index(
    pieces: Pieces, index: JpegIndex, region: Region | None, settings: Settings, threads: int
) -> JpegImage:
    """Read a region, or the whole for None, of the file that has been indexed.

    Returns:
        The record.

    Raises:
        JpegIndexError: If the file is not the one that was indexed, or has changed in what is read.
    """
    heads = _heads(pieces, index)
    quant = np.ones((1, 4, 64), np.uint16)
    first: Integers | None = None
    jobs: list[Job] = []
    seen: set[int] = set()
    for head, scan in zip(heads, index.scans, strict=True):
        # The scan's data is not in the head: nobody is to look whether it suffices.
        state = state_behind_header(head, L.KEEP, quant)
        if state[L.OUTCOME] != L.NEEDS_ROOM:
            raise JpegIndexError(_mismatch(pieces.name))
        if first is None:
            first, report = state, state.tolist()
            span, layout = _lay_out(head, report, pieces.name, region, settings)
        seen.update(state[L.PART : L.PART + int(state[L.PARTS])].tolist())
        jobs += _jobs(pieces, index, scan, head, state, span, threads)
    if first is None or len(seen) < report[L.COUNT]:
        raise JpegIndexError(_mismatch(pieces.name))
    out = memory_for(layout, jobs)
    if not decode_runs(jobs, layout, out, settings, threads):
        raise JpegIndexError(_mismatch(pieces.name))
    return _record(heads[0], pieces.name, report, span, layout, out, quant, region, warnings_of(first))


def _heads(pieces: Pieces, index: JpegIndex) -> list[bytes]:
    """Return for each scan what it needs of the file: all before its data but other scans' headers and data."""
    before, heads, checksum, at = b"", [], 0, 0
    if pieces.size != index.size or not index.scans or index.every < 1:
        raise JpegIndexError(_mismatch(pieces.name))
    for scan in index.scans:
        if not at <= scan.header <= scan.start <= scan.stop <= index.size:
            raise JpegIndexError(_mismatch(pieces.name))
        piece = pieces.read(at, scan.start)
        checksum = zlib.crc32(piece, checksum)
        heads.append(before + piece)
        before += piece[: scan.header - at]
        at = scan.stop
    if checksum != index.headers:
        raise JpegIndexError(_mismatch(pieces.name))
    return heads


def _jobs(
    pieces: Pieces, index: JpegIndex, given: ScanIndex, head: bytes, state: Integers, span: Span, threads: int
) -> list[Job]:
    grid = grid_of(state, span)
    total, entries = grid.rows * grid.columns, given.entries
    if -(-total // index.every) != len(entries) - 1 or given.parts != state[L.PARTS]:
        raise JpegIndexError(_mismatch(pieces.name))
    scan = Scan(_array(head), state, grid, entries, index.every)
    runs = runs_of(grid, np.minimum(index.every * np.arange(len(entries)), total), 4 * threads)
    starts = entries[runs[:, L.RUN_FROM], L.ENTRY_AT]
    # The last byte may be an FF, with a 00 behind it.
    stops = np.minimum(entries[runs[:, L.RUN_TO], L.ENTRY_AT] + 2, given.stop)
    if starts.min() < given.start or (stops < starts).any():
        raise JpegIndexError(_mismatch(pieces.name))
    data, runs[:, L.RUN_SHIFT] = pieces.gather(starts, stops)
    return jobs_of(scan, data, runs, threads)


def _lay_out(
    data: bytes, report: list[int], name: str, region: Region | None, settings: Settings
) -> tuple[Span, FrameLayout]:
    """Return what is to be read, and where its coefficients go."""
    whole = layout_of(report, settings.keep)
    span = span_of(region, whole.extent, [factors for _, factors, _ in whole.parts], name)
    if settings.max_pixels is not None and span.extent.height * span.extent.width > settings.max_pixels:
        frame = report[L.FRAME]
        reason = f"{span.extent} pixels are more than max_pixels, {settings.max_pixels}"
        raise JpegTooLargeError(message(name, reason, frame, data[frame + 1], RAISE_LIMIT))
    return span, layout_of(report, settings.keep, span.extent)


def _record(
    head: bytes,
    name: str,
    report: list[int],
    span: Span,
    layout: FrameLayout,
    out: Samples,
    quant: Steps,
    region: Region | None,
    warnings: tuple[str, ...],
) -> JpegImage:
    out.setflags(write=False)
    quant.setflags(write=False)
    arrays = tuple([out[place].reshape(shape) for place, shape in layout.cuts])
    image = build(layout, metadata_at(head, report), name, report, arrays, quant[0])
    if region is not None:
        whole = layout_of(report, 8).extent
        return replace(image, offset=span.offset, whole=whole, warnings=warnings)
    return replace(image, warnings=warnings) if warnings else image


def _mismatch(name: str) -> str:
    return f"{name} is not the file that was indexed, or has changed: make the index again with index_jpeg"


def _array(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)
