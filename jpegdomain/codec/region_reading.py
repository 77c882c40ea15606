"""From bytes to the record of a region, or of the whole image by several threads, using restart markers."""

from dataclasses import replace

import numpy as np

from jpegdomain.errors import JpegTooLargeError

from .building import FrameLayout, build, layout_of, metadata_at, warnings_of
from .decoding import Settings, decode
from .entering import Scan, decode_runs, grid_of, jobs_of, memory_for, runs_of, walk_to_scan
from .kernel import layout as L
from .kernel.layout import Bytes, Integers, Samples, Steps
from .kernels import INTERVALS
from .messages import RAISE_LIMIT, message
from .records import JpegImage
from .regions import Region, Span, cut, span_of
from .workspace import acquire, release

__all__ = ["as_array", "lay_out", "read_region", "record_of", "state_behind_header"]


def state_behind_header(data: bytes, mode: int, quant: Steps) -> Integers:
    """Walk to the data of a file's first scan, in borrowed memory. Returns the state."""
    workspace = acquire()
    try:
        return walk_to_scan(as_array(data), mode, quant, workspace)
    finally:
        release(workspace)


def read_region(data: bytes, name: str, region: Region | None, settings: Settings, threads: int) -> JpegImage:
    """Read a region, or the whole image for None, of a file without an index.

    If that is not possible, or anything is wrong, the whole file is read and the region is cut out of it.

    Returns:
        The record.
    """
    # Only the whole file shows whether it violates the standard anywhere, and what is left of a damaged file.
    partly = settings.on_error == "raise" and not settings.strict
    image = _read_only_scan(data, name, region, settings, threads) if partly else None
    if image is None:
        image = decode(data, name, settings)
        return image if region is None else cut(image, region)
    return image


def _read_only_scan(
    data: bytes, name: str, region: Region | None, settings: Settings, threads: int
) -> JpegImage | None:
    """Read a file whose first scan has everything; None if it has another scan, or a fault."""
    quant = np.ones((1, 4, 64), np.uint16)
    state = state_behind_header(data, L.LENIENT, quant)
    if state[L.OUTCOME] != L.NEEDS_ROOM or state[L.PARTS] != state[L.COUNT]:
        return None
    every = int(state[L.INTERVAL])
    if region is None and not every:
        # There is only one place to start.
        return None
    report = state.tolist()
    span, layout = lay_out(data, report, name, region, settings)
    grid = grid_of(state, span)
    # Only the intervals before the window's end.
    last = (grid.bottom - 1) * grid.columns + grid.right - 1
    entries = np.zeros((last // every + 1 if every else 1, L.ENTRY), np.int64)
    entries[0, L.ENTRY_AT] = state[L.AT]
    if every and INTERVALS(as_array(data), state[None], entries) < len(entries):
        return None
    scan = Scan(as_array(data), state, grid, entries, 0)
    jobs = jobs_of(scan, as_array(data), runs_of(grid, every * np.arange(len(entries)), 4 * threads), threads)
    out = memory_for(layout, jobs)
    if not decode_runs(jobs, layout, out, settings, threads):
        return None
    return record_of(data, name, report, span, layout, out, quant, region, warnings_of(state))


def lay_out(
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


def record_of(
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
    """Make the record from decoded data: of a region, or of the whole image for None."""
    out.setflags(write=False)
    quant.setflags(write=False)
    arrays = tuple([out[place].reshape(shape) for place, shape in layout.cuts])
    image = build(layout, metadata_at(head, report), name, report, arrays, quant[0])
    if region is not None:
        whole = layout_of(report, 8).extent
        return replace(image, offset=span.offset, whole=whole, warnings=warnings)
    return replace(image, warnings=warnings) if warnings else image


def as_array(data: bytes) -> Bytes:
    """The bytes as the array that compiled functions need."""
    return np.frombuffer(data, np.uint8)
