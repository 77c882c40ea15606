"""Whole images of one kind: the function that Python calls."""

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled.jit import compiled

from .dct import scale_steps
from .horizontal import combine_columns, write_columns
from .records import STEPS_AT, Coefficients, Floats, Integers, Record, Starts, Steps
from .vertical import copy_row, write_rows

__all__ = ["render"]


@compiled
def _write_rows(
    coefficients: Coefficients,
    begin: int,
    groups: tuple[int, int],
    part: Record,
    columns_at: int,
    stride: int,
    starts: Starts,
    weights: Floats,
    scratch: Floats,
    steps: int,
    target: int,
) -> int:
    """Write a component's rows for one band to scratch, from `target` on; return where they end."""
    lanes = 8 // part.used * part.used
    for group in range(groups[0], groups[1]):
        write_columns(coefficients, begin, part, group, scratch, steps, columns_at)
        combine_columns(scratch, columns_at, target, stride, part, starts, weights)
        target += lanes * stride
    return target


def render(
    coefficients: tuple[Coefficients, Coefficients, Coefficients],
    steps: tuple[Steps, Steps, Steps],
    begins: Integers,
    heads: NDArray[np.void],
    parts: NDArray[np.void],
    bands: Integers,
    starts: Starts,
    weights: Floats,
    mixing: Floats,
    fills: Floats,
    scratch: Floats,
    out: Floats,
    places: Integers,
) -> None:
    """Render images that have the same geometry.

    Args:
        coefficients: For each component an int16 array with each image's (block rows, block columns, m·m). If only one
            component is used, the others are ignored.
        steps: For each component a uint16 array with each image's 64 quantisation steps.
        begins: int64 (images, 6): where each image begins in the three arrays of coefficients and the three of steps.
        heads: One record `HEAD`.
        parts: Three records `COMPONENT`.
        bands: int64 (bands, 8): the output rows that are made at a time, so that their input stays in the cache. For
            each band its first row and its end, then for each component the first group and the end.
        starts: int32, the maps' starts.
        weights: float32, the maps' weights.
        mixing: float32 (3, 4): for each channel, the components' weights and a constant.
        fills: float32, see `vertical`.
        scratch: float32, to work in.
        out: float32, the output.
        places: int64: for each image, where it begins in the output.
    """
    narrow = scratch[:48]
    head, stride, columns_at = heads[0], heads[0].stride, heads[0].columns_at
    width = head.width
    plane = width * head.height
    line = width * head.channels if head.last == 1 else width
    luma, blue, red = coefficients
    steps0, steps1, steps2 = steps
    colour = head.components == 3
    part0, part1, part2 = parts[0], parts[1], parts[2]
    for image in range(len(places)):
        scale_steps(steps0, begins[image, 3], part0.samples == 1, scratch, STEPS_AT)
        if colour:
            scale_steps(steps1, begins[image, 4], part1.samples == 1, scratch, STEPS_AT + 64)
            scale_steps(steps2, begins[image, 5], part2.samples == 1, scratch, STEPS_AT + 128)
        for band in range(len(bands)):
            rows0, rows1, rows2 = head.rows_at, 0, 0
            groups = (bands[band, 2], bands[band, 3])
            rows1 = _write_rows(
                luma, begins[image, 0], groups, part0, columns_at, stride, starts, weights, scratch, STEPS_AT, rows0
            )
            if colour:
                groups = (bands[band, 4], bands[band, 5])
                rows2 = _write_rows(
                    blue,
                    begins[image, 1],
                    groups,
                    part1,
                    columns_at,
                    stride,
                    starts,
                    weights,
                    scratch,
                    STEPS_AT + 64,
                    rows1,
                )
                groups = (bands[band, 6], bands[band, 7])
                _write_rows(
                    red,
                    begins[image, 2],
                    groups,
                    part2,
                    columns_at,
                    stride,
                    starts,
                    weights,
                    scratch,
                    STEPS_AT + 128,
                    rows2,
                )
            # Rows are counted from the beginning of the component: this is where the first row would be.
            rows0 -= bands[band, 2] * (8 // part0.used * part0.used) * stride
            rows1 -= bands[band, 4] * (8 // part1.used * part1.used) * stride
            rows2 -= bands[band, 6] * (8 // part2.used * part2.used) * stride
            first, end = bands[band, 0], bands[band, 1]
            at, three = (rows0, rows1, rows2), (part0, part1, part2)
            if width >= 16:
                write_rows(
                    scratch,
                    at,
                    first,
                    end,
                    head,
                    three,
                    starts,
                    weights,
                    mixing,
                    fills,
                    out,
                    places[image],
                    line,
                    plane,
                )
                continue
            for y in range(first, end):
                write_rows(scratch, at, y, y + 1, head, three, starts, weights, mixing, fills, narrow, -48 * y, 48, 16)
                copy_row(narrow, head, out, places[image] + y * line, plane)
