"""One detection network on several processes: each has some of a micro-batch's images, the losses are those of all.

torchvision's detection losses are means over what was sampled of a micro-batch: anchors, proposals, or the proposals on
an object. With n_r of them in process r, and a mean of l_r, the mean over all is Σ n_r·l_r / Σ n_r, which is what a
single process computes. Each image has seeds of its own for sampling anchors and proposals, and images are
padded to the largest of all processes, on which the anchors of the padding depend: so the sum of the processes' losses
and gradients is a single process's with the same micro-batches, up to the rounding of sums, wherever rounding does not
tip a choice: whether a proposal is suppressed, or overlaps an object enough.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.ops.poolers import initLevelMapper

from experiments.lib.team import Team

__all__ = ["SharedLosses"]

_COUNTED = {
    "loss_objectness": "anchors",
    "loss_rpn_box_reg": "anchors",
    "loss_classifier": "proposals",
    "loss_box_reg": "proposals",
    "loss_mask": "on objects",
}
"""Loss → what it is a mean over; box losses are summed over those on objects, and divided by the number of all."""


class _Sampler:
    """torchvision's sampler of anchors or proposals, with a seed for each image; it counts what it sampled.

    Args:
        sampler: Of the network.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self.seeds: Sequence[int] = ()
        self.positive = self.all = 0

    def __call__(self, matched: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Sample; for each image a mask of the positive ones and one of the negative ones."""
        positive, negative = [], []
        for seed, image in zip(self.seeds, matched, strict=True):
            torch.manual_seed(seed)
            of_image = self.sampler([image])
            positive += of_image[0]
            negative += of_image[1]
        self.positive = sum(int(mask.sum()) for mask in positive)
        self.all = self.positive + sum(int(mask.sum()) for mask in negative)
        return positive, negative


class SharedLosses:
    """Losses of micro-batches that a team's processes share.

    Args:
        model: Faster or Mask R-CNN; its samplers, padding and batch norms are changed in place.
        team: The processes, which have equally many images each.
    """

    def __init__(self, model: Any, team: Team) -> None:
        self.team = team
        self._anchors = model.rpn.fg_bg_sampler = _Sampler(model.rpn.fg_bg_sampler)
        self._proposals = model.roi_heads.fg_bg_sampler = _Sampler(model.roi_heads.fg_bg_sampler)
        _pad_alike(model.transform, team)
        _fix_scales(model.roi_heads)
        team.synchronise(model)
        self._network = team.wrapped(model)

    def backward(
        self, images: Sequence[Any], targets: Sequence[Any], seeds: Sequence[Sequence[int]], share: float, last: bool
    ) -> dict[str, float]:
        """Add the gradients of a micro-batch; after a step's last one, those of all processes and micro-batches.

        Args:
            images: This process's images of the micro-batch.
            targets: Theirs.
            seeds: For each image, those for its anchors and for its proposals.
            share: The share of the step's images that the micro-batch has.
            last: Whether it is the step's last one.

        Returns:
            This process's summands of the step's losses, by name.
        """
        self._anchors.seeds, self._proposals.seeds = zip(*seeds, strict=True)
        network: Any = self._network
        if last or self.team.size == 1:
            return self._backward(network, images, targets, share)
        # Gradients travel once a step.
        with network.no_sync():
            return self._backward(network, images, targets, share)

    def _backward(self, network: Any, images: Sequence[Any], targets: Sequence[Any], share: float) -> dict[str, float]:
        losses: dict[str, Tensor] = network(list(images), list(targets))
        weights = self._weights()
        weighted = {name: loss * (share * weights[_COUNTED[name]]) for name, loss in losses.items()}
        # `Team.wrapped` averages gradients over the processes.
        (self.team.size * sum(weighted.values())).backward()
        return {name: loss.item() for name, loss in weighted.items()}

    def _weights(self) -> dict[str, float]:
        """This process's share of all that was sampled."""
        own = {"anchors": self._anchors.all, "proposals": self._proposals.all, "on objects": self._proposals.positive}
        counts = torch.tensor(list(own.values()), dtype=torch.float64)
        # Without a proposal on an object, there is no loss of masks.
        shares: list[float] = (counts / self.team.sum(counts).clamp(min=1)).tolist()
        return dict(zip(own, shares, strict=True))


def _pad_alike(transform: Any, team: Team) -> None:
    """In training, pad images to the largest of all processes."""
    largest = transform.max_by_axis

    def over_all(sizes: list[list[int]]) -> list[int]:
        every = [size for own in team.gather(sizes) for size in own] if transform.training else sizes
        found: list[int] = largest(every)
        return found

    transform.max_by_axis = over_all


def _fix_scales(heads: Any) -> None:
    """Set the strides of the pyramid's levels, which torchvision guesses from a batch's images without padding."""
    for pool in (heads.box_roi_pool, heads.mask_roi_pool):
        if pool is not None:
            pool.scales = [1 / 4, 1 / 8, 1 / 16, 1 / 32]
            pool.map_levels = initLevelMapper(2, 5, pool.canonical_scale, pool.canonical_level)
