"""Measurements: the times of chains side by side, and whether they compute the same."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import jpegdomain as jd
from experiments.throughput.sides import JPEG_SIDES, Chain, Geometry
from jpegdomain.decoding import Entry

__all__ = ["STAGES", "checked", "summary", "timed_round", "total"]

STAGES = ("decoding", "preprocessing", "network")
"""The stages in their order; 'decoding' is only entropy decoding, or everything up to pixels, depending on the side."""

_Batches = Sequence[tuple[Sequence[bytes], Tensor]]


def _synchronised(device: torch.device) -> Callable[[], float]:
    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def _apart(chain: Chain, files: Sequence[bytes], labels: Tensor, now: Callable[[], float]) -> dict[str, float]:
    """Return the seconds of each stage; the network's entry counts as preprocessing."""
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
    """Run all batches through all chains once: first as a whole, then stage by stage.

    Returns:
        For each side: the seconds of the whole pass ('together'), of its stages, and the CPU time of all cores ('cpu').
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
    """Summarise the rounds.

    Returns:
        For each side: milliseconds per image, images per second, and its throughput over the other side's.
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


def _pixels(file: bytes, entry: Entry, geometry: Geometry, device: torch.device) -> Tensor:
    """Return (1, c, h, w) levels: the float decoding of the whole file, after torchvision's transforms."""
    batch = jd.collate([jd.read_jpeg(file)], dtype=torch.float64, device=device)
    decode = jd.decode_luma if entry.channels == 1 else jd.decode_rgb
    return geometry.theirs()(decode(batch))


@torch.inference_mode()
def checked(
    model: nn.Module,
    plans: dict[str, jd.ConvertedModel],
    files: Sequence[bytes],
    geometry: Geometry,
    device: torch.device,
) -> dict[str, Any]:
    """Compare the logits on one batch.

    The spatial network gets `decode_rgb` of each file, resized and cropped by torchvision in float64.

    Args:
        model: The spatial model, in float64 and eval mode.
        plans: Its conversions, in float64 too.
        files: The files of the batch.
        geometry: Geometry of the images before the network.
        device: Device of the models.

    Returns:
        The number of files; the largest logit; for how many files both plans have the same top-1; and for each plan,
        the largest deviation from the spatial network and for how many files it has the same top-1.
    """
    entry = plans["fused"].jpeg_entry
    levels = torch.cat([_pixels(file, entry, geometry, device) for file in files])
    mean, std = (values.view(1, -1, 1, 1) for values in (entry.mean, entry.std))
    expected = model((levels / 255 - mean) / std)
    batch = jd.collate(jd.read_jpegs(files), preprocess=geometry.ours(), dtype=torch.float64, device=device)
    logits = {plan: converted(batch) for plan, converted in plans.items()}
    if not all(values.isfinite().all() for values in (expected, *logits.values())):
        raise FloatingPointError("a logit is not a finite number, so nothing can be compared")
    winners = {plan: values.argmax(1) for plan, values in logits.items()}
    return {
        "files": len(files),
        "largest_logit": expected.abs().max().item(),
        "plans_agree": int((winners["fused"] == winners["transform"]).sum()),
        "deviation": {plan: (values - expected).abs().max().item() for plan, values in logits.items()},
        "agree": {plan: int((expected.argmax(1) == winner).sum()) for plan, winner in winners.items()},
    }


def total(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Combine the results of batches."""
    files = sum(part["files"] for part in parts)
    largest = max(part["largest_logit"] for part in parts)
    return {
        "files": files,
        "same_top1_of_plans": sum(part["plans_agree"] for part in parts) / files,
        "same_top1": {plan: sum(part["agree"][plan] for part in parts) / files for plan in JPEG_SIDES},
        "relative_deviation": {plan: max(part["deviation"][plan] for part in parts) / largest for plan in JPEG_SIDES},
    }
