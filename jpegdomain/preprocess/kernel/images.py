"""Whole images of one kind: the function that Python calls."""

from jpegdomain.compiled.jit import compiled

from .across import combine_columns
from .columns import write_columns
from .dct import scale_steps
from .down import copy_row, write_rows
from .slots import (
    BAND,
    BANDS,
    BLOCK_COLUMNS,
    BLOCK_ROWS,
    CHANNELS,
    COLUMNS_AT,
    COUNT,
    FIRST_BAND,
    HEAD,
    HEIGHT,
    KEEP,
    LAST,
    PART,
    ROWS_AT,
    SAMPLES,
    STEPS_AT,
    STRIDE,
    USED,
    WIDTH,
    Coefficients,
    Floats,
    Integers,
    Starts,
    Steps,
)

__all__ = ["render"]


@compiled
def _write_rows(
    coefficients: Coefficients,
    begin: int,
    groups: tuple[int, int],
    plan: Integers,
    part: int,
    starts: Starts,
    weights: Floats,
    scratch: Floats,
    steps: int,
    target: int,
) -> int:
    """Write a component's rows for one band to scratch, from `target` on; return where they end."""
    lanes = 8 // plan[part + USED] * plan[part + USED]
    source = plan[COLUMNS_AT]
    for group in range(groups[0], groups[1]):
        write_columns(coefficients, begin, plan, part, group, scratch, steps, source)
        combine_columns(scratch, source, target, plan, part, starts, weights)
        target += lanes * plan[STRIDE]
    return target


def render(
    coefficients: tuple[Coefficients, Coefficients, Coefficients],
    steps: tuple[Steps, Steps, Steps],
    plan: Integers,
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
        coefficients: For each component int16, one image's (block rows, block columns, m·m) behind the other's. Of
            one component, the others are not looked at.
        steps: For each component uint16, one image's 64 quantisation steps behind the other's.
        plan: int64, see `slots`.
        starts: int32, the maps' starts.
        weights: float32, the maps' weights.
        mixing: float32 (3, 4): for each channel, the components' weights and a constant.
        fills: float32, see `down`.
        scratch: float32, to work in.
        out: float32, the output.
        places: int64: for each image, where it begins in the output.
    """
    narrow = scratch[:48]
    width = plan[WIDTH]
    plane = width * plan[HEIGHT]
    line = width * plan[CHANNELS] if plan[LAST] == 1 else width
    luma, blue, red = coefficients
    steps0, steps1, steps2 = steps
    colour = plan[COUNT] == 3
    part0, part1, part2 = HEAD, HEAD + PART, HEAD + 2 * PART
    one0 = plan[part0 + BLOCK_ROWS] * plan[part0 + BLOCK_COLUMNS] * plan[part0 + KEEP] * plan[part0 + KEEP]
    one1 = plan[part1 + BLOCK_ROWS] * plan[part1 + BLOCK_COLUMNS] * plan[part1 + KEEP] * plan[part1 + KEEP]
    one2 = plan[part2 + BLOCK_ROWS] * plan[part2 + BLOCK_COLUMNS] * plan[part2 + KEEP] * plan[part2 + KEEP]
    stride = plan[STRIDE]
    for image in range(len(places)):
        scale_steps(steps0, 64 * image, plan[part0 + SAMPLES] == 1, scratch, STEPS_AT)
        if colour:
            scale_steps(steps1, 64 * image, plan[part1 + SAMPLES] == 1, scratch, STEPS_AT + 64)
            scale_steps(steps2, 64 * image, plan[part2 + SAMPLES] == 1, scratch, STEPS_AT + 128)
        for number in range(plan[BANDS]):
            band = plan[FIRST_BAND] + BAND * number
            rows0, rows1, rows2 = plan[ROWS_AT], 0, 0
            groups = (plan[band + 2], plan[band + 3])
            rows1 = _write_rows(luma, one0 * image, groups, plan, part0, starts, weights, scratch, STEPS_AT, rows0)
            if colour:
                groups = (plan[band + 4], plan[band + 5])
                rows2 = _write_rows(
                    blue, one1 * image, groups, plan, part1, starts, weights, scratch, STEPS_AT + 64, rows1
                )
                groups = (plan[band + 6], plan[band + 7])
                _write_rows(red, one2 * image, groups, plan, part2, starts, weights, scratch, STEPS_AT + 128, rows2)
            # Rows are counted from the beginning of the component: these are where its first one would stand.
            rows0 -= plan[band + 2] * (8 // plan[part0 + USED] * plan[part0 + USED]) * stride
            rows1 -= plan[band + 4] * (8 // plan[part1 + USED] * plan[part1 + USED]) * stride
            rows2 -= plan[band + 6] * (8 // plan[part2 + USED] * plan[part2 + USED]) * stride
            first, end = plan[band], plan[band + 1]
            at = (rows0, rows1, rows2)
            if width >= 16:
                write_rows(
                    scratch, at, first, end, plan, starts, weights, mixing, fills, out, places[image], line, plane
                )
                continue
            for y in range(first, end):
                write_rows(scratch, at, y, y + 1, plan, starts, weights, mixing, fills, narrow, -48 * y, 48, 16)
                copy_row(narrow, plan, out, places[image] + y * line, plane)
