"""Means over networks, and how far they can be trusted."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy import stats

__all__ = ["interval", "spread"]


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, and half width of its 95 % interval by Student's t (None for a single seed)."""
    count = len(values)
    half = None
    if count > 1:
        half = float(stats.t.ppf(0.975, count - 1)) * statistics.stdev(values) / math.sqrt(count)
    return {"mean": statistics.fmean(values), "half_width": half}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Summarise one number of several networks.

    Returns:
        mean, std (sample standard deviation; 0 for one network), smallest and largest.
    """
    return {
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "smallest": min(values),
        "largest": max(values),
    }
