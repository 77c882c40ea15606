"""ASM and APX at any number of frequencies on one converted model, and their accuracies over several networks."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy import stats
from torch import nn

import jpegdomain as jd

__all__ = ["METHODS", "accuracy_table", "interval", "masked_layers", "set_approximation", "spread"]

METHODS = ("asm", "apx")


def masked_layers(network: nn.Module) -> list[nn.Module]:
    """Find the layers that ASM or APX approximates."""
    if isinstance(network, jd.ConvertedModel):
        return [*network.approximating.values()]
    return [layer for layer in network.modules() if hasattr(layer, "frequencies")]


def set_approximation(converted: jd.ConvertedModel, method: str, frequencies: int) -> None:
    """Set every approximated layer of a converted model as ``convert`` with these options would.

    Args:
        converted: The model.
        method: 'asm' or 'apx'.
        frequencies: 1…15.
    """
    for layer in masked_layers(converted):
        layer.method, layer.frequencies = method, frequencies


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


def accuracy_table(result: dict[str, Any]) -> str:
    """Format the accuracies of several networks over frequencies.

    Args:
        result: Its 'frequencies' maps numbers of frequencies to methods to the `spread` of their accuracies.
    """
    methods = list(dict.fromkeys(method for row in result["frequencies"].values() for method in row))
    lines = ["  frequencies   " + "   ".join(f"{method.upper():<15}" for method in methods).rstrip()]
    for n, row in result["frequencies"].items():
        cells = [f"{row[method]['mean']:.4f} ± {row[method]['std']:.4f}" for method in methods]
        lines.append(f"  {n:>11}   {'   '.join(cells)}")
    return "\n".join(lines)
