"""One file's bytes, or a few small files' at a time, to records: which compiled function, how much memory."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled import Entry, compiled_entry, is_ready
from jpegdomain.errors import JpegFileError, JpegTooLargeError

from .building import Plan, build, plan_of, views
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
    INCOMPLETE,
    KEEP,
    LENIENT,
    LOSSES,
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
    STRICT,
    WARNINGS,
    WIDTH,
)
from .losses import damage_of, shortfalls_of, warnings_of
from .records import JpegImage
from .signatures import SIGNATURE
from .workspace import Arena, Workspace, give_back, lend

__all__ = ["MAX_PIXELS", "MAX_SCANS", "Settings", "decode", "decode_or_error", "decode_small"]

MAX_PIXELS: Final = 178_956_970
"""The most pixels that are read unless told otherwise: where Pillow raises its decompression-bomb error."""
MAX_SCANS: Final = 500
"""The most scans that are read unless told otherwise: as libjpeg-turbo's own fuzzers allow; encoders write ten."""

_PROGRESSIVE_FRAME: Final = b"\xff\xc2"
_NEAR: Final = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """What `read_jpeg` was asked.

    Attributes:
        keep: 1…8, frequencies along each side of a block.
        on_error: Whether lost data raises, or what is left is kept.
        max_pixels: The largest height × width, None for no limit.
        max_scans: The most scans.
        strict: Whether to refuse, too, what costs no coefficient.
    """

    keep: int
    on_error: Literal["raise", "keep"]
    max_pixels: int | None
    max_scans: int
    strict: bool


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
    # A component that does not come has coefficients 0, whatever its steps: 1 is as good as any.
    quant = np.ones((1, 4, 64), np.uint16)
    out = workspace.small
    mode = STRICT if settings.strict else LENIENT
    call = _Call(data, quant, settings, workspace)
    entry = _likely_entry(data)
    report = call.run(entry, out, mode)
    _check_pixels(report, data, name, settings)
    if report[OUTCOME] == OTHER_MODE:
        entry = PROGRESSIVE if entry is SEQUENTIAL else SEQUENTIAL
        report = call.run(entry, out, mode)
    elif report[OUTCOME] == OTHER_CODING:
        entry = ARITHMETIC
        report = call.run(entry, out, mode)
    if report[OUTCOME] == NEEDS_ROOM:
        # A sequential reader writes every block; the others add to what is there.
        out = _memory(report[ROOM] + MARGIN, entry is not SEQUENTIAL, arena)
        report = call.run(entry, out, mode)
    if report[OUTCOME] == FAULTY:
        details = report[DETAIL : DETAIL + 4]
        error = error_of(name, report[FAULT], report[OFFSET], report[MARKER], details, data[:SIGNATURE])
        if settings.on_error == "raise" or report[SCANS] == 0 or isinstance(error, JpegTooLargeError):
            raise error
        # Once more: what is lost depends on where restart markers say that intervals belong.
        out = _memory(report[ROOM] + MARGIN, True, arena)
        report = call.run(entry, out, KEEP)
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
    image = build(plan, data, name, report, arrays, quant[0])
    if report[WARNINGS] or report[LOSSES] or report[INCOMPLETE]:
        return _with_shortfalls(image, plan, call)
    return image


def _with_shortfalls(image: JpegImage, plan: Plan, call: "_Call") -> JpegImage:
    state = call.workspace.first[0]
    missing = shortfalls_of(plan, state, call.workspace.kernel[1], call.lost, call.settings.keep)
    components = tuple(
        replace(component, arrived=shortfall.arrived, lowest_bit=shortfall.lowest_bit)
        for component, shortfall in zip(image.components, missing, strict=True)
    )
    damage = damage_of(state, image.source, call.data[:SIGNATURE])
    return replace(image, components=components, damage=damage, warnings=warnings_of(state))


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


class _Call:
    """Calls of the compiled functions with one file.

    Attributes:
        data: The file.
        quant: uint16 (1, 4, 64), where its quantisation tables go.
        settings: How to read it.
        workspace: A workspace.
        lost: uint8, what each block lost in the last call; empty if losses were not kept.
    """

    __slots__ = ("data", "lost", "quant", "settings", "workspace")

    def __init__(self, data: bytes, quant: NDArray[np.uint16], settings: Settings, workspace: Workspace) -> None:
        self.data, self.quant, self.settings, self.workspace = data, quant, settings, workspace
        self.lost = workspace.lost

    def run(self, entry: Entry, out: NDArray[np.int16], mode: int) -> list[int]:
        """Read the file into `out`.

        Args:
            entry: By which function.
            out: The workspace's small array, or one of the size that the function asked for.
            mode: `STRICT`, `LENIENT` or `KEEP`.

        Returns:
            The beginning of its state, as `kernel.slots` has it.
        """
        workspace, settings = self.workspace, self.settings
        workspace.bounds[1] = len(self.data)
        masks = workspace.masks
        if entry is not SEQUENTIAL and out is workspace.small:
            out.fill(0)
            masks.fill(0)
        elif entry is PROGRESSIVE:
            masks = np.zeros((len(out) - MARGIN) // 64, np.uint64)
        if mode == KEEP:
            size = 64 if entry is not SEQUENTIAL else settings.keep * settings.keep
            self.lost = np.zeros((len(out) - MARGIN) // size, np.uint8)
        compiled_entry(entry)(
            np.frombuffer(self.data, np.uint8),
            workspace.bounds,
            out,
            workspace.first,
            self.quant,
            *workspace.kernel,
            masks,
            self.lost,
            settings.keep,
            mode,
            settings.max_scans,
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
                results.append(build(plan, *files[i], reports[i], arrays, quant[i]))
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
    # Files that are not sound are read again, alone.
    states = workspace.states[: len(files)]
    quant = np.empty((len(files), 4, 64), np.uint16)
    compiled_entry(SEQUENTIAL)(
        np.frombuffer(b"".join(files), np.uint8),
        np.array(bounds, np.int64),
        workspace.out,
        states,
        quant,
        *workspace.kernel,
        workspace.masks,
        workspace.lost,
        settings.keep,
        STRICT,
        settings.max_scans,
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
