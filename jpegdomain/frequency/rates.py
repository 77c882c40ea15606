"""How often a trained gate keeps each channel, and the static set that follows from it."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError

from .channel_set import ChannelSet
from .published import top

__all__ = ["keep_rates", "to_static"]


@torch.no_grad()
def keep_rates(gate: Callable[[Any], tuple[Tensor, Tensor]], batches: Iterable[Any]) -> Tensor:
    """Give the share of images in which each channel is kept, in eval mode: the heat map of Xu et al.'s figure 5.

    Args:
        gate: A `ChannelGate`, or a module that ends in one, such as ``nn.Sequential(frontend, gate)``. It comes back
            in the mode it was in.
        batches: What the gate takes, or tuples that begin with it, as a loader with labels gives them.

    Returns:
        (C,) float64 on the CPU, 0…1, by the gate's channel numbers.

    Raises:
        InputError: If there is no image, or `gate` gives something else than a pair with (n, C) decisions.
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
                    "rates are of a gate that gives (channels, keep), such as ChannelGate: of a NormalisedGate, give "
                    "its gate, behind a Frontend"
                )
            keep = given[1]
            here = keep.detach().sum(0, dtype=torch.float64).cpu()
            kept = here if kept is None else kept + here
            images += len(keep)
    finally:
        for module, mode in modes.items():
            module.training = mode
    if kept is None or not images:
        raise InputError("rates are shares of images: give one batch or more, got none")
    return kept / images


def to_static(rates: Tensor, channels: int | None = None, name: str = "") -> ChannelSet:
    """Make the set that a gate has learned.

    Args:
        rates: (192,) as `keep_rates` gives them for a gate of all channels in row-major order.
        channels: How many to keep, those kept most often; of equal ones the lower number. None keeps what is kept in
            more than half of the images.
        name: Of the set.

    Returns:
        The set, row-major.

    Raises:
        InputError: If there are not 192 rates, no channel is kept in more than half of the images, or `channels` is
            out of range.
    """
    if channels is None:
        channels = int((rates > 0.5).sum())
        if not channels:
            raise InputError("no channel is kept in more than half of the images: say how many channels to keep")
    return top(rates, channels, name=name)
