"""Train a `ChannelGate`: penalties on the channels kept, schedules, and the static set that it learned."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError

from .channel_set import ChannelSet
from .published import top

__all__ = ["Schedule", "gate_penalty", "keep_rates", "target_penalty", "to_static"]


def gate_penalty(keep: Tensor) -> Tensor:
    """Count the kept channels, Σ F(x_i) in Xu et al.'s eq. (2), averaged over images; the loss adds λ times it.

    Like `target_penalty`, it is computed from the decisions, with straight-through gradients. The probabilities
    σ(ℓ_on − ℓ_off) would give less noisy gradients, but the number of *decisions* must meet the target: probabilities
    can add up to 24 with none above ½, and a gate in eval mode then keeps nothing. With the gate's noise at 0, `keep`
    is what eval mode keeps, with the gradients of σ((ℓ_on − ℓ_off)/τ).

    Args:
        keep: (n, C), as returned by a gate.

    Returns:
        A scalar.
    """
    return _kept(keep).mean()


def target_penalty(keep: Tensor, target: float) -> Tensor:
    """Compare the average number of kept channels with a target T: |mean Σ F(x_i) − T|/T.

    It uses the absolute value, not the square, because its gradient does not vanish near the target. A square settles
    away from T, where its slope equals what the task would gain from one more channel. The absolute value settles at T
    itself as soon as its weight in the loss exceeds T times that gain.

    With T = 24 a small network kept 24.4…24.6 channels per validation image (weight 5, 600 steps, noise lowered to 0
    over the first 80 % and the target from C to T over the first half), and none at all if the noise stayed at 1. The
    weight also determines how soon the gate moves: at weight 1 it still kept 188 channels after 300 steps.

    Args:
        keep: (n, C), as returned by a gate.
        target: T, 0 < T ≤ C.

    Returns:
        A scalar, 0 at the target.

    Raises:
        InputError: If the target is out of range.
    """
    if not 0 < target <= keep.shape[-1]:
        raise InputError(f"target must be above 0 and at most {keep.shape[-1]} channels, got {target!r}")
    return (_kept(keep).mean() - target).abs() / target


def _kept(keep: Tensor) -> Tensor:
    if keep.dim() != 2:
        raise InputError(f"keep must be (n, C), as returned by a gate, got {tuple(keep.shape)}")
    return keep.sum(dim=1)


@dataclass(frozen=True)
class Schedule:
    """A number that goes from `start` to `end` over `steps` steps; for a gate's temperature, noise or target.

    With u = min(step/steps, 1), 'exponential' is start·(end/start)^u, and 'cosine' end + (start − end)·(1 + cos πu)/2.

    ```python
    noise = Schedule(1, 0, steps=8 * len(batches), shape="cosine")
    gate.noise = noise(step)
    ```

    Args:
        start: Value at step 0.
        end: Value from step `steps` on.
        steps: Number of steps, ≥ 1.
        shape: 'exponential' or 'cosine'.

    Raises:
        InputError: If `steps` is below 1, the shape is unknown, or `start` or `end` of an exponential is not positive.
    """

    start: float
    end: float
    steps: int
    shape: Literal["exponential", "cosine"] = "exponential"

    def __post_init__(self) -> None:
        if self.shape not in {"exponential", "cosine"}:
            raise InputError(f"shape must be 'exponential' or 'cosine', got {self.shape!r}")
        if not self.steps >= 1:
            raise InputError(f"steps must be 1 or more, got {self.steps!r}")
        if self.shape == "exponential" and not (self.start > 0 and self.end > 0):
            raise InputError(
                f"an exponential needs positive values, got {self.start} and {self.end}: use shape='cosine'"
            )

    def __call__(self, step: int) -> float:
        """The value at a step ≥ 0."""
        u = min(step / self.steps, 1)
        if u == 1:
            return self.end
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** u
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * u)) / 2


@torch.no_grad()
def keep_rates(gate: Callable[[Any], tuple[Tensor, Tensor]], batches: Iterable[Any]) -> Tensor:
    """Measure the share of images in which each channel is kept in eval mode: the heat map of Xu et al.'s figure 5.

    Args:
        gate: A `ChannelGate`, or a module that ends in one, such as ``nn.Sequential(frontend, gate)``; its mode is
            restored afterwards.
        batches: Inputs of the gate, or tuples that begin with one, as from a loader with labels.

    Returns:
        (C,) float64 on the CPU, 0…1, in the order of the gate's channels.

    Raises:
        InputError: If there is no image, or `gate` does not return a pair with (n, C) decisions.
    """
    modes = {module: module.training for module in gate.modules()} if isinstance(gate, nn.Module) else {}
    for module in modes:
        module.training = False
    kept: Tensor | None = None
    images = 0
    try:
        for batch in batches:
            given = gate(batch[0] if isinstance(batch, tuple | list) else batch)
            if not isinstance(given, tuple) or len(given) != 2 or given[1].dim() != 2:
                raise InputError(
                    "keep_rates needs a gate that returns (channels, keep), such as ChannelGate: for a NormalisedGate, "
                    "give its gate, after a Frontend"
                )
            keep = given[1]
            here = keep.detach().sum(0, dtype=torch.float64).cpu()
            kept = here if kept is None else kept + here
            images += len(keep)
    finally:
        for module, mode in modes.items():
            module.training = mode
    if kept is None or not images:
        raise InputError("keep_rates needs at least one batch, got none")
    return kept / images


def to_static(rates: Tensor, channels: int | None = None, name: str = "") -> ChannelSet:
    """Make the static set that a gate has learned.

    Args:
        rates: (192,) from `keep_rates`, for a gate of all channels in row-major order.
        channels: How many channels to keep: those kept most often, with ties going to the lower number. None keeps
            those kept in more than half of the images.
        name: The set's name.

    Returns:
        The set, row-major.

    Raises:
        InputError: If there are not 192 rates, no channel is kept in more than half of the images, or `channels` is
            out of range.
    """
    if channels is None:
        channels = int((rates > 0.5).sum())
        if not channels:
            raise InputError("no channel is kept in more than half of the images: give the number of channels to keep")
    return top(rates, channels, name=name)
