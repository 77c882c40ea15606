"""Whole images of one kind: the function that Python calls."""

from jpegdomain.compiled.jit import compiled

from .dct import scale_steps
from .horizontal import combine_columns, write_columns
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
from .vertical import copy_row, write_rows

__all__ = ["render"]


@compiled
def _write_rows(
    coefficients: Coefficients,
    begin: int,
    groups: tuple[int, int],
    layout: Integers,
    part: int,
    starts: Starts,
    weights: Floats,
    scratch: Floats,
    steps: int,
    target: int,
) -> int:
    """Write a component's rows for one band to scratch, from `target` on; return where they end."""
    lanes = 8 // layout[part + USED] * layout[part + USED]
    source = layout[COLUMNS_AT]
    for group in range(groups[0], groups[1]):
        write_columns(coefficients, begin, layout, part, group, scratch, steps, source)
        combine_columns(scratch, source, target, layout, part, starts, weights)
        target += lanes * layout[STRIDE]
    return target


def render(
    coefficients: tuple[Coefficients, Coefficients, Coefficients],
    steps: tuple[Steps, Steps, Steps],
    layout: Integers,
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
        layout: int64, see `slots`.
        starts: int32, the maps' starts.
        weights: float32, the maps' weights.
        mixing: float32 (3, 4): for each channel, the components' weights and a constant.
        fills: float32, see `vertical`.
        scratch: float32, to work in.
        out: float32, the output.
        places: int64: for each image, where it begins in the output.
    """
    narrow = scratch[:48]
    width = layout[WIDTH]
    plane = width * layout[HEIGHT]
    line = width * layout[CHANNELS] if layout[LAST] == 1 else width
    luma, blue, red = coefficients
    steps0, steps1, steps2 = steps
    colour = layout[COUNT] == 3
    part0, part1, part2 = HEAD, HEAD + PART, HEAD + 2 * PART
    one0 = layout[part0 + BLOCK_ROWS] * layout[part0 + BLOCK_COLUMNS] * layout[part0 + KEEP] * layout[part0 + KEEP]
    one1 = layout[part1 + BLOCK_ROWS] * layout[part1 + BLOCK_COLUMNS] * layout[part1 + KEEP] * layout[part1 + KEEP]
    one2 = layout[part2 + BLOCK_ROWS] * layout[part2 + BLOCK_COLUMNS] * layout[part2 + KEEP] * layout[part2 + KEEP]
    stride = layout[STRIDE]
    for image in range(len(places)):
        scale_steps(steps0, 64 * image, layout[part0 + SAMPLES] == 1, scratch, STEPS_AT)
        if colour:
            scale_steps(steps1, 64 * image, layout[part1 + SAMPLES] == 1, scratch, STEPS_AT + 64)
            scale_steps(steps2, 64 * image, layout[part2 + SAMPLES] == 1, scratch, STEPS_AT + 128)
        for number in range(layout[BANDS]):
            band = layout[FIRST_BAND] + BAND * number
            rows0, rows1, rows2 = layout[ROWS_AT], 0, 0
            groups = (layout[band + 2], layout[band + 3])
            rows1 = _write_rows(luma, one0 * image, groups, layout, part0, starts, weights, scratch, STEPS_AT, rows0)
            if colour:
                groups = (layout[band + 4], layout[band + 5])
                rows2 = _write_rows(
                    blue, one1 * image, groups, layout, part1, starts, weights, scratch, STEPS_AT + 64, rows1
                )
                groups = (layout[band + 6], layout[band + 7])
                _write_rows(red, one2 * image, groups, layout, part2, starts, weights, scratch, STEPS_AT + 128, rows2)
            # Rows are counted from the beginning of the component: these are where its first one would stand.
            rows0 -= layout[band + 2] * (8 // layout[part0 + USED] * layout[part0 + USED]) * stride
            rows1 -= layout[band + 4] * (8 // layout[part1 + USED] * layout[part1 + USED]) * stride
            rows2 -= layout[band + 6] * (8 // layout[part2 + USED] * layout[part2 + USED]) * stride
            first, end = layout[band], layout[band + 1]
            at = (rows0, rows1, rows2)
            if width >= 16:
                write_rows(
                    scratch, at, first, end, layout, starts, weights, mixing, fills, out, places[image], line, plane
                )
                continue
            for y in range(first, end):
                write_rows(scratch, at, y, y + 1, layout, starts, weights, mixing, fills, narrow, -48 * y, 48, 16)
                copy_row(narrow, layout, out, places[image] + y * line, plane)
