"""Training and testing one network, with a checkpoint after each epoch, so that a kill costs at most one epoch."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from experiments.frequency_channels.inputs import Inputs
from experiments.frequency_channels.network import Classifier
from experiments.frequency_channels.recipe import Recipe
from experiments.frequency_channels.variants import Variant
from experiments.lib.team import Team
from jpegdomain.frequency import gate_penalty, target_penalty

__all__ = ["Checkpoints", "Tested", "Trainer", "seeded"]


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

    def load(self, unit: str) -> dict[str, Any] | None:
        """Load the last saved state into main memory, or None.

        Raises:
            SystemExit: If it is that of other settings.
        """
        path = self._path(unit)
        if not path.exists():
            return None
        saved = torch.load(path, map_location="cpu", weights_only=True)
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
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from this seed within a block, and leave the generators outside as they were."""
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

    @property
    def team(self) -> Team:
        """The processes that train a network together."""
        return self.inputs.team

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
        if model.gate is not None:
            self.recipe.prepare(model.gate, variant)
        optimiser = self.recipe.new_optimiser(model)
        done: dict[str, Any] = {"epochs": [], "seconds": 0.0}
        # The first process's: others may be on machines that have no checkpoint.
        if (state := self.team.from_first(partial(self.checkpoints.load, unit))) is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            done = state["done"]
        self.team.synchronise(model)
        wrapped = self.team.wrapped(model)
        steps, first = self.inputs.steps, len(done["epochs"])
        with tqdm(
            total=self.recipe.epochs * steps, initial=first * steps, desc=unit, leave=False, disable=self.quiet
        ) as progress:
            for epoch in range(first, self.recipe.epochs):
                start = time.perf_counter()
                own = 1_000_003 * seed + epoch
                with seeded(own, self.device):
                    line = self._epoch(wrapped, model, variant, own, (epoch, steps), optimiser, progress)
                done["seconds"] += time.perf_counter() - start
                tested = self.test(model, variant)
                done["epochs"].append(line | {"top1": tested.top1, "top5": tested.top5})
                if self.team.first:
                    self.checkpoints.save(
                        unit, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "done": done}
                    )
        return done

    def _epoch(
        self,
        wrapped: nn.Module,
        model: Classifier,
        variant: Variant,
        seed: int,
        place: tuple[int, int],
        optimiser: torch.optim.Optimizer,
        progress: "tqdm[None]",
    ) -> dict[str, float]:
        epoch, steps = place
        model.train()
        # Loss, right answers, images.
        sums = torch.zeros(3, device=self.device)
        for taken, parts in enumerate(self.inputs.train(variant, seed), 1):
            passed = (epoch + (taken - 1) / steps) / self.recipe.epochs
            self.recipe.set_rates(optimiser, passed)
            sums += self._step(wrapped, model, variant, passed, parts)
            optimiser.step()
            optimiser.zero_grad()
            progress.update()
            if taken % _SHOWN_EVERY == 0:
                loss, accuracy = self._means(sums, variant, epoch)
                progress.set_postfix(loss=f"{loss:.3f}", accuracy=f"{accuracy:.3f}", refresh=False)
        loss, accuracy = self._means(sums, variant, epoch)
        return {"loss": loss, "training_accuracy": accuracy}

    def _means(self, sums: Tensor, variant: Variant, epoch: int) -> tuple[float, float]:
        loss, right, images = self.team.sum(sums.double()).tolist()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"training {variant.name} diverged: no finite loss in epoch {epoch + 1}; lower --lr"
            )
        return loss / images, right / images

    def _step(
        self,
        wrapped: nn.Module,
        model: Classifier,
        variant: Variant,
        passed: float,
        parts: Sequence[tuple[Any, Tensor]],
    ) -> Tensor:
        """Gradients of one batch.

        Returns:
            (3,) sums over this process's images: the loss on the classes, right answers, images.
        """
        target = 0.0
        if model.gate is not None:
            model.gate.noise, target = self.recipe.gate_at(passed, variant.target)
        labels = torch.cat([own for _, own in parts])
        with self.recipe.autocast(self.device):
            logits, keep = wrapped(*(batch for batch, _ in parts))
        logits = logits.float()
        loss = cross_entropy(logits, labels, label_smoothing=self.recipe.smoothing)
        penalty = torch.zeros((), device=self.device)
        if keep is not None:
            # Both penalties depend on the whole batch's mean alone.
            kept = self.team.mean(keep.mean(0, keepdim=True))
            if variant.per_channel is not None:
                penalty = variant.per_channel * gate_penalty(kept)
            else:
                penalty = self.recipe.gate_weight * target_penalty(kept, target)
        (loss + penalty).backward()
        right = (logits.argmax(1) == labels).sum()
        return torch.stack([loss.detach() * len(labels), right.float(), torch.full_like(loss, len(labels))])

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
        found, kept = ([part for parts in self.team.gather(own) for part in parts] for own in (found, kept))
        right = torch.cat(found).double()
        return Tested(
            right[:, 0].mean().item(), right.any(dim=1).double().mean().item(), torch.cat(kept) if kept else None
        )
