"""How every network of `experiments.frequency_channels` is trained: one budget for all of them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.schedule import learning_rate
from jpegdomain.frequency import CHANNELS, Schedule

__all__ = ["Recipe"]

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
        """Compute in the recipe's precision.

        Args:
            device: Of the network.

        Returns:
            The context to compute in.
        """
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def optimiser(self, model: Classifier) -> torch.optim.SGD:
        """Make the optimiser.

        Args:
            model: To train.

        Returns:
            SGD; what a gate has decided, no decay is to undo.
        """
        groups = [{"params": list(model.network.parameters()), "weight_decay": self.decay}]
        if model.gate is not None:
            groups.append({"params": list(model.gate.parameters()), "weight_decay": 0.0})
        # One pass over the weights a step: on CPU, several times as fast as one for each operation.
        return torch.optim.SGD(groups, self.lr, momentum=_MOMENTUM, nesterov=self.nesterov, fused=True)

    def rate(self, progress: float) -> float:
        """Give the learning rate.

        Args:
            progress: Share of the training's steps that have been taken.

        Returns:
            For the recipe's batch.
        """
        factor = learning_rate(progress, self.schedule, min(self.warmup / self.epochs, 0.5))
        return factor * self.lr * self.batch / _REFERENCE_BATCH

    def gate_at(self, progress: float, target: int) -> tuple[float, float]:
        """Give what a gate is trained with: first every channel is kept, and no decision is final.

        Args:
            progress: Share of the training's steps that have been taken.
            target: Channels that it is to keep in the end.

        Returns:
            The noise of its decisions, 1…0, and how many channels it is to keep by now.
        """
        noise = Schedule(1.0, 0.0, int(_SETTLED * _FINE), "cosine")
        channels = Schedule(CHANNELS, target, int(_REACHED * _FINE), "cosine")
        step = int(progress * _FINE)
        return noise(step), channels(step)
