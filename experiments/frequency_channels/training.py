"""Training and testing one network, with a checkpoint after each epoch, so that a kill costs at most one epoch."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from experiments.frequency_channels.inputs import Inputs
from experiments.frequency_channels.network import Classifier, Variant
from experiments.frequency_channels.recipe import Recipe
from jpegdomain.frequency import target_penalty

__all__ = ["Checkpoints", "Tested", "Trainer"]


class Checkpoints:
    """One file per unfinished training.

    Args:
        folder: To keep them in; made when it is needed.
        settings: All that the results depend on, plain values.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self.settings = folder, settings

    def _path(self, unit: str) -> Path:
        return self.folder / f"{unit}.pt"

    def save(self, unit: str, state: dict[str, Any]) -> None:
        """Replace the saved state; a kill at any moment leaves one whole state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._path(unit).with_suffix(".new")
        with fresh.open("wb") as file:
            torch.save({"settings": repr(self.settings), "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path(unit))

    def load(self, unit: str, device: torch.device | None = None) -> dict[str, Any] | None:
        """Load the last saved state, or None.

        Raises:
            SystemExit: If it is that of other settings.
        """
        path = self._path(unit)
        if not path.exists():
            return None
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["settings"] != repr(self.settings):
            raise SystemExit(
                f"{path} is half of a training with other settings: go on with those, take another --output, or "
                "delete it"
            )
        return saved["state"]

    def drop(self, unit: str) -> None:
        """Remove the state of a finished training."""
        self._path(unit).unlink(missing_ok=True)


_SHOWN_EVERY = 10


@dataclass(frozen=True)
class Tested:
    """A network on the test files.

    Args:
        top1: Share of images whose class has the largest logit.
        top5: Share of images whose class is among the five largest.
        keep: (n, 192), which channels a gate kept of each image; None without a gate.
    """

    top1: float
    top5: float
    keep: Tensor | None


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@dataclass(frozen=True)
class Trainer:
    """Trains networks one after the other.

    Args:
        inputs: Files to train and to test with.
        recipe: How.
        checkpoints: To keep unfinished trainings in.
        device: To compute on.
        quiet: Whether to show no progress.
    """

    inputs: Inputs
    recipe: Recipe
    checkpoints: Checkpoints
    device: torch.device
    quiet: bool = False

    def train(self, model: Classifier, variant: Variant, seed: int) -> dict[str, Any]:
        """Train a network, from where its checkpoint left it.

        Each epoch begins with random numbers of its own, so that a training that goes on draws what it would have
        drawn.

        Returns:
            'epochs': of each the loss, the accuracy on its training batches, top-1 and top-5 on the test files;
            'seconds' that training took, testing left aside.

        Raises:
            FloatingPointError: If the loss is not finite.
        """
        unit = f"{variant.name}-{seed}"
        optimiser = self.recipe.optimiser(model)
        done: dict[str, Any] = {"epochs": [], "seconds": 0.0}
        if (state := self.checkpoints.load(unit, self.device)) is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            done = state["done"]
        steps, first = len(self.inputs.train(variant, 0)), len(done["epochs"])
        with tqdm(
            total=self.recipe.epochs * steps, initial=first * steps, desc=unit, leave=False, disable=self.quiet
        ) as progress:
            for epoch in range(first, self.recipe.epochs):
                start = time.perf_counter()
                own = 1_000_003 * seed + epoch
                with _seeded(own, self.device):
                    line = self._epoch(model, variant, own, (epoch, steps), optimiser, progress)
                done["seconds"] += time.perf_counter() - start
                tested = self.test(model, variant)
                done["epochs"].append(line | {"top1": tested.top1, "top5": tested.top5})
                self.checkpoints.save(
                    unit, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "done": done}
                )
        return done

    def _epoch(
        self,
        model: Classifier,
        variant: Variant,
        seed: int,
        place: tuple[int, int],
        optimiser: torch.optim.Optimizer,
        progress: "tqdm[None]",
    ) -> dict[str, float]:
        epoch, steps = place
        model.train()
        loss, right = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        images = taken = 0
        for taken, (batch, labels) in enumerate(self.inputs.train(variant, seed), 1):
            passed = (epoch + (taken - 1) / steps) / self.recipe.epochs
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate(passed)
            own, correct = self._step(model, variant, passed, batch, labels)
            optimiser.step()
            optimiser.zero_grad()
            loss, right, images = loss + own * len(labels), right + correct, images + len(labels)
            progress.update()
            if taken % _SHOWN_EVERY == 0:
                self._check(loss, variant, epoch)
                progress.set_postfix(loss=f"{loss / images:.3f}", accuracy=f"{right / images:.3f}", refresh=False)
        self._check(loss, variant, epoch)
        return {"loss": loss.item() / max(images, 1), "training_accuracy": right.item() / max(images, 1)}

    @staticmethod
    def _check(loss: Tensor, variant: Variant, epoch: int) -> None:
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"training {variant.name} diverged: no finite loss in epoch {epoch + 1}; lower --lr"
            )

    def _step(self, model: Classifier, variant: Variant, passed: float, batch: Any, labels: Tensor) -> tuple[Any, Any]:
        """Gradients of one batch; its loss on the classes, and right answers."""
        target: float = 0
        if model.gate is not None and variant.target is not None:
            model.gate.noise, target = self.recipe.gate_at(passed, variant.target)
        with self.recipe.autocast(self.device):
            logits, keep = model(batch)
        logits = logits.float()
        loss = cross_entropy(logits, labels, label_smoothing=self.recipe.smoothing)
        penalty = 0 if keep is None else self.recipe.gate_weight * target_penalty(keep, target)
        (loss + penalty).backward()
        return loss.detach(), (logits.argmax(1) == labels).sum()

    @torch.inference_mode()
    def test(self, model: Classifier, variant: Variant) -> Tested:
        """Test a network."""
        model.eval()
        found, kept = [], []
        for batch, labels in self.inputs.test(variant):
            with self.recipe.autocast(self.device):
                logits, keep = model(batch)
            best = logits.float().topk(min(5, logits.shape[1])).indices
            found.append((best == labels[:, None]).cpu())
            if keep is not None:
                kept.append(keep.cpu())
        right = torch.cat(found).double()
        return Tested(
            right[:, 0].mean().item(), right.any(dim=1).double().mean().item(), torch.cat(kept) if kept else None
        )
