"""One file's bytes, or a few small files' at a time, to records: which compiled function, how much memory."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled import Entry, compiled_entry, is_ready
from jpegdomain.errors import JpegFileError, JpegTooLargeError

from .building import build, plan_of, views
from .complaints import RAISE_LIMIT, complaint
from .entries import ARITHMETIC, PROGRESSIVE, SEQUENTIAL
from .faults import error_of
from .kernel.slots import (
    DETAIL,
    DONE,
    FAULT,
    FAULTY,
    FRAME,
    HEIGHT,
    MARGIN,
    MARKER,
    NEEDS_ROOM,
    OFFSET,
    OTHER_CODING,
    OTHER_MODE,
    OUTCOME,
    REPORT,
    ROOM,
    SCANS,
    WIDTH,
)
from .records import JpegImage
from .workspace import Arena, Workspace, give_back, lend

__all__ = ["MAX_PIXELS", "Settings", "decode", "decode_or_error", "decode_small"]

MAX_PIXELS: Final = 178_956_970
"""The most pixels that are read unless told otherwise: where Pillow raises its decompression-bomb error."""

_PROGRESSIVE_FRAME: Final = b"\xff\xc2"
_NEAR: Final = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """What `read_jpeg` was asked.

    Attributes:
        keep: 1…8, frequencies along each side of a block.
        on_error: Whether damage raises, or what precedes it is kept.
        max_pixels: The largest height × width, None for no limit.
    """

    keep: int
    on_error: Literal["raise", "keep"]
    max_pixels: int | None


def decode(data: bytes, name: str, settings: Settings, arena: Arena | None = None) -> JpegImage:
    """Decode one file.

    Args:
        data: The file.
        name: Its name, for messages.
        settings: How.
        arena: Where the coefficients of a file that is not tiny go; None for memory of its own.

    Returns:
        The record.
    """
    workspace = lend()
    try:
        return _decode(data, name, settings, workspace, arena)
    finally:
        give_back(workspace)


def _decode(data: bytes, name: str, settings: Settings, workspace: Workspace, arena: Arena | None) -> JpegImage:
    lenient = settings.on_error == "keep"
    # A component that damage keeps from coming has coefficients 0, whatever its steps: 1 is as good as any.
    quant = np.ones((1, 4, 64), np.uint16) if lenient else np.empty((1, 4, 64), np.uint16)
    out = workspace.small
    entry = _likely_entry(data)
    report = _run(entry, data, out, quant, settings, workspace)
    _check_pixels(report, data, name, settings)
    if report[OUTCOME] == OTHER_MODE:
        entry = PROGRESSIVE if entry is SEQUENTIAL else SEQUENTIAL
        report = _run(entry, data, out, quant, settings, workspace)
    elif report[OUTCOME] == OTHER_CODING:
        entry = ARITHMETIC
        report = _run(entry, data, out, quant, settings, workspace)
    if report[OUTCOME] == NEEDS_ROOM or (report[OUTCOME] == FAULTY and lenient and report[SCANS] > 0):
        # A sequential reader writes every block, unless damage stops it; the others add to what is there.
        zeros = lenient or entry is not SEQUENTIAL
        out = _memory(report[ROOM] + MARGIN, zeros, arena)
        report = _run(entry, data, out, quant, settings, workspace)
    damage = None
    if report[OUTCOME] == FAULTY:
        details = report[DETAIL : DETAIL + 4]
        error = error_of(name, report[FAULT], report[OFFSET], report[MARKER], details, data[:8])
        if not lenient or report[SCANS] == 0:
            raise error
        damage = str(error)
    keep = settings.keep
    if entry is not SEQUENTIAL and keep < 8:
        blocks = out[: report[ROOM]].reshape(-1, 8, 8)
        out = blocks[:, :keep, :keep].copy().reshape(-1)
    elif out is workspace.small:
        out = out[: report[ROOM]].copy()
    out.setflags(write=False)
    quant.setflags(write=False)
    plan = plan_of(data, report, 0, keep)
    arrays = tuple([out[place].reshape(shape) for place, shape in plan.cuts])
    return build(plan, data, name, report, 0, arrays, quant[0], damage)


def _memory(size: int, zeros: bool, arena: Arena | None) -> NDArray[np.int16]:
    if arena is None:
        return np.zeros(size, np.int16) if zeros else np.empty(size, np.int16)
    out = arena.take(size)
    if zeros:
        out.fill(0)
    return out


def _likely_entry(data: bytes) -> Entry:
    """Guess from a progressive frame's marker near the beginning, where a thumbnail's may stand too."""
    if is_ready(PROGRESSIVE) and data.find(_PROGRESSIVE_FRAME, 0, _NEAR) > 0:
        return PROGRESSIVE
    return SEQUENTIAL


def _run(
    entry: Entry,
    data: bytes,
    out: NDArray[np.int16],
    quant: NDArray[np.uint16],
    settings: Settings,
    workspace: Workspace,
) -> list[int]:
    workspace.bounds[1] = len(data)
    if entry is not SEQUENTIAL and out is workspace.small:
        out.fill(0)
    compiled_entry(entry)(
        np.frombuffer(data, np.uint8),
        workspace.bounds,
        out,
        workspace.first,
        quant,
        *workspace.kernel,
        settings.keep,
        settings.on_error == "keep",
    )
    report: list[int] = workspace.report.tolist()
    return report


def decode_small(files: list[tuple[bytes, str]], settings: Settings) -> list[JpegImage | JpegFileError]:
    """Decode a few small files with one call of the compiled function.

    Args:
        files: At most `BATCH` files and their names.
        settings: How.

    Returns:
        For each file its record, or the error that `decode` would raise. Records of one call share their memory.
    """
    workspace = lend()
    try:
        reports, bounds, out, quant = _run_small([data for data, _ in files], settings, workspace)
    finally:
        give_back(workspace)
    results: list[JpegImage | JpegFileError] = []
    place = number = 0
    while number < len(files):
        first, plan = number, None
        # Files of a data set have the same size more often than not: as many as have one plan go together.
        while number < len(files) and reports[number][OUTCOME] == DONE:
            following = plan_of(files[number][0], reports[number], bounds[number], settings.keep)
            if plan is not None and following is not plan:
                break
            plan = following
            number += 1
        if plan is None:
            results.append(decode_or_error(*files[number], settings))
            number += 1
            continue
        end = place + reports[first][ROOM] * (number - first)
        too_large = _too_large(reports[first], settings)
        for i, arrays in enumerate(views(plan, out[place:end], number - first), first):
            if too_large:
                results.append(decode_or_error(*files[i], settings))
            else:
                results.append(build(plan, *files[i], reports[i], bounds[i], arrays, quant[i]))
        place = end
    return results


def decode_or_error(
    data: bytes, name: str, settings: Settings, arena: Arena | None = None
) -> JpegImage | JpegFileError:
    """Decode one file, and return its error instead of raising it."""
    try:
        return decode(data, name, settings, arena)
    except JpegFileError as error:
        return error


def _run_small(
    files: list[bytes], settings: Settings, workspace: Workspace
) -> tuple[list[list[int]], list[int], NDArray[np.int16], NDArray[np.uint16]]:
    bounds = [0]
    for data in files:
        bounds.append(bounds[-1] + len(data))
    states = workspace.states[: len(files)]
    quant = np.empty((len(files), 4, 64), np.uint16)
    compiled_entry(SEQUENTIAL)(
        np.frombuffer(b"".join(files), np.uint8),
        np.array(bounds, np.int64),
        workspace.out,
        states,
        quant,
        *workspace.kernel,
        settings.keep,
        False,
    )
    reports: list[list[int]] = states[:, :REPORT].tolist()
    used = sum(report[ROOM] for report in reports if report[OUTCOME] == DONE)
    out = workspace.out[:used].copy()
    out.setflags(write=False)
    quant.setflags(write=False)
    return reports, bounds, out, quant


def _too_large(report: list[int], settings: Settings) -> bool:
    return settings.max_pixels is not None and report[HEIGHT] * report[WIDTH] > settings.max_pixels


def _check_pixels(report: list[int], data: bytes, name: str, settings: Settings) -> None:
    if _too_large(report, settings):
        reason = f"{report[HEIGHT]}×{report[WIDTH]} pixels are more than max_pixels, {settings.max_pixels}"
        frame = report[FRAME]
        raise JpegTooLargeError(complaint(name, reason, frame, data[frame + 1], RAISE_LIMIT))
