"""A stage on all eight rows or columns of a tile, for all channels of a run."""

from collections.abc import Callable
from typing import Any, Final

from jpegdomain.compiled.jit import compiled

from .memory import fetch_to_read, fetch_to_write
from .stages import stage
from .vectors import VECTOR_BYTES

__all__ = ["choose", "forward", "forward_cut_inverse", "inverse"]
__all__ += ["inverse_choose_forward", "inverse_clip", "inverse_clip_forward"]

_VECTOR: Final = VECTOR_BYTES


def _sweep(*steps: str) -> Callable[..., None]:
    """Make the sweep of a stage.

    Args:
        *steps: As in `stages.stage`.

    Returns:
        sweep(source, other, target, clamp, lines, run, item): three places (address, step from line to line, step
        from vector to vector, bytes to what comes next, which is fetched ahead, or 0); the clamp; (count,
        there, read, written, cut, read limit, cut limit), of which the limits fall by one from line to line and the
        lines beyond `there` are zero; the bytes of a pixel's channels; the bytes of an element.
    """
    do = stage(*steps)

    def sweep(source: Any, other: Any, target: Any, clamp: Any, lines: Any, run: int, item: int) -> None:
        count, there, most_read, written, most_cut, read_limit, cut_limit = lines
        for line in range(count):
            read = max(0, min(most_read, read_limit - line)) if line < there else 0
            cut = max(0, min(most_cut, cut_limit - line)) if line < there else 0
            all_there = read == 8 and written == 8 and cut == 8
            a, b, c = source[0] + line * source[1], other[0] + line * other[1], target[0] + line * target[1]
            for first in range(0, run, _VECTOR):
                if source[3] != 0:
                    fetch_to_read(a + first + source[3], source[2])
                if target[3] != 0:
                    fetch_to_write(c + first + target[3], target[2])
                places = (a + first, source[2]), (b + first, other[2]), (c + first, target[2])
                if all_there and first + _VECTOR <= run:
                    do(places[0], places[1], places[2], clamp, ())
                else:
                    lanes = min(_VECTOR, run - first) // item
                    do(places[0], places[1], places[2], clamp, (lanes, read, written, cut))

    sweep.__qualname__ = f"sweep_{'_'.join(steps)}"
    return compiled(sweep)


forward = _sweep("forward")
inverse = _sweep("inverse")
inverse_clip = _sweep("inverse", "clip")
inverse_clip_forward = _sweep("inverse", "clip", "cut", "forward")
inverse_choose_forward = _sweep("inverse", "choose", "cut", "forward")
forward_cut_inverse = _sweep("forward", "cut", "inverse")
choose = _sweep("choose")
