"""How every network of `experiments.frequency_detection` is trained: torchvision's detection reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from experiments.frequency_detection.coco import CocoImages, Key

__all__ = ["Recipe"]

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
        """Make the optimiser.

        Args:
            model: To train.

        Returns:
            SGD of what is not frozen.
        """
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.SGD(trained, self.lr, momentum=0.9, weight_decay=1e-4)

    def rate(self, epoch: int, step: int, steps: int) -> float:
        """Give the learning rate.

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
