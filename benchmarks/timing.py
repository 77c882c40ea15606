"""Interleaved timing: A B A B …, so that a machine whose speed drifts slows both sides alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments.lib.environment import describe, save

__all__ = ["interleaved", "ratio", "write"]


def interleaved(sides: Mapping[str, Callable[[], object]], repeats: int, warmup: int = 2) -> dict[str, list[float]]:
    """Time several ways of doing the same thing in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for round_ in tqdm(range(-warmup, repeats), unit="round", leave=False):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            if round_ >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(numerator: list[float], denominator: list[float]) -> dict[str, float]:
    """Compare two sides round by round.

    Returns:
        The median, smallest and largest of the rounds' ratios.
    """
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return {"median": statistics.median(ratios), "smallest": min(ratios), "largest": max(ratios)}


def write(path: Path, benchmark: str, settings: dict[str, Any], result: dict[str, Any]) -> None:
    """Write a result with its environment."""
    save({"benchmark": benchmark, "settings": settings, "environment": describe(), "result": result}, path)
    print(f"wrote {path}")
