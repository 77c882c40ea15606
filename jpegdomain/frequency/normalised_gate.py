"""A gate with the statistics that its channels are normalised by."""

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError

from .channel_set import CHANNELS
from .statistics import ChannelStatistics

__all__ = ["NormalisedGate"]


class NormalisedGate(nn.Module):
    """A gate with the statistics that it was trained with: it reads (x − mean)/std of all 192 channels.

    Args:
        gate: Takes (n, 192, X, Y) normalised channels and returns two tensors: the channels with those that are not
            kept at zero, and `keep` (n, 192) of 0 and 1, as `ChannelGate` does. Deterministic in eval mode.
        statistics: Of all 192 channels, from `fit_statistics`; None for a gate that reads the channels as they are.

    Raises:
        InputError: If the statistics are of other channels, or of chroma by nearest block: a converted network's
            channels are exact.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, gate: nn.Module, statistics: ChannelStatistics | None = None) -> None:
        super().__init__()
        self.gate = gate
        if statistics is not None and (statistics.selection is not None or statistics.chroma != "exact"):
            raise InputError(f"a gate reads all {CHANNELS} channels, with chroma='exact'; got {statistics!r}")
        # Kept as they were fitted: cast at use.
        mean, std = (
            (torch.zeros(CHANNELS), torch.ones(CHANNELS)) if statistics is None else (statistics.mean, statistics.std)
        )
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())

    def forward(self, channels: Tensor) -> Tensor:
        """Choose the channels of each image.

        Args:
            channels: (n, 192, X, Y) of JPEG's scale: coefficients of level-shifted samples, in levels.

        Returns:
            (n, 192) of 0 and 1. In training with the gate's gradients.

        Raises:
            InputError: If the gate gave something else.
        """
        mean, std = (values.to(channels.dtype).view(-1, 1, 1) for values in (self.mean, self.std))
        given = self.gate((channels - mean) / std)
        keep = given[1] if isinstance(given, tuple) and len(given) == 2 else None
        if not isinstance(keep, Tensor) or keep.shape != channels.shape[:2]:
            raise InputError(
                f"{type(self.gate).__qualname__} is to return the gated channels, and (images, {CHANNELS}) of 0 and 1"
            )
        return keep
