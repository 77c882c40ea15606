"""One network's training: torchvision's detection recipe, with a checkpoint and an evaluation after each epoch."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from experiments.frequency_channels.training import Checkpoints
from experiments.frequency_detection.coco import CocoImages, Items, Key, Target
from experiments.frequency_detection.parallel import SharedLosses
from experiments.frequency_detection.results import evaluate
from experiments.lib.team import ALONE, Team
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
        micro: Images of a step that the network sees at once, in all processes together: losses are means over what
            is sampled of them, and batch norms are over them. Gradients of a step's micro-batches are added, weighted
            by their numbers of images.
        lr: Learning rate for 16 images a step; other numbers scale it in proportion.
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
            Steps of `batch` images, of one orientation, so that little is padded; half of them flipped. As in the
            reference, an orientation's last step is filled up with images that were already drawn.
        """
        generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
        order = torch.randperm(len(images), generator=generator).tolist()
        flips = (torch.rand(len(images), generator=generator) < 0.5).tolist()
        steps: list[list[Key]] = []
        for portrait in (False, True):
            alike = [(number, flips[number]) for number in order if images.portrait(number) == portrait]
            # Whole steps are divided equally, among however many processes.
            whole = [*alike, *islice(cycle(alike), -len(alike) % self.batch)]
            steps += [whole[start : start + self.batch] for start in range(0, len(whole), self.batch)]
        return [steps[place] for place in torch.randperm(len(steps), generator=generator).tolist()]

    def micro_batches(self, team: Team) -> list[range]:
        """Divide a step.

        Returns:
            For each micro-batch the places in the step of this process's images.
        """
        step = range(self.batch)
        return [team.slice(step[start : start + self.micro]) for start in range(0, self.batch, self.micro)]


_Batch = tuple[list[Tensor | FileImage], list[Target]]


class Trainer:
    """Trains networks with one recipe.

    Args:
        recipe: The recipe.
        checkpoints: Where unfinished trainings are kept.
        device: To train on.
        workers: Processes that read files; 0 for none but this one.
        quiet: Whether no progress is shown.
        team: The processes that train a network together; batches and micro-batches can be divided among them equally.
    """

    def __init__(
        self,
        recipe: Recipe,
        checkpoints: Checkpoints,
        device: torch.device,
        workers: int,
        quiet: bool,
        team: Team = ALONE,
    ) -> None:
        self.recipe, self.checkpoints, self.device = recipe, checkpoints, device
        self.workers, self.quiet, self.team = workers, quiet, team

    def train(self, unit: str, model: nn.Module, seed: int, training: Items, testing: Items) -> list[dict[str, Any]]:
        """Train a network, from its last checkpoint on if there is one.

        Returns:
            Epoch by epoch: mean losses, AP of boxes, and of masks if there are any.
        """
        model.to(self.device)
        optimiser = self.recipe.optimiser(model)
        epochs: list[dict[str, Any]] = []
        if (state := self.team.from_first(partial(self.checkpoints.load, unit))) is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            epochs = state["epochs"]
        shared = SharedLosses(model, self.team)
        for epoch in range(len(epochs), self.recipe.epochs):
            model.train()
            losses = self._epoch(unit, shared, optimiser, seed, epoch, training)
            keys = [[(number, False)] for number in self.team.slice(range(len(testing)))]
            loader = self._loader(testing, keys, f"{unit}, evaluation {epoch + 1}")
            precision = evaluate(model, testing, loader, self.device, self.team)
            epochs.append({"losses": losses, **precision})
            if self.team.first:
                self.checkpoints.save(
                    unit, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epochs": epochs}
                )
        return epochs

    def _loader(self, items: Items, keys: list[list[Key]], description: str) -> Iterable[_Batch]:
        loader = DataLoader(items, batch_sampler=keys, num_workers=self.workers, collate_fn=_apart)
        return tqdm(loader, desc=description, unit="batch", leave=False, disable=self.quiet)

    def _epoch(
        self, unit: str, shared: SharedLosses, optimiser: torch.optim.SGD, seed: int, epoch: int, training: Items
    ) -> dict[str, float]:
        keys = self.recipe.batches(training.images, seed, epoch)
        # What is sampled of an image depends on the epoch, the step and its place in it alone: nothing to save and
        # restore, and the same in whichever process it is.
        generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
        seeds = torch.randint(2**62, (len(keys), self.recipe.batch, 2), generator=generator).tolist()
        parts = self.recipe.micro_batches(self.team)
        own = [[step[place] for part in parts for place in part] for step in keys]
        sums: dict[str, float] = defaultdict(float)
        shown = self._loader(training, own, f"{unit}, epoch {epoch + 1} of {self.recipe.epochs}")
        for step, batch in enumerate(shown):
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.rate(epoch, step, len(keys))
            losses = self._step(shared, optimiser, batch, seeds[step])
            total = sum(losses.values())
            if not math.isfinite(total):
                raise SystemExit(f"{unit}: the loss is {total} in epoch {epoch + 1}, step {step + 1}: lower --lr")
            for name, loss in (*losses.items(), ("total", total)):
                sums[name] += loss / len(keys)
            if isinstance(shown, tqdm):
                shown.set_postfix(loss=f"{total:.3f}", refresh=False)
        return dict(sums)

    def _step(
        self, shared: SharedLosses, optimiser: torch.optim.SGD, batch: _Batch, seeds: list[list[int]]
    ) -> dict[str, float]:
        """Take a step.

        Args:
            shared: The network.
            optimiser: Of its parameters.
            batch: This process's images of the step.
            seeds: Of all images of the step.

        Returns:
            The step's losses, by name.
        """
        found: dict[str, float] = defaultdict(float)
        optimiser.zero_grad()
        parts, items = self.recipe.micro_batches(self.team), zip(*batch, strict=True)
        for places in parts:
            images, targets = zip(*islice(items, len(places)), strict=True)
            losses = shared.backward(
                [image.to(self.device) if isinstance(image, Tensor) else image for image in images],
                [{name: value.to(self.device) for name, value in target.items()} for target in targets],
                [seeds[place] for place in places],
                share=len(places) * self.team.size / self.recipe.batch,
                last=places == parts[-1],
            )
            for name, loss in losses.items():
                found[name] += loss
        optimiser.step()
        summands = torch.tensor(list(found.values()), dtype=torch.float64)
        return dict(zip(found, self.team.sum(summands).tolist(), strict=True))


def _apart(items: list[tuple[Tensor | FileImage, Target]]) -> _Batch:
    """Images of different sizes make no tensor."""
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)
