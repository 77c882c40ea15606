"""A tile of 8×8 pixels and a run of channels: read once, transformed in the first-level cache, written once."""

from typing import Any, Final

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import record, sweeps
from .memory import real, take, word, workspace

__all__ = ["run_float32", "run_float64"]

_RUN: Final = 256
"""Bytes of channels at a time: three tiles of them fit the first-level cache."""

_TILE: Final = 64 * _RUN
_buffers = workspace(3 * _TILE)


@compiled
def _from_pixels(job: int, source: Any, deciding: Any, target: Any, buffer: int, tile: Any, pieces: Any) -> None:
    run, item, rows, columns = tile
    nothing = (0, 0, 0, 0)
    by_rows, by_columns = (buffer, 8 * _RUN, _RUN, 0), (buffer, _RUN, 8 * _RUN, 0)
    kept = word(job, record.KEPT)
    decides = deciding[0] != 0
    reading = (8, rows, columns, 8, columns, 15, 15)
    everything = (8, 8, 8, 8, 8, 15, 15)
    if kept >= 15 and not decides and not word(job, record.TO_PIXELS):
        if word(job, record.CLIPS):
            sweeps.clip_forward(source, nothing, by_rows, pieces, reading, run, item)
        else:
            sweeps.forward(source, nothing, by_rows, pieces, reading, run, item)
    else:
        sweeps.forward(deciding if decides else source, nothing, by_rows, pieces, reading, run, item)
        limited = (8, 8, 8, 8, 8, 15, kept)
        sweeps.forward_cut_inverse(by_columns, nothing, by_columns, pieces, limited, run, item)
        if word(job, record.TO_PIXELS):
            if decides:
                lines = (rows, rows, columns, columns, 8, 15, 15)
                sweeps.choose(source, by_rows, target, pieces, lines, run, item)
            else:
                lines = (rows, rows, 8, columns, 8, 15, 15)
                sweeps.inverse_clip(by_rows, nothing, target, pieces, lines, run, item)
            return
        if decides:
            sweeps.choose_forward(source, by_rows, by_rows, pieces, reading, run, item)
        else:
            lines = (8, rows, 8, 8, columns, 15, 15)
            sweeps.inverse_clip_forward(by_rows, nothing, by_rows, pieces, lines, run, item)
    sideways = (target[0], target[2], target[1], target[3])
    sweeps.forward(by_columns, nothing, sideways, pieces, everything, run, item)


@compiled
def _from_coefficients(job: int, source: Any, deciding: Any, target: Any, buffer: int, tile: Any, pieces: Any) -> None:
    run, item, rows, columns = tile
    nothing = (0, 0, 0, 0)
    by_rows, by_columns = (buffer, 8 * _RUN, _RUN, 0), (buffer, _RUN, 8 * _RUN, 0)
    beside, beside_columns = (buffer + _TILE, 8 * _RUN, _RUN, 0), (buffer + _TILE, _RUN, 8 * _RUN, 0)
    kept = word(job, record.KEPT)
    decides = deciding[0] != 0
    everything = (8, 8, 8, 8, 8, 15, 15)
    lowest = (8, 8, 8, 8, 8, kept, 15)
    if decides:
        sweeps.inverse(source, nothing, by_rows, pieces, everything, run, item)
        sweeps.inverse(deciding, nothing, beside, pieces, lowest, run, item)
    else:
        sweeps.inverse(source, nothing, by_rows, pieces, lowest, run, item)
    if word(job, record.TO_PIXELS):
        sideways = (target[0], target[2], target[1], target[3])
        lines = (columns, columns, 8, rows, 8, 15, 15)
        if decides:
            sweeps.inverse_choose(by_columns, beside_columns, sideways, pieces, lines, run, item)
        elif word(job, record.CLIPS):
            sweeps.inverse_clip(by_columns, nothing, sideways, pieces, lines, run, item)
        else:
            sweeps.inverse(by_columns, nothing, sideways, pieces, lines, run, item)
        return
    lines = (8, columns, 8, 8, rows, 15, 15)
    if decides:
        sweeps.inverse_choose_forward(by_columns, beside_columns, by_columns, pieces, lines, run, item)
    else:
        sweeps.inverse_clip_forward(by_columns, nothing, by_columns, pieces, lines, run, item)
    sweeps.forward(by_rows, nothing, target, pieces, everything, run, item)


@compiled
def _place(job: int, which: int, image: int, row: int, column: int) -> Any:
    start = word(job, which)
    steps = word(job, which + 2), word(job, which + 3)
    if start != 0:
        start += image * word(job, which + 1) + 8 * (row * steps[0] + column * steps[1])
    return start, steps[0], steps[1]


@compiled
def _run(job: int, item: int, pieces: Any) -> None:
    buffers = _buffers()
    sum_place = (buffers + 2 * _TILE, 8 * _RUN, _RUN, 0)
    block_rows, block_columns = word(job, record.BLOCK_ROWS), word(job, record.BLOCK_COLUMNS)
    pixel = item * word(job, record.CHANNELS)
    tiles = word(job, record.IMAGES) * block_rows * block_columns
    grain = word(job, record.GRAIN)
    while True:
        first = take(job, grain)
        if first >= tiles:
            return
        for index in range(first, min(first + grain, tiles)):
            strip, column = index // block_columns, index % block_columns
            image, row = strip // block_rows, strip % block_rows
            rows = min(8, word(job, record.HEIGHT) - 8 * row)
            columns = min(8, word(job, record.WIDTH) - 8 * column)
            source = _place(job, record.SOURCE, image, row, column)
            second = _place(job, record.SECOND, image, row, column)
            deciding = _place(job, record.DECIDING, image, row, column)
            target = _place(job, record.TARGET, image, row, column)
            for channel in range(0, pixel, _RUN):
                run = min(_RUN, pixel - channel)
                more = channel + _RUN < pixel
                value = (source[0] + channel, source[1], source[2], _RUN if more else 8 * source[2] - channel)
                decider = (deciding[0] + channel if deciding[0] else 0, deciding[1], deciding[2], 0)
                result = (target[0] + channel, target[1], target[2], _RUN if more else 8 * target[2] - channel)
                if second[0]:
                    other = (second[0] + channel, second[1], second[2], _RUN if more else 8 * second[2] - channel)
                    there = (rows, columns) if word(job, record.FROM_PIXELS) else (8, 8)
                    lines = (there[0], there[0], there[1], there[1], 8, 15, 15)
                    sweeps.add(value, other, sum_place, pieces, lines, run, item)
                    if deciding[0] == source[0]:
                        decider = sum_place
                    value = sum_place
                tile = (run, item, rows, columns)
                if word(job, record.FROM_PIXELS):
                    _from_pixels(job, value, decider, result, buffers, tile, pieces)
                else:
                    _from_coefficients(job, value, decider, result, buffers, tile, pieces)


def run_float32(job: int) -> None:
    """Do a job on float32, or, as one of several threads, a share of it.

    Args:
        job: Address of its record.
    """
    low, high = np.float32(real(job, record.LOW)), np.float32(real(job, record.HIGH))
    _run(job, 4, (low, high, np.float32(real(job, record.BELOW)), np.float32(real(job, record.ABOVE))))


def run_float64(job: int) -> None:
    """Do a job on float64, or, as one of several threads, a share of it.

    Args:
        job: Address of its record.
    """
    low, high = real(job, record.LOW), real(job, record.HIGH)
    _run(job, 8, (low, high, real(job, record.BELOW), real(job, record.ABOVE)))
