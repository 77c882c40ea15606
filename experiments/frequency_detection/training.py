"""One network's training: torchvision's detection recipe, with a checkpoint and an evaluation after each epoch."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from experiments.frequency_channels.training import Checkpoints
from experiments.frequency_detection.coco import CocoImages, Items, Key, Target
from experiments.frequency_detection.results import evaluate
from jpegdomain.frequency import FileImage

__all__ = ["Recipe", "Trainer"]

_REFERENCE_BATCH = 16
_WARMUP = 1000
_FIRST = 1e-3


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum; a linear warm-up within the first epoch; a tenth of the rate after each milestone.

    Args:
        epochs: Passes over the images.
        milestones: Epochs after which the learning rate falls.
        batch: Images of a step.
        micro: Images of a step that are in memory at once; gradients of the parts are added.
        lr: Learning rate for 16 images a step; in proportion for others.
    """

    epochs: int
    milestones: Sequence[int]
    batch: int
    micro: int
    lr: float

    def optimiser(self, model: nn.Module) -> torch.optim.SGD:
        """Make the optimiser."""
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.SGD(trained, self.lr, momentum=0.9, weight_decay=1e-4)

    def rate(self, epoch: int, step: int, steps: int) -> float:
        """The learning rate for the recipe's batch.

        Args:
            epoch: 0….
            step: Of the epoch, 0….
            steps: Of an epoch.

        Returns:
            For the recipe's batch.
        """
        factor = 0.1 ** sum(epoch >= milestone for milestone in self.milestones)
        warmup = min(_WARMUP, steps - 1)
        if epoch == 0 and step < warmup:
            factor *= _FIRST + (1 - _FIRST) * step / warmup
        return factor * self.lr * self.batch / _REFERENCE_BATCH

    def batches(self, images: CocoImages, seed: int, epoch: int) -> list[list[Key]]:
        """Draw an epoch: the same for every variant, and the same again after an interruption.

        Args:
            images: To train on.
            seed: Of the training.
            epoch: 0….

        Returns:
            Steps: images of one orientation, so that little is padded; half of them flipped.
        """
        generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
        order = torch.randperm(len(images), generator=generator).tolist()
        flips = (torch.rand(len(images), generator=generator) < 0.5).tolist()
        steps: list[list[Key]] = []
        for portrait in (False, True):
            alike = [(number, flips[number]) for number in order if images.portrait(number) == portrait]
            steps += [alike[start : start + self.batch] for start in range(0, len(alike), self.batch)]
        return [steps[place] for place in torch.randperm(len(steps), generator=generator).tolist()]


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
