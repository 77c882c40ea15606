"""The horizontal map of one component: columns of a group to rows of the output's width."""

from jpegdomain.compiled.jit import compiled, inlined

from .slots import ACROSS_STARTS, ACROSS_TAPS, ACROSS_WEIGHTS, STRIDE, Floats, Integers, Starts
from .vectors import Vector, element, fused, load, spread, store, transposed

__all__ = ["combine_columns"]


@inlined
def _times(scratch: Floats, place: int, weights: Floats, at: int) -> Vector:
    return load(scratch, place) * spread(element(weights, at))


@inlined
def _plus(scratch: Floats, place: int, weights: Floats, at: int, before: Vector) -> Vector:
    return fused(load(scratch, place), spread(element(weights, at)), before)


@compiled
def combine_columns(
    scratch: Floats, source: int, target: int, layout: Integers, part: int, starts: Starts, weights: Floats
) -> None:
    """Write eight rows to scratch, `STRIDE` apart, from the columns at `source`."""
    taps, first, stride = layout[part + ACROSS_TAPS], layout[part + ACROSS_STARTS], layout[STRIDE]
    at = layout[part + ACROSS_WEIGHTS]
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
