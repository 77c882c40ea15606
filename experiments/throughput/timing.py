"""Timing chains side by side, a batch at a time: A B C, B C A, …, so that a machine that drifts slows all alike."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from experiments.throughput.sides import Chain

__all__ = ["STAGES", "summary", "timed_round"]

STAGES = ("decoding", "preprocessing", "network")
"""In their order; what 'decoding' holds differs: entropy decoding alone, or everything up to pixels."""

_Batches = Sequence[tuple[Sequence[bytes], Tensor]]


def _synchronised(device: torch.device) -> Callable[[], float]:
    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def _apart(chain: Chain, files: Sequence[bytes], labels: Tensor, now: Callable[[], float]) -> dict[str, float]:
    """Seconds of each stage; the network's entry counts as preprocessing."""
    seconds: dict[str, float] = {}
    value: Any = files
    for name, step in chain.steps.items():
        start = now()
        value = step(value)
        seconds[name] = now() - start
    start = now()
    chain.network(value, labels)
    seconds["network"] = now() - start
    if chain.entry is not None:
        start = now()
        chain.entry(value)
        entry = now() - start
        seconds["preprocessing"] += entry
        seconds["network"] -= entry
    return seconds


def timed_round(chains: dict[str, Chain], batches: _Batches, device: torch.device) -> dict[str, dict[str, float]]:
    """Take all batches through all chains once: in one go, then in stages.

    Args:
        chains: By side.
        batches: Files and labels.
        device: That the networks run on.

    Returns:
        For each side the seconds of the whole pass ('together'), of its stages, and of all cores ('cpu').
    """
    now = _synchronised(device)
    names = list(chains)
    seconds: dict[str, dict[str, float]] = {name: defaultdict(float) for name in names}
    for number, (files, labels) in enumerate(batches):
        labels = labels.to(device)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            busy, start = time.process_time(), now()
            chains[name].run(files, labels)
            seconds[name]["together"] += now() - start
            seconds[name]["cpu"] += time.process_time() - busy
            for stage, spent in _apart(chains[name], files, labels, now).items():
                seconds[name][stage] += spent
    return {name: dict(parts) for name, parts in seconds.items()}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}


def summary(rounds: Sequence[dict[str, dict[str, float]]], images: int, against: str = "spatial") -> dict[str, Any]:
    """Sum the rounds up.

    Args:
        rounds: From `timed_round`.
        images: Of each round.
        against: The side that the others are compared with, round by round.

    Returns:
        For each side milliseconds an image, images a second, and how many times the other side's throughput it has.
    """
    result: dict[str, Any] = {}
    for side in rounds[0]:
        own = [one[side] for one in rounds]
        result[side] = {
            "ms_per_image": {
                part: _spread([1e3 * one[part] / images for one in own]) for part in (*STAGES, "together", "cpu")
            },
            "images_per_second": _spread([images / one["together"] for one in own]),
            "throughput_ratio": _spread([one[against]["together"] / one[side]["together"] for one in rounds]),
            "input_ratio": _spread([_input(one[against]) / _input(one[side]) for one in rounds]),
            "cpu_ratio": _spread([one[side]["cpu"] / one[against]["cpu"] for one in rounds]),
        }
    return result


def _input(parts: dict[str, float]) -> float:
    return parts["decoding"] + parts["preprocessing"]
