"""How every network of `experiments.frequency_channels` is trained: one budget for all of them, by preset."""

import argparse
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from experiments.frequency_channels.network import Classifier
from jpegdomain.frequency import CHANNELS, Schedule

__all__ = ["PRECISIONS", "PRESETS", "SCHEDULES", "Recipe", "fill_in", "learning_rate", "resolved"]

SCHEDULES = ("cosine", "step")


def learning_rate(progress: float, schedule: str, warmup: float = 0.0) -> float:
    """The factor of the largest learning rate.

    'cosine': ½·(1 + cos π·t), where t runs from 0 to 1 after the warm-up. 'step': a tenth after each third of the
    training, as in 90 epochs with a step every 30. During the warm-up the factor rises linearly, from 0.

    Args:
        progress: Share of the training's steps that have been taken, 0…1.
        schedule: One of `SCHEDULES`.
        warmup: Share of the training, 0…1.

    Returns:
        0…1.
    """
    if progress < warmup:
        return progress / warmup
    if schedule == "step":
        return 0.1 ** math.floor(3 * progress)
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


PRECISIONS = ("auto", "float32", "bfloat16")

_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def resolved(precision: str, device: torch.device) -> str:
    """Choose a precision.

    Args:
        precision: One of `PRECISIONS`; 'auto' is bfloat16 where the device has instructions for it.
        device: That the networks are on.

    Returns:
        'float32' or 'bfloat16'.
    """
    if precision != "auto":
        return precision
    return "bfloat16" if _fast_bfloat16(device) else "float32"


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return any(instruction in flags for instruction in _INSTRUCTIONS)


_TABLE_1 = ("RGB", "YCbCr", "DCT-192", "24D", "24S", "24T", "48S", "48T", "64S", "64T")
_TABLE_2 = ("RGB", "6S", "12S", "24S", "32S")

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "model": "resnet18",
        "variants": ("RGB", "DCT-192", "24S", "gate-24"),
        "seeds": 1,
        "side": 48,
        "short": 48,
        "area": 0.25,
        "limit": 256,
        "epochs": 1,
        "batch": 32,
        "nesterov": True,
        "lr": 0.1,
        "schedule": "cosine",
        "warmup": 0.25,
        "decay": 5e-4,
        "smoothing": 0.1,
    },
    "cpu": {
        "model": "resnet18",
        "variants": ("RGB", "YCbCr", "DCT-192", "24S", "24T", "24D", "gate-24"),
        "seeds": 3,
        "side": 80,
        "short": 80,
        "area": 0.25,
        "limit": None,
        "epochs": 5,
        "batch": 64,
        "nesterov": True,
        "lr": 0.2,
        "schedule": "cosine",
        "warmup": 1.0,
        "decay": 5e-4,
        "smoothing": 0.1,
    },
    "full": {
        "model": "resnet50",
        "variants": _TABLE_1,
        "seeds": 1,
        "side": 224,
        "short": 256,
        "area": 0.08,
        "limit": None,
        "epochs": 90,
        "batch": 256,
        "nesterov": False,
        "lr": 0.1,
        "schedule": "step",
        "warmup": 0.0,
        "decay": 1e-4,
        "smoothing": 0.0,
    },
}
"""'smoke': a minute. 'cpu': two cores. 'full': the field's recipe for ResNet-50, which theirs follows."""

_MOBILENET = {"variants": _TABLE_2, "epochs": 150, "lr": 0.05, "schedule": "cosine", "decay": 4e-5}
"""What is another recipe for MobileNetV2 in 'full'."""


def fill_in(options: argparse.Namespace) -> None:
    """Fill options that were not given with the preset's values.

    Args:
        options: With ``preset``, and None for every option that was not given; filled in place.
    """
    values = dict(PRESETS[options.preset])
    model = options.model or values["model"]
    if model.startswith("mobilenet"):
        values |= _MOBILENET if options.preset == "full" else {"variants": _TABLE_2}
    for name, value in values.items():
        if getattr(options, name, value) is None:
            setattr(options, name, value)


_REFERENCE_BATCH = 256
_MOMENTUM = 0.9

_SETTLED = 0.8
"""Share of the training after which a gate's decisions in training are those in eval mode."""
_REACHED = 0.5
"""Share of the training after which a gate's target is reached."""
_FINE = 1000
"""Steps of a schedule over the whole training."""


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum, at the same rates for every variant.

    Args:
        epochs: Passes over the files.
        batch: Images of a step.
        nesterov: Whether the momentum is Nesterov's.
        lr: Largest learning rate for 256 images a step; in proportion for others.
        schedule: 'cosine' or 'step', of `learning_rate`.
        warmup: Epochs in which the learning rate rises.
        decay: Of the weights.
        smoothing: Of the labels.
        gate_weight: Of the penalty that draws a gate to its target.
        precision: 'float32' or 'bfloat16'.
    """

    epochs: int
    batch: int
    nesterov: bool
    lr: float
    schedule: str
    warmup: float
    decay: float
    smoothing: float
    gate_weight: float
    precision: str

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Compute in the recipe's precision."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def optimiser(self, model: Classifier) -> torch.optim.SGD:
        """Make the optimiser; a gate has no weight decay."""
        groups = [{"params": list(model.network.parameters()), "weight_decay": self.decay}]
        if model.gate is not None:
            groups.append({"params": list(model.gate.parameters()), "weight_decay": 0.0})
        # One pass over the weights a step: on CPU, several times as fast as one for each operation.
        return torch.optim.SGD(groups, self.lr, momentum=_MOMENTUM, nesterov=self.nesterov, fused=True)

    def rate(self, progress: float) -> float:
        """The learning rate for the recipe's batch, after this share of the training's steps."""
        factor = learning_rate(progress, self.schedule, min(self.warmup / self.epochs, 0.5))
        return factor * self.lr * self.batch / _REFERENCE_BATCH

    def gate_at(self, progress: float, target: int) -> tuple[float, float]:
        """A gate's noise and current target: at first every channel is kept, and no decision is final.

        Args:
            progress: Share of the training's steps that have been taken.
            target: Channels that it has to keep in the end.

        Returns:
            The noise of its decisions, 1…0, and the current target.
        """
        noise = Schedule(1.0, 0.0, int(_SETTLED * _FINE), "cosine")
        channels = Schedule(CHANNELS, target, int(_REACHED * _FINE), "cosine")
        step = int(progress * _FINE)
        return noise(step), channels(step)
