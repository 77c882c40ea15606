"""The horizontal map of one component: a group of its rows, as columns of eight, to rows of the output's width.

If the map acts on samples, a group is a row of blocks. If it acts on the m×m lowest coefficients, a group is ⌊8/m⌋ rows
of blocks, so that the eight lanes hold as many as possible.
"""

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from .dct import write_samples
from .records import Coefficients, Floats, Record, Starts
from .vectors import Vector, dequantised, element, fused, load, spread, store, transposed

__all__ = ["combine_columns", "write_columns"]


@compiled
def write_columns(
    coefficients: Coefficients,
    begin: int,
    part: Record,
    group: int,
    scratch: Floats,
    steps: int,
    target: int,
) -> None:
    """Write the columns of a group that the map needs to scratch, from `target` on."""
    first, end = part.first_column, part.end_column
    if part.samples == 1:
        at = begin + 64 * (group * part.block_columns + first)
        for _ in range(end - first):
            write_samples(coefficients, at, scratch, steps, target)
            at += 64
            target += 64
        return
    _write_frequencies(coefficients, begin, part, group, scratch, steps, target)


@compiled
def _write_frequencies(
    coefficients: Coefficients,
    begin: int,
    part: Record,
    group: int,
    scratch: Floats,
    steps: int,
    target: int,
) -> None:
    used, keep = part.used, part.keep
    columns = part.end_column - part.first_column
    size, whole = keep * keep, 8 // used
    line = size * part.block_columns
    rows = min(whole, part.block_rows - group * whole)
    at = begin + line * group * whole + size * part.first_column
    # Each lane's row of frequencies: vertical frequency `lane` mod m of block ⌊`lane`/m⌋. It is read as eight numbers,
    # which may not exist after the last block, or in missing rows of blocks.
    last = whole * used - 1
    l1, l2, l3 = min(1, last), min(2, last), min(3, last)
    l4, l5, l6, l7 = min(4, last), min(5, last), min(6, last), min(7, last)
    v1, v2, v3, v4, v5, v6, v7 = l1 % used, l2 % used, l3 % used, l4 % used, l5 % used, l6 % used, l7 % used
    o1, o2, o3 = line * (l1 // used) + keep * v1, line * (l2 // used) + keep * v2, line * (l3 // used) + keep * v3
    o4, o5, o6 = line * (l4 // used) + keep * v4, line * (l5 // used) + keep * v5, line * (l6 // used) + keep * v6
    o7 = line * (l7 // used) + keep * v7
    together = min(columns, (coefficients.size - 8 - o7 - at) // size + 1) if rows == whole else 0
    for _ in range(together):
        c0, c1, c2, c3, c4, c5, c6, _ = transposed(
            (
                dequantised(coefficients, at, scratch, steps),
                dequantised(coefficients, at + o1, scratch, steps + 8 * v1),
                dequantised(coefficients, at + o2, scratch, steps + 8 * v2),
                dequantised(coefficients, at + o3, scratch, steps + 8 * v3),
                dequantised(coefficients, at + o4, scratch, steps + 8 * v4),
                dequantised(coefficients, at + o5, scratch, steps + 8 * v5),
                dequantised(coefficients, at + o6, scratch, steps + 8 * v6),
                dequantised(coefficients, at + o7, scratch, steps + 8 * v7),
            )
        )
        # Values that are not frequencies of this block are overwritten by the next block, or are after the last.
        store(scratch, target, c0)
        store(scratch, target + 8, c1)
        if used > 2:
            store(scratch, target + 16, c2)
            store(scratch, target + 24, c3)
        if used > 4:
            store(scratch, target + 32, c4)
            store(scratch, target + 40, c5)
            store(scratch, target + 48, c6)
        at += size
        target += 8 * used
    for _ in range(max(together, 0), columns):
        _write_singly(coefficients, at, line, keep, used, rows, scratch, steps, target)
        at += size
        target += 8 * used


@inlined
def _write_singly(
    coefficients: Coefficients,
    at: int,
    line: int,
    keep: int,
    used: int,
    rows: int,
    scratch: Floats,
    steps: int,
    target: int,
) -> None:
    for row in range(rows):
        for vertical in range(used):
            for horizontal in range(used):
                value = np.float32(coefficients[at + line * row + keep * vertical + horizontal])
                place = target + 8 * horizontal + used * row + vertical
                scratch[place] = value * scratch[steps + 8 * vertical + horizontal]


@inlined
def _times(scratch: Floats, place: int, weights: Floats, at: int) -> Vector:
    return load(scratch, place) * spread(element(weights, at))


@inlined
def _plus(scratch: Floats, place: int, weights: Floats, at: int, before: Vector) -> Vector:
    return fused(load(scratch, place), spread(element(weights, at)), before)


@compiled
def combine_columns(
    scratch: Floats, source: int, target: int, stride: int, part: Record, starts: Starts, weights: Floats
) -> None:
    """Write eight rows to scratch, `stride` apart, from the columns at `source`."""
    taps, first = part.across_taps, part.across_starts
    at = part.across_weights
    for x in range(0, stride, 8):
        s = first + x
        p0, p1 = source + 8 * element(starts, s), source + 8 * element(starts, s + 1)
        p2, p3 = source + 8 * element(starts, s + 2), source + 8 * element(starts, s + 3)
        p4, p5 = source + 8 * element(starts, s + 4), source + 8 * element(starts, s + 5)
        p6, p7 = source + 8 * element(starts, s + 6), source + 8 * element(starts, s + 7)
        v0, v1 = _times(scratch, p0, weights, at), _times(scratch, p1, weights, at + taps)
        v2, v3 = _times(scratch, p2, weights, at + 2 * taps), _times(scratch, p3, weights, at + 3 * taps)
        v4, v5 = _times(scratch, p4, weights, at + 4 * taps), _times(scratch, p5, weights, at + 5 * taps)
        v6, v7 = _times(scratch, p6, weights, at + 6 * taps), _times(scratch, p7, weights, at + 7 * taps)
        for tap in range(1, taps):
            w, step = at + tap, 8 * tap
            v0 = _plus(scratch, p0 + step, weights, w, v0)
            v1 = _plus(scratch, p1 + step, weights, w + taps, v1)
            v2 = _plus(scratch, p2 + step, weights, w + 2 * taps, v2)
            v3 = _plus(scratch, p3 + step, weights, w + 3 * taps, v3)
            v4 = _plus(scratch, p4 + step, weights, w + 4 * taps, v4)
            v5 = _plus(scratch, p5 + step, weights, w + 5 * taps, v5)
            v6 = _plus(scratch, p6 + step, weights, w + 6 * taps, v6)
            v7 = _plus(scratch, p7 + step, weights, w + 7 * taps, v7)
        at += 8 * taps
        rows = transposed((v0, v1, v2, v3, v4, v5, v6, v7))
        place = target + x
        store(scratch, place, rows[0])
        store(scratch, place + stride, rows[1])
        store(scratch, place + 2 * stride, rows[2])
        store(scratch, place + 3 * stride, rows[3])
        store(scratch, place + 4 * stride, rows[4])
        store(scratch, place + 5 * stride, rows[5])
        store(scratch, place + 6 * stride, rows[6])
        store(scratch, place + 7 * stride, rows[7])
