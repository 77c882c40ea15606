"""Accuracies on the same images: differences paired image by image."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from experiments.lib.intervals import interval

__all__ = ["counts", "difference", "difference_cell", "points"]


def counts(right: Tensor, reference: Tensor) -> dict[str, int]:
    """Count right answers.

    Args:
        right: (n,) bool, of what is tested.
        reference: (n,) bool, of what it is compared with, on the same images.

    Returns:
        'right', 'gained' where the reference is wrong, 'lost' where it is right and the tested one wrong.
    """
    pairs = {"right": right, "gained": right & ~reference, "lost": reference & ~right}
    return {name: int(values.sum()) for name, values in pairs.items()}


def difference(gained: int, lost: int, images: int) -> dict[str, Any]:
    """Compute the difference of two accuracies and its standard error.

    With d_i in {−1, 0, 1} for each image, the difference is the mean of d and its standard error
    √(mean(d²) − mean(d)²)/√n.

    Args:
        gained: Images that only the first has right.
        lost: Images that only the second has right.
        images: n.

    Returns:
        'difference' and 'standard_error', both as shares.
    """
    error = math.sqrt(max(0.0, gained + lost - (gained - lost) ** 2 / images)) / images
    return {"difference": (gained - lost) / images, "standard_error": error}


def difference_cell(networks: Sequence[dict[str, Any]]) -> str:
    """Write the mean difference in points with the half width of its 95 % interval.

    Networks of several seeds differ by more than other images would make them, so the interval is Student's over the
    networks; for a single network it is that over images, 1.96 standard errors.

    Args:
        networks: Of each the results of `difference`.
    """
    over = interval([one["difference"] for one in networks])
    if over["half_width"] is None:
        over["half_width"] = 1.96 * networks[0]["standard_error"]
    return points(over)


def points(over: dict[str, Any]) -> str:
    """Write the mean of a difference of shares in points, with the half width of its 95 % interval if it has one."""
    half = over["half_width"]
    return f"{100 * over['mean']:+.1f}" + ("" if half is None else f" ± {100 * half:.1f}")
