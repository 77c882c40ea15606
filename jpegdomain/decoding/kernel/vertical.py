"""The vertical maps, mixing components into channels, and writing the output."""

from jpegdomain.compiled.jit import compiled, inlined

from .records import Floats, Record, Starts
from .vectors import Vector, element, fused, load, spread, store, store_three

__all__ = ["copy_row", "write_rows"]


@inlined
def _combined(scratch: Floats, at: int, stride: int, weights: Floats, first: int, taps: int) -> tuple[Vector, Vector]:
    """Return sixteen values of a component's output row."""
    weight = spread(element(weights, first))
    one, two = load(scratch, at) * weight, load(scratch, at + 8) * weight
    for tap in range(1, taps):
        at += stride
        weight = spread(element(weights, first + tap))
        one, two = fused(load(scratch, at), weight, one), fused(load(scratch, at + 8), weight, two)
    return one, two


@inlined
def _filled(value: Vector, fills: Floats, count: int, channel: int, y: int, x: int, height: int, stride: int) -> Vector:
    """Add outer products: each of three levels, a column of the output's height, a row of its stride."""
    at = 0
    for _ in range(count):
        level = element(fills, at + channel) * element(fills, at + 3 + y)
        value = fused(load(fills, at + 3 + height + x), spread(level), value)
        at += 3 + height + stride
    return value


@compiled
def write_rows(
    scratch: Floats,
    places: tuple[int, int, int],
    begin: int,
    end: int,
    head: Record,
    parts: tuple[Record, Record, Record],
    starts: Starts,
    weights: Floats,
    mixing: Floats,
    fills: Floats,
    out: Floats,
    origin: int,
    line: int,
    plane: int,
) -> None:
    """Write output rows, each of at least sixteen pixels.

    Args:
        scratch: Holds the components' rows.
        places: For each component, where its first row would be in scratch if all its rows were there.
        begin: The first output row.
        end: The row after the last.
        head: See `records`.
        parts: The components' records.
        starts: The maps' starts.
        weights: The maps' weights.
        mixing: For each channel, the components' weights and a constant.
        fills: Outer products.
        out: Where the rows go.
        origin: Where the output's first row begins there.
        line: From one row to the next.
        plane: From one channel of a pixel to the next, where they are not the last axis.
    """
    part0, part1, part2 = parts
    channels, stride, last = head.channels, head.stride, head.last == 1
    width = max(head.width, 16)
    colour, count, height = head.components == 3, head.fills, head.height
    taps0, taps1, taps2 = part0.down_taps, part1.down_taps, part2.down_taps
    red0, red1, red2, red = spread(mixing[0]), spread(mixing[1]), spread(mixing[2]), spread(mixing[3])
    green0, green1, green2, green = spread(mixing[4]), spread(mixing[5]), spread(mixing[6]), spread(mixing[7])
    blue0, blue1, blue2, blue = spread(mixing[8]), spread(mixing[9]), spread(mixing[10]), spread(mixing[11])
    for y in range(begin, end):
        first0 = part0.down_weights + y * taps0
        first1 = part1.down_weights + y * taps1
        first2 = part2.down_weights + y * taps2
        at0 = places[0] + stride * element(starts, part0.down_starts + y)
        at1 = at2 = 0
        if colour:
            at1 = places[1] + stride * element(starts, part1.down_starts + y)
            at2 = places[2] + stride * element(starts, part2.down_starts + y)
        row = origin + y * line
        for start in range(0, width, 16):
            # The last sixteen may overlap the previous ones.
            x = min(start, width - 16)
            a0, b0 = _combined(scratch, at0 + x, stride, weights, first0, taps0)
            ra, rb = fused(a0, red0, red), fused(b0, red0, red)
            ga, gb = fused(a0, green0, green), fused(b0, green0, green)
            ba, bb = fused(a0, blue0, blue), fused(b0, blue0, blue)
            if colour:
                a1, b1 = _combined(scratch, at1 + x, stride, weights, first1, taps1)
                a2, b2 = _combined(scratch, at2 + x, stride, weights, first2, taps2)
                ra, rb = fused(a2, red2, fused(a1, red1, ra)), fused(b2, red2, fused(b1, red1, rb))
                ga, gb = fused(a2, green2, fused(a1, green1, ga)), fused(b2, green2, fused(b1, green1, gb))
                ba, bb = fused(a2, blue2, fused(a1, blue1, ba)), fused(b2, blue2, fused(b1, blue1, bb))
            if count > 0:
                ra = _filled(ra, fills, count, 0, y, x, height, stride)
                rb = _filled(rb, fills, count, 0, y, x + 8, height, stride)
                ga = _filled(ga, fills, count, 1, y, x, height, stride)
                gb = _filled(gb, fills, count, 1, y, x + 8, height, stride)
                ba = _filled(ba, fills, count, 2, y, x, height, stride)
                bb = _filled(bb, fills, count, 2, y, x + 8, height, stride)
            if last and channels == 3:
                store_three(out, row + 3 * x, ra, ga, ba)
                store_three(out, row + 3 * x + 24, rb, gb, bb)
                continue
            at = row + x
            store(out, at, ra)
            store(out, at + 8, rb)
            if channels == 3:
                store(out, at + plane, ga)
                store(out, at + plane + 8, gb)
                store(out, at + 2 * plane, ba)
                store(out, at + 2 * plane + 8, bb)


@compiled
def copy_row(row: Floats, head: Record, out: Floats, at: int, plane: int) -> None:
    """Copy the beginning of a row of sixteen pixels."""
    width, channels = head.width, head.channels
    if head.last == 1:
        for i in range(channels * width):
            out[at + i] = row[i]
        return
    for channel in range(channels):
        for x in range(width):
            out[at + channel * plane + x] = row[16 * channel + x]
