"""`ChannelGate` decides for each image which frequency channels a network gets; `NormalisedGate` normalises for it."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError
from jpegdomain.transform.reference import own_dtype

from .channel_set import CHANNELS
from .statistics import ChannelStatistics

__all__ = ["ChannelGate", "NormalisedGate"]

_WEIGHT_SPREAD: Final = 0.001
_BIASES: Final = (0.1, 2.0)
"""Of the logits off and on: an untrained gate keeps a channel with probability σ(2 − 0.1) ≈ 0.87."""

_SMALLEST_DRAW: Final = 1e-7
"""Uniform draws stay this far from 0 and 1, and the noise within ±16."""


class ChannelGate(nn.Module):
    """Keeps some of an image's frequency channels and sets the others to zero (Xu et al. 2020, figure 4).

    Global average pooling, a 1×1 convolution C → C, batch norm, ReLU and a 1×1 convolution C → 2C in C groups give each
    channel two logits ℓ, off and on. In training, Gumbel-softmax (Jang et al. 2017) decides by

        soft = softmax((ℓ + g)/τ)_on = σ((ℓ_on − ℓ_off + g_on − g_off)/τ),   keep = 1 where soft > ½, else 0,

    where g has the standard Gumbel distribution: a channel is kept with probability σ(ℓ_on − ℓ_off), for any
    temperature τ. `keep` has the gradients of `soft` (straight-through). In eval mode nothing is drawn: a channel is
    kept if ℓ_on > ℓ_off.

    A channel that is kept with probability ¼ counts as a quarter in training and as nothing in eval mode, and the
    network was never trained on the channels that it gets in eval mode. That is why `noise` scales g: lower it from 1,
    the paper's value, to 0 during training, with a `Schedule`, so that the gate finally decides as in eval mode.

    Its input should be normalised, for example by `Frontend`: in raw coefficients the average of luma's DC is a hundred
    times the others, and the first convolution would see little else. The logits are computed in float32, even under
    autocast, or in the weights' own dtype. The noise comes from torch's generator for the input's device. Temperature
    and noise are part of the state dict.

    Args:
        channels: C, the number of channels.
        temperature: τ > 0, an attribute that can be set at any time. High values spread the gradients over all
            channels, low values confine them to channels near the threshold.
        noise: The factor of g, ≥ 0, an attribute that can be set at any time.

    Raises:
        InputError: If `channels` is below 1, τ is not positive or the noise is negative.
    """

    def __init__(self, channels: int = CHANNELS, *, temperature: float = 1.0, noise: float = 1.0) -> None:
        super().__init__()
        if not isinstance(channels, int) or channels < 1:
            raise InputError(f"a gate's number of channels must be 1 or more, got {channels!r}")
        self.channels = channels
        self.temperature = temperature
        self.noise = noise
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 1, groups=channels)
        nn.init.normal_(self.conv2.weight, std=_WEIGHT_SPREAD)
        with torch.no_grad():
            self.conv2.bias.copy_(torch.tensor(_BIASES).repeat(channels))  # type: ignore[union-attr]

    @property
    def temperature(self) -> float:
        """τ of the relaxation in training."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        if not value > 0:
            raise InputError(f"a gate's temperature must be positive, got {value!r}")
        self._temperature = float(value)

    @property
    def noise(self) -> float:
        """Factor of the Gumbel noise in training."""
        return self._noise

    @noise.setter
    def noise(self, value: float) -> None:
        if not value >= 0:
            raise InputError(f"a gate's noise must be 0 or more, got {value!r}")
        self._noise = float(value)

    def logits(self, x: Tensor) -> Tensor:
        """Return each channel's two logits, off and on, (n, C, 2) in at least float32, of `x` (n, C, X, Y).

        Raises:
            InputError: If `x` has another shape, or only one image in training, where batch norm needs two.
        """
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise InputError(f"this gate takes (n, {self.channels}, X, Y), got {tuple(x.shape)}")
        if self.bn1.training and len(x) == 1:
            raise InputError("training a gate needs at least two images in a batch, got 1: drop a smaller last batch")
        dtype = self.conv1.weight.dtype
        with own_dtype(x):
            average = x.mean(dim=(2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
            logits = self.conv2(self.relu(self.bn1(self.conv1(average.to(dtype)))))
        return logits.view(-1, self.channels, 2).to(torch.promote_types(dtype, torch.float32))

    def drawn(self, margin: Tensor) -> Tensor:
        """Draw a number in 0…1 for each of (n, C) decisions; override this if several processes share a batch."""
        return torch.rand_like(margin)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Set the channels that are not kept to zero.

        Args:
            x: (n, C, X, Y) channels.

        Returns:
            The channels, and `keep`, (n, C), exactly 0 or 1. In training both have straight-through gradients; compute
            penalties from `keep`.
        """
        off, on = self.logits(x).unbind(-1)
        margin = on - off
        if not self.training:
            keep = (margin > 0).to(margin)
            return x * keep.to(x)[:, :, None, None], keep
        if self.noise:
            # The difference of two Gumbel draws is one draw of the logistic distribution.
            margin = margin + self.noise * self.drawn(margin).logit(eps=_SMALLEST_DRAW)
        soft = torch.sigmoid(margin / self.temperature)
        # The difference is exactly zero, so that keep is exactly 0 or 1.
        keep = (margin > 0).to(soft) + (soft - soft.detach())
        return x * keep.to(x)[:, :, None, None], keep

    def get_extra_state(self) -> dict[str, float]:
        """Temperature and noise."""
        return {"temperature": self.temperature, "noise": self.noise}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take over temperature and noise of a loaded state."""
        self.temperature, self.noise = state["temperature"], state["noise"]

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"{self.channels}, temperature={self.temperature:g}, noise={self.noise:g}"


class NormalisedGate(nn.Module):
    """A gate with its training statistics: its input is (x − mean)/max(std, floor) of all 192 channels.

    Args:
        gate: Takes (n, 192, X, Y) normalised channels and returns two tensors, as `ChannelGate` does: the gated
            channels, and `keep` (n, 192) of 0 and 1. It must be deterministic in eval mode.
        statistics: Statistics of all 192 channels, from `fit_statistics`; None for a gate that needs no normalisation.

    Raises:
        InputError: If the statistics are for a selection, or for chroma='nearest': a converted network's channels are
            exact.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, gate: nn.Module, statistics: ChannelStatistics | None = None) -> None:
        super().__init__()
        self.gate = gate
        if statistics is not None and (statistics.selection is not None or statistics.chroma != "exact"):
            raise InputError(f"a gate needs statistics of {CHANNELS} channels with chroma='exact'; got {statistics!r}")
        # In the dtype that they were fitted in, cast at use.
        mean, std = (
            (torch.zeros(CHANNELS), torch.ones(CHANNELS))
            if statistics is None
            else (statistics.mean, statistics.divisor)
        )
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())

    def forward(self, channels: Tensor) -> Tensor:
        """Return `keep`, (n, 192) of 0 and 1, for channels (n, 192, X, Y) in levels; with gradients in training.

        Raises:
            InputError: If the gate returns something else.
        """
        mean, std = (values.to(channels.dtype).view(-1, 1, 1) for values in (self.mean, self.std))
        given = self.gate((channels - mean) / std)
        keep = given[1] if isinstance(given, tuple) and len(given) == 2 else None
        if not isinstance(keep, Tensor) or keep.shape != channels.shape[:2]:
            raise InputError(
                f"{type(self.gate).__qualname__} must return the gated channels, and (images, {CHANNELS}) of 0 and 1"
            )
        return keep
