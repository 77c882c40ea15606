"""One network's training, epoch by epoch, with a checkpoint and an evaluation after each."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from experiments.frequency_channels.checkpoint import Checkpoints
from experiments.frequency_detection.coco import Items, Key, Target
from experiments.frequency_detection.evaluation import evaluate
from experiments.frequency_detection.recipe import Recipe
from jpegdomain.frequency import FileImage

__all__ = ["Trainer"]

_Batch = tuple[list[Tensor | FileImage], list[Target]]


class Trainer:
    """Trains networks with one recipe.

    Args:
        recipe: The recipe.
        checkpoints: Where unfinished trainings are kept.
        device: To train on.
        workers: Processes that read files; 0 for none but this one.
        quiet: Whether no progress is shown.
    """

    def __init__(
        self, recipe: Recipe, checkpoints: Checkpoints, device: torch.device, workers: int, quiet: bool
    ) -> None:
        self.recipe, self.checkpoints, self.device = recipe, checkpoints, device
        self.workers, self.quiet = workers, quiet

    def train(self, unit: str, model: nn.Module, seed: int, training: Items, testing: Items) -> list[dict[str, Any]]:
        """Train a network, from its last checkpoint on if there is one.

        Args:
            unit: Name of the training.
            model: The network, with its first weights.
            seed: Of order, flips and samples.
            training: Images to train with.
            testing: Images to evaluate on.

        Returns:
            Epoch by epoch: mean losses, AP of boxes, and of masks if there are any.
        """
        model.to(self.device)
        optimiser = self.recipe.optimiser(model)
        epochs: list[dict[str, Any]] = []
        state = self.checkpoints.load(unit, self.device)
        if state is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            epochs = state["epochs"]
        for epoch in range(len(epochs), self.recipe.epochs):
            losses = self._epoch(unit, model, optimiser, seed, epoch, training)
            keys = [[(number, False)] for number in range(len(testing))]
            loader = self._loader(testing, keys, f"{unit}, evaluation {epoch + 1}")
            precision = evaluate(model, testing, loader, self.device)
            epochs.append({"losses": losses, **precision})
            self.checkpoints.save(
                unit, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epochs": epochs}
            )
        return epochs

    def _loader(self, items: Items, keys: list[list[Key]], description: str) -> Iterable[_Batch]:
        loader = DataLoader(items, batch_sampler=keys, num_workers=self.workers, collate_fn=_apart)
        return tqdm(loader, desc=description, unit="batch", leave=False, disable=self.quiet)

    def _epoch(
        self, unit: str, model: nn.Module, optimiser: torch.optim.SGD, seed: int, epoch: int, training: Items
    ) -> dict[str, float]:
        model.train()
        # What proposals are sampled from depends on the epoch alone: nothing to save and restore.
        torch.manual_seed(1_000_003 * seed + epoch)
        keys = self.recipe.batches(training.images, seed, epoch)
        sums: dict[str, float] = defaultdict(float)
        shown = self._loader(training, keys, f"{unit}, epoch {epoch + 1} of {self.recipe.epochs}")
        for step, batch in enumerate(shown):
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate(epoch, step, len(keys))
            losses = self._step(model, optimiser, batch)
            total = sum(losses.values())
            if not math.isfinite(total):
                raise SystemExit(f"{unit}: the loss is {total} in epoch {epoch + 1}, step {step + 1}: lower --lr")
            for name, loss in (*losses.items(), ("total", total)):
                sums[name] += loss / len(keys)
            if isinstance(shown, tqdm):
                shown.set_postfix(loss=f"{total:.3f}", refresh=False)
        return dict(sums)

    def _step(self, model: nn.Module, optimiser: torch.optim.SGD, batch: _Batch) -> dict[str, float]:
        images, targets = batch
        found: dict[str, float] = defaultdict(float)
        optimiser.zero_grad()
        for start in range(0, len(images), self.recipe.micro):
            part = slice(start, start + self.recipe.micro)
            given = [image.to(self.device) if isinstance(image, Tensor) else image for image in images[part]]
            moved = [{name: value.to(self.device) for name, value in target.items()} for target in targets[part]]
            losses: dict[str, Tensor] = model(given, moved)
            share = len(given) / len(images)
            (sum(losses.values()) * share).backward()
            for name, loss in losses.items():
                found[name] += loss.item() * share
        optimiser.step()
        return dict(found)


def _apart(items: list[tuple[Tensor | FileImage, Target]]) -> _Batch:
    """Images of different sizes make no tensor."""
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)
