"""From bytes to records, for one file or a few small ones at a time: chooses the compiled function and the memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import JpegFileError, JpegTooLargeError

from .building import add_faults, build, layout_of, layouts_of, metadata_at
from .decoded import Decoded, Result
from .fault_messages import error_of
from .kernel import layout as L
from .kernel.layout import Integers
from .kernels import ARITHMETIC, PROGRESSIVE, SEQUENTIAL
from .messages import RAISE_LIMIT, SIGNATURE, message
from .records import JpegImage
from .workspace import Arena, Workspace, acquire, release

__all__ = ["MAX_PIXELS", "MAX_SCANS", "Settings", "decode", "decode_or_error", "decode_some"]

MAX_PIXELS: Final = 178_956_970
"""The default of `max_pixels`: where Pillow raises its decompression-bomb error."""
MAX_SCANS: Final = 500
"""The default of `max_scans`, the limit of libjpeg-turbo's own fuzzers; encoders write about ten."""

_PROGRESSIVE_FRAME: Final = b"\xff\xc2"
_NEAR: Final = 512
_COPIED: Final = 1 << 16
"""Largest size in bytes of files whose coefficients are copied to their own memory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of `read_jpeg`, checked."""

    keep: int
    on_error: Literal["raise", "keep"]
    max_pixels: int | None
    max_scans: int
    strict: bool


def decode(data: bytes, name: str, settings: Settings, arena: Arena | None = None) -> JpegImage:
    """Decode one file. Its coefficients are put in the arena unless it is tiny; without one, in their own memory."""
    workspace = acquire()
    try:
        return _decode(data, name, settings, workspace, arena)
    finally:
        release(workspace)


def _decode(data: bytes, name: str, settings: Settings, workspace: Workspace, arena: Arena | None) -> JpegImage:
    # A missing component has coefficients 0, so its steps can be anything.
    quant = np.ones((1, 4, 64), np.uint16)
    out, keep = workspace.small, settings.keep
    mode = L.STRICT if settings.strict else L.LENIENT
    lost = workspace.lost
    # The marker of a progressive frame near the beginning may belong to a thumbnail.
    likely_progressive = PROGRESSIVE.is_loaded and data.find(_PROGRESSIVE_FRAME, 0, _NEAR) > 0
    function = PROGRESSIVE if likely_progressive else SEQUENTIAL

    def run(mode: int) -> list[int]:
        workspace.bounds[1] = len(data)
        masks = workspace.masks
        if function is not SEQUENTIAL and out is workspace.small:
            out.fill(0)
            masks.fill(0)
        elif function is PROGRESSIVE:
            masks = np.zeros((len(out) - L.MARGIN) // 64, np.uint64)
        function(
            np.frombuffer(data, np.uint8),
            workspace.bounds,
            out,
            workspace.states,
            workspace.reports,
            quant,
            (*workspace.kernel, masks, lost),
            (settings.keep, mode, settings.max_scans),
        )
        report: list[int] = workspace.reports[0].tolist()
        return report

    report = run(mode)
    if _too_large(report, settings):
        reason = f"{report[L.HEIGHT]}×{report[L.WIDTH]} pixels are more than max_pixels, {settings.max_pixels}"
        frame = report[L.FRAME]
        raise JpegTooLargeError(message(name, reason, frame, data[frame + 1], RAISE_LIMIT))
    if report[L.OUTCOME] == L.OTHER_MODE:
        function = PROGRESSIVE if function is SEQUENTIAL else SEQUENTIAL
        report = run(mode)
    elif report[L.OUTCOME] == L.OTHER_CODING:
        function = ARITHMETIC
        report = run(mode)
    if report[L.OUTCOME] == L.NEEDS_ROOM:
        # A sequential reader writes every block; the others add to existing values.
        out = _memory(report[L.ROOM] + L.MARGIN, function is not SEQUENTIAL, arena)
        report = run(mode)
    if report[L.OUTCOME] == L.FAULTY:
        details = report[L.DETAIL : L.DETAIL + 4]
        error = error_of(name, data[:SIGNATURE], report[L.FAULT], report[L.OFFSET], report[L.MARKER], details)
        if settings.on_error == "raise" or report[L.SCANS] == 0 or isinstance(error, JpegTooLargeError):
            raise error
        # Decode again: which blocks are lost depends on the numbers of restart markers.
        out = _memory(report[L.ROOM] + L.MARGIN, True, arena)
        lost = np.zeros(report[L.ROOM] // (64 if function is not SEQUENTIAL else keep * keep), np.uint8)
        report = run(L.KEEP)
    if function is not SEQUENTIAL and keep < 8:
        blocks = out[: report[L.ROOM]].reshape(-1, 8, 8)
        out = blocks[:, :keep, :keep].copy().reshape(-1)
    elif out is workspace.small:
        out = out[: report[L.ROOM]].copy()
    elif arena is not None:
        out = arena.keep(report[L.ROOM])
    out.setflags(write=False)
    quant.setflags(write=False)
    layout = layout_of(report, keep)
    arrays = tuple([out[place].reshape(shape) for place, shape in layout.cuts])
    image = build(layout, metadata_at(data, report), name, report, arrays, quant[0])
    if report[L.WARNINGS] or report[L.LOSSES] or report[L.INCOMPLETE]:
        return add_faults(image, layout, workspace.states[0], workspace.kernel[1], lost, data[:SIGNATURE])
    return image


def _memory(size: int, zeros: bool, arena: Arena | None) -> NDArray[np.int16]:
    if arena is None:
        return np.zeros(size, np.int16) if zeros else np.empty(size, np.int16)
    return arena.lend(size, zeros=zeros)


def decode_some(
    files: Sequence[bytes],
    ends: Integers,
    name_of: Callable[[int], str],
    settings: Settings,
    arena: Arena | None = None,
) -> Decoded:
    """Decode files by one call, each to its record or `decode`'s error; the records share memory.

    Args:
        files: The files, together at most some megabytes.
        ends: Where each file ends if they are concatenated, counted from any origin.
        name_of: Returns a file's name for its position.
        settings: The options.
        arena: Memory for many files; without it, or if they are small, they get their own memory.

    Returns:
        The decoded files.
    """
    bounds = np.zeros(len(files) + 1, np.int64)
    bounds[1:] = ends - (ends[0] - len(files[0]))
    # Copying little data costs less than page faults of new memory.
    if arena is not None and bounds[-1] <= _COPIED:
        arena = None
    reports = np.empty((len(files), L.REPORT), np.int64)
    quant = np.empty((len(files), 4, 64), np.uint16)
    workspace = acquire()
    try:
        out = workspace.out if arena is None else arena.lend()
        # Faulty files, and files for which there is no room, are read again, one by one.
        SEQUENTIAL(
            workspace.joined(files),
            bounds,
            out,
            workspace.states,
            reports,
            quant,
            (*workspace.kernel, workspace.masks, workspace.lost),
            (settings.keep, L.STRICT, settings.max_scans),
        )
        done = reports[:, L.OUTCOME] == L.DONE
        ends = np.cumsum(np.where(done, reports[:, L.ROOM], 0))
        used = int(ends[-1])
        out = out[:used].copy() if arena is None else arena.keep(used)
    finally:
        release(workspace)
    out.setflags(write=False)
    quant.setflags(write=False)
    if settings.max_pixels is not None:
        done &= reports[:, L.HEIGHT] * reports[:, L.WIDTH] <= settings.max_pixels
    layouts = layouts_of(reports, done, settings.keep)
    others: dict[int, Result] = {}
    for number in np.flatnonzero(~done).tolist():
        others[number] = decode_or_error(files[number], name_of(number), settings, arena)
    tagged = done & ((reports[:, L.EXIF] > 0) | (reports[:, L.ICC] > 0))
    stops = reports[:, L.FIRST_SCAN] - bounds[:-1]
    heads = {number: files[number][: stops[number]] for number in np.flatnonzero(tagged).tolist()}
    return Decoded(name_of, layouts, reports, out, ends - reports[:, L.ROOM], quant, heads, others)


def decode_or_error(
    data: bytes, name: str, settings: Settings, arena: Arena | None = None
) -> JpegImage | JpegFileError:
    """Decode one file, and return its error instead of raising it."""
    try:
        return decode(data, name, settings, arena)
    except JpegFileError as error:
        return error


def _too_large(report: list[int], settings: Settings) -> bool:
    return settings.max_pixels is not None and report[L.HEIGHT] * report[L.WIDTH] > settings.max_pixels
