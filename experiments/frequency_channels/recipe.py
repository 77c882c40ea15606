"""How every network of `experiments.frequency_channels` is trained: one budget for all of them, by preset."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.variants import Variant
from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, ChannelGate, Schedule

__all__ = ["OPTIMISERS", "PRECISIONS", "SCHEDULES", "Recipe", "learning_rate", "resolved"]

OPTIMISERS = ("sgd", "adamw")
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

_INSTRUCTION = "amx_bf16"
"""The processors' instruction with which bfloat16 is faster. With `avx512_bf16` alone a step of resnet18 took 1.25 × as
long as in float32."""


def resolved(precision: str, device: torch.device) -> str:
    """Choose a precision.

    Args:
        precision: One of `PRECISIONS`; 'auto' is bfloat16 on GPUs that have it and on processors with AMX.
        device: The device that the networks are on.

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
    return _INSTRUCTION in flags


_REFERENCE_BATCH = 256
_MOMENTUM = 0.9

_OPEN = 0.15
"""Share of the training in which a gate with a target keeps every channel: the network learns with all of them."""
_REACHED = 0.4
"""Share of the training after which a gate's target is reached; the network has the rest for the channels left."""
_SETTLED = 0.8
"""Share of the training after which the decisions of a gate with a price are those in eval mode."""
_GATE_RATE = 50.0
_GATE_MARGIN = 0.5
"""A gate's learning rate, without momentum, and the margin by which it keeps every channel at first.

A penalty pushes all channels alike, and only the task's gradient, which is much smaller than that of a penalty of
weight 1, tells them apart. So the penalty's weight is small and the rate is large: with their product alone, a gate
swings between few channels and nearly all.
"""
_FINE = 1000
"""Steps of a schedule over the whole training."""


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum, or AdamW, at the same rates for every variant.

    Args:
        epochs: Passes over the files.
        batch: Images of a step.
        nesterov: Whether the momentum is Nesterov's.
        lr: Largest learning rate for 256 images a step; other numbers scale it in proportion.
        schedule: 'cosine' or 'step', of `learning_rate`.
        warmup: Epochs in which the learning rate rises.
        decay: Weight decay.
        smoothing: Label smoothing.
        gate_weight: Weight of the penalty that draws a gate to its target.
        precision: 'float32' or 'bfloat16'.
        optimiser: One of `OPTIMISERS`.
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
    optimiser: str = "sgd"

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Compute in the recipe's precision."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def new_optimiser(self, model: Classifier) -> torch.optim.Optimizer:
        """Make the optimiser; a gate has neither weight decay nor momentum, and a constant rate.

        Raises:
            InputError: If AdamW is to train a gate.
        """
        if self.optimiser == "adamw":
            if model.gate is not None:
                raise InputError("gates are trained by sgd only")
            return torch.optim.AdamW(model.network.parameters(), self.lr, weight_decay=self.decay, fused=True)
        rule = {"momentum": _MOMENTUM, "nesterov": self.nesterov}
        groups = [{"params": list(model.network.parameters()), "weight_decay": self.decay, **rule}]
        if model.gate is not None:
            groups.append({"params": list(model.gate.parameters()), "gate": True})
        # One pass over the weights a step: on CPU, several times as fast as one for each operation.
        return torch.optim.SGD(groups, self.lr, fused=True)

    def set_rates(self, optimiser: torch.optim.Optimizer, progress: float) -> None:
        """Set the learning rates for this share of the training's steps."""
        for group in optimiser.param_groups:
            group["lr"] = _GATE_RATE if group.get("gate") else self.rate(progress)

    def rate(self, progress: float) -> float:
        """The network's learning rate for the recipe's batch, after this share of the training's steps."""
        factor = learning_rate(progress, self.schedule, min(self.warmup / self.epochs, 0.5))
        return factor * self.lr * self.batch / _REFERENCE_BATCH

    @staticmethod
    def prepare(gate: ChannelGate, variant: Variant) -> None:
        """Let a gate with a target begin with every channel open."""
        if variant.target is not None:
            with torch.no_grad():
                assert gate.conv2.bias is not None
                gate.conv2.bias.copy_(torch.tensor([0.0, _GATE_MARGIN]).repeat(gate.channels))

    @staticmethod
    def gate_at(progress: float, target: int | None) -> tuple[float, float]:
        """A gate's noise and current target.

        Args:
            progress: Share of the training's steps that have been taken.
            target: Channels that it has to keep in the end; None for a gate that pays for each.

        Returns:
            The noise of its decisions, and the current target. With a target, no noise, and a target that falls from
            all channels in equal ratios; with a price, noise that falls from the paper's 1 to 0.
        """
        if target is None:
            return Schedule(1.0, 0.0, int(_SETTLED * _FINE), "cosine")(int(progress * _FINE)), CHANNELS
        falling = Schedule(CHANNELS, target, int((_REACHED - _OPEN) * _FINE))
        return 0.0, falling(max(0, int((progress - _OPEN) * _FINE)))
