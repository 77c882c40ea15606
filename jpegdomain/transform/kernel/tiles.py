"""A tile of 8×8 pixels and a run of channels: read once, transformed in the first-level cache, written once.

A job is a record of eight-byte words: the tiles that some thread has begun; how many a thread begins at a time; the
settings below; four words each for source, mask source and target: the address, or 0 if there is none, and the bytes
from one image, row and column to the next; and the four float64 of a clamp.
"""

from typing import Any, Final

import numpy as np

from jpegdomain.compiled.jit import compiled

from . import sweeps
from .memory import real, take, word, workspace

__all__ = ["run_float32", "run_float64"]

_GRAIN: Final = 1
_IMAGES: Final = 2
_BLOCK_ROWS: Final = 3
_BLOCK_COLUMNS: Final = 4
_CHANNELS: Final = 5
_HEIGHT: Final = 6
_WIDTH: Final = 7
_FROM_PIXELS: Final = 8
_TO_PIXELS: Final = 9
_KEPT: Final = 10
"""Number of spatial frequencies that are read, from the mask source if there is one."""
_SOURCE: Final = 11
_MASK_SOURCE: Final = 15
_TARGET: Final = 19
_CLAMP: Final = 23

_RUN: Final = 256
"""Bytes of channels that are transformed at a time: two tiles of these fit into the first-level cache."""

_TILE: Final = 64 * _RUN
_buffers = workspace(2 * _TILE)


@compiled
def _from_pixels(job: int, source: Any, mask_source: Any, target: Any, buffer: int, tile: Any, clamp: Any) -> None:
    run, item, rows, columns = tile
    nothing = (0, 0, 0, 0)
    by_rows, by_columns = (buffer, 8 * _RUN, _RUN, 0), (buffer, _RUN, 8 * _RUN, 0)
    masks = mask_source[0] != 0
    reading = (8, rows, columns, 8, columns, 15, 15)
    sweeps.forward(mask_source if masks else source, nothing, by_rows, clamp, reading, run, item)
    if word(job, _TO_PIXELS):
        limited = (8, 8, 8, 8, 8, 15, word(job, _KEPT))
        sweeps.forward_cut_inverse(by_columns, nothing, by_columns, clamp, limited, run, item)
        if masks:
            sweeps.choose(source, by_rows, target, clamp, (rows, rows, columns, columns, 8, 15, 15), run, item)
        else:
            sweeps.inverse_clip(by_rows, nothing, target, clamp, (rows, rows, 8, columns, 8, 15, 15), run, item)
    else:
        sideways = (target[0], target[2], target[1], target[3])
        sweeps.forward(by_columns, nothing, sideways, clamp, (8, 8, 8, 8, 8, 15, 15), run, item)


@compiled
def _from_coefficients(
    job: int, source: Any, mask_source: Any, target: Any, buffer: int, tile: Any, clamp: Any
) -> None:
    run, item, rows, columns = tile
    nothing = (0, 0, 0, 0)
    by_rows, by_columns = (buffer, 8 * _RUN, _RUN, 0), (buffer, _RUN, 8 * _RUN, 0)
    beside, beside_columns = (buffer + _TILE, 8 * _RUN, _RUN, 0), (buffer + _TILE, _RUN, 8 * _RUN, 0)
    masks = mask_source[0] != 0
    everything = (8, 8, 8, 8, 8, 15, 15)
    lowest = (8, 8, 8, 8, 8, word(job, _KEPT), 15)
    if masks:
        sweeps.inverse(source, nothing, by_rows, clamp, everything, run, item)
        sweeps.inverse(mask_source, nothing, beside, clamp, lowest, run, item)
    else:
        sweeps.inverse(source, nothing, by_rows, clamp, lowest, run, item)
    if word(job, _TO_PIXELS):
        sideways = (target[0], target[2], target[1], target[3])
        sweeps.inverse(by_columns, nothing, sideways, clamp, (columns, columns, 8, rows, 8, 15, 15), run, item)
        return
    lines = (8, columns, 8, 8, rows, 15, 15)
    if masks:
        sweeps.inverse_choose_forward(by_columns, beside_columns, by_columns, clamp, lines, run, item)
    else:
        sweeps.inverse_clip_forward(by_columns, nothing, by_columns, clamp, lines, run, item)
    sweeps.forward(by_rows, nothing, target, clamp, everything, run, item)


@compiled
def _place(job: int, which: int, image: int, row: int, column: int) -> Any:
    start = word(job, which)
    steps = word(job, which + 2), word(job, which + 3)
    if start != 0:
        start += image * word(job, which + 1) + 8 * (row * steps[0] + column * steps[1])
    return start, steps[0], steps[1]


@compiled
def _run(job: int, item: int, clamp: Any) -> None:
    buffers = _buffers()
    block_rows, block_columns = word(job, _BLOCK_ROWS), word(job, _BLOCK_COLUMNS)
    pixel = item * word(job, _CHANNELS)
    tiles = word(job, _IMAGES) * block_rows * block_columns
    grain = word(job, _GRAIN)
    while True:
        first = take(job, grain)
        if first >= tiles:
            return
        for index in range(first, min(first + grain, tiles)):
            strip, column = index // block_columns, index % block_columns
            image, row = strip // block_rows, strip % block_rows
            rows = min(8, word(job, _HEIGHT) - 8 * row)
            columns = min(8, word(job, _WIDTH) - 8 * column)
            source = _place(job, _SOURCE, image, row, column)
            mask_source = _place(job, _MASK_SOURCE, image, row, column)
            target = _place(job, _TARGET, image, row, column)
            for channel in range(0, pixel, _RUN):
                run = min(_RUN, pixel - channel)
                more = channel + _RUN < pixel
                value = (source[0] + channel, source[1], source[2], _RUN if more else 8 * source[2] - channel)
                mask = (mask_source[0] + channel if mask_source[0] else 0, mask_source[1], mask_source[2], 0)
                result = (target[0] + channel, target[1], target[2], _RUN if more else 8 * target[2] - channel)
                tile = (run, item, rows, columns)
                if word(job, _FROM_PIXELS):
                    _from_pixels(job, value, mask, result, buffers, tile, clamp)
                else:
                    _from_coefficients(job, value, mask, result, buffers, tile, clamp)


def run_float32(job: int) -> None:
    """Do a job on float32, or, as one of several threads, a share of it; `job` is the address of its record."""
    low, high = np.float32(real(job, _CLAMP)), np.float32(real(job, _CLAMP + 1))
    _run(job, 4, (low, high, np.float32(real(job, _CLAMP + 2)), np.float32(real(job, _CLAMP + 3))))


def run_float64(job: int) -> None:
    """Do a job on float64, or, as one of several threads, a share of it; `job` is the address of its record."""
    low, high = real(job, _CLAMP), real(job, _CLAMP + 1)
    _run(job, 8, (low, high, real(job, _CLAMP + 2), real(job, _CLAMP + 3)))
