"""Short trainings and tests of networks that were trained before, or not."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import binomtest
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

import jpegdomain as jd
from experiments.frequency_adaptation.fitting import entrance
from experiments.frequency_channels.inputs import Inputs
from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.recipe import learning_rate
from experiments.frequency_channels.training import seeded
from experiments.frequency_channels.variants import Variant

__all__ = ["SCOPES", "Training", "right_answers", "share"]

SCOPES = ("entrance", "all")

_WARMUP = 0.1
"""Share of the training in which the learning rate rises."""


@dataclass(frozen=True)
class Training:
    """AdamW with a cosine schedule, the same for every network except for the learning rates.

    Args:
        epochs: Passes over the files.
        lr: Largest learning rate of layers that start at random.
        carried: Largest learning rate of layers that were trained before, or fitted.
        decay: Of the weights.
        scope: 'entrance' to train stem and first block alone, or what is left of them; 'all' to train all layers.
    """

    epochs: int
    lr: float
    carried: float
    decay: float
    scope: str

    def groups(self, network: nn.Module, start: str) -> list[dict[str, Any]]:
        """Divide a network's parameters by learning rate.

        Args:
            network: To train.
            start: 'kept' for the network on RGB, 'fitted' or 'random' for an adapted one, 'scratch'.

        Returns:
            Groups with their largest 'rate'.
        """
        every = list(network.parameters())
        if start == "scratch":
            return [{"params": every, "rate": self.lr}]
        first = [one for module in entrance(network) for one in module.parameters()]
        ids = {id(one) for one in first}
        groups = [{"params": first, "rate": self.lr if start == "random" else self.carried}]
        if self.scope == "all":
            groups.append({"params": [one for one in every if id(one) not in ids], "rate": self.carried})
        return groups

    @staticmethod
    def modes(model: Classifier, start: str) -> None:
        """Put layers whose batch norms have no statistics yet into training mode, all others into eval mode."""
        model.train(start == "scratch")
        if start == "random":
            entrance(model.network)[-1].train()

    def train(
        self, model: Classifier, start: str, inputs: Inputs, variant: Variant, seed: int, classes: Tensor, quiet: bool
    ) -> dict[str, float]:
        """Train a network.

        Args:
            model: The network, trained in place.
            start: As for `groups`.
            inputs: Files to train with.
            variant: What the network takes.
            seed: Of order and crops.
            classes: (k,) the network's numbers of the data's classes.
            quiet: Whether to show no progress.

        Returns:
            The 'loss' of the last epoch and the accuracy on its batches, and 'seconds'.

        Raises:
            FloatingPointError: If the loss is not finite.
        """
        groups = self.groups(model.network, start)
        optimiser = torch.optim.AdamW(groups, self.lr, weight_decay=self.decay, fused=True)
        self.modes(model, start)
        began, steps, step = time.perf_counter(), self.epochs * inputs.steps, 0
        with tqdm(total=steps, desc=f"{variant.name}, {start}", leave=False, disable=quiet) as progress:
            for epoch in range(self.epochs):
                # Loss, right answers, images.
                sums = torch.zeros(3, device=classes.device)
                own = 1_000_003 * seed + epoch
                # Dropout draws the same whatever the process did before.
                with seeded(own, classes.device):
                    for parts in inputs.train(variant, own):
                        for group in optimiser.param_groups:
                            group["lr"] = group["rate"] * learning_rate(step / steps, "cosine", _WARMUP)
                        sums += self._step(model, parts, classes)
                        optimiser.step()
                        optimiser.zero_grad()
                        progress.update()
                        step += 1
        loss, right, images = sums.tolist()
        if not math.isfinite(loss):
            raise FloatingPointError(f"training {variant.name} ({start}) diverged: lower --lr or --carried")
        return {"loss": loss / images, "training_accuracy": right / images, "seconds": time.perf_counter() - began}

    def _step(self, model: Classifier, parts: Sequence[tuple[jd.JpegBatch, Tensor]], classes: Tensor) -> Tensor:
        labels = classes[torch.cat([own for _, own in parts])]
        logits, _ = model(*(batch for batch, _ in parts))
        loss = cross_entropy(logits, labels)
        loss.backward()
        right = (logits.argmax(1) == labels).sum()
        return torch.stack([loss.detach() * len(labels), right.float(), torch.full_like(loss, len(labels))])


@torch.inference_mode()
def right_answers(model: Classifier, batches: Iterable[tuple[jd.JpegBatch, Tensor]], classes: Tensor) -> dict[str, int]:
    """Count the right answers.

    Args:
        model: To test.
        batches: With labels.
        classes: (k,) the network's number of each label.

    Returns:
        'files', 'top1' and 'top5' over all of the network's classes, 'within': top-1 if only `classes` are answers.
    """
    model.eval()
    counts = {"files": 0, "top1": 0, "top5": 0, "within": 0}
    for batch, labels in batches:
        logits, _ = model(batch)
        found = logits.topk(min(5, logits.shape[1])).indices == classes[labels][:, None]
        counts["files"] += len(labels)
        counts["top1"] += int(found[:, 0].sum())
        counts["top5"] += int(found.any(1).sum())
        counts["within"] += int((logits[:, classes].argmax(1) == labels).sum())
    return counts


def share(right: int, files: int) -> dict[str, float]:
    """Return a share of right answers with its 95 % interval (Wilson's): 'mean', 'low', 'high'."""
    interval = binomtest(right, files).proportion_ci(method="wilson")
    return {"mean": right / files, "low": float(interval.low), "high": float(interval.high)}
