"""Time of one image, from the bytes that arrive to the logits, and of the network alone."""

import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import jpegdomain as jd
from benchmarks.timing import interleaved, ratio
from experiments.frequency_channels.answers import File, answers
from experiments.frequency_channels.saved import Saved, middle
from experiments.frequency_costs.bytes import arriving

__all__ = ["PRECISION", "latencies"]

PRECISION = "float32"
"""That images are timed in, whatever the networks were trained in."""

_REFERENCE = "RGB"


def _from_bytes(one: Saved, data: Sequence[bytes], settings: dict[str, Any]) -> Callable[[], Tensor]:
    """Classify the next file at every call."""
    following, geometry = itertools.cycle(data), middle(settings, one.variant)

    def run() -> Tensor:
        return one.model(jd.collate([jd.read_jpeg(next(following))], preprocess=geometry))[0]

    return run


def _alone(one: Saved, data: Sequence[bytes], settings: dict[str, Any]) -> Callable[[], Tensor]:
    """Run the network, and its gate, on the next file's pixels or channels, which are ready."""
    batches = [jd.collate([jd.read_jpeg(own)], preprocess=middle(settings, one.variant)) for own in data]
    ready = [one.model.entry(batch).contiguous(memory_format=torch.channels_last) for batch in batches]
    following, model = itertools.cycle(ready), one.model

    def run() -> Tensor:
        x = next(following)
        return model.network(x if model.gate is None else model.gate(x)[0])

    return run


@torch.inference_mode()
def latencies(
    networks: Sequence[Saved], files: Sequence[File], repeats: int, settings: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Time all networks in turn, round by round, each round on another file, in single precision.

    Args:
        networks: They are moved to the CPU.
        files: The files, of which each network gets the channels that it takes.
        repeats: Rounds.
        settings: Of the report.

    Returns:
        By network's name, 'bytes' and 'network': each the median milliseconds of an image and, where there is a network
        on RGB of that seed, 'ratio' to its time, the median, smallest and largest of the rounds.
    """
    images = [file.image for file in files]
    labels = torch.tensor([file.label for file in files])
    sides: dict[str, Callable[[], Tensor]] = {}
    for one in networks:
        one.model.to("cpu")
        _, keep = answers(one, images, labels, "test", settings)
        data = arriving(one, images, keep).data
        sides[f"{one.name}/bytes"] = _from_bytes(one, data, settings)
        sides[f"{one.name}/network"] = _alone(one, data, settings)
    seconds = interleaved(sides, repeats)
    found: dict[str, dict[str, Any]] = {}
    for one in networks:
        for part in ("bytes", "network"):
            own = seconds[f"{one.name}/{part}"]
            row: dict[str, Any] = {"milliseconds": 1e3 * statistics.median(own)}
            if (theirs := seconds.get(f"{_REFERENCE}-{one.seed}/{part}")) is not None:
                row["ratio"] = ratio(own, theirs)
            found.setdefault(one.name, {})[part] = row
    return found
