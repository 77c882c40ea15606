"""`ChannelGate`: decides for each image which frequency channels the network behind it gets."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError
from jpegdomain.transform.reference import own_dtype

from .channel_set import CHANNELS

__all__ = ["ChannelGate"]

_WEIGHT_SPREAD: Final = 0.001
_BIASES: Final = (0.1, 2.0)
"""Of the logits off and on: a new gate keeps a channel with probability σ(2 − 0.1) ≈ 0.87."""

_SMALLEST_DRAW: Final = 1e-7
"""Uniform draws stay this far from 0 and 1, and the noise within ±16."""


class ChannelGate(nn.Module):
    """Keeps some of an image's frequency channels and sets the others to zero (Xu et al. 2020, figure 4).

    Global average pooling, a 1×1 convolution C → C, batch norm, ReLU and a 1×1 convolution C → 2C in C groups give each
    channel two logits ℓ, off and on. In training, Gumbel-softmax (Jang et al. 2017) decides by

        soft = softmax((ℓ + g)/τ)_on = σ((ℓ_on − ℓ_off + g_on − g_off)/τ),   keep = 1 where soft > ½, else 0,

    with g of the standard Gumbel distribution: a channel is kept with probability σ(ℓ_on − ℓ_off), whatever the
    temperature τ. `keep` has the gradients of `soft` (straight-through). In eval mode nothing is drawn: a channel is
    kept where ℓ_on > ℓ_off.

    A channel kept with probability ¼ counts as a quarter in training and as nothing in eval mode, and the network never
    met the channels that it then gets. That is why `noise` scales g: bring it from 1, the paper's, down to 0 in the
    course of training, with a `Schedule`, and the gate decides at its end as it will in eval mode.

    The channels that go in should be normalised, as `Frontend` gives them: of raw coefficients the average of luma's DC
    is a hundred times the others, and the first convolution would see little else. The logits are computed in float32,
    under autocast too, or in the weights' own dtype. The noise comes from torch's generator of the input's device.
    Temperature and noise are part of the state, beside the weights.

    Args:
        channels: C.
        temperature: τ > 0. It may be changed at any time. High values spread the gradients over all channels, low ones
            confine them to the channels on the brink.
        noise: Factor of g, 0 or more. It may be changed at any time.

    Raises:
        InputError: If there is no channel, τ is not positive or the noise is negative.
    """

    def __init__(self, channels: int = CHANNELS, *, temperature: float = 1.0, noise: float = 1.0) -> None:
        super().__init__()
        if not isinstance(channels, int) or channels < 1:
            raise InputError(f"a gate's number of channels is 1 or more, got {channels!r}")
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
            raise InputError(f"a gate's temperature is positive, got {value!r}")
        self._temperature = float(value)

    @property
    def noise(self) -> float:
        """Factor of the Gumbel noise in training."""
        return self._noise

    @noise.setter
    def noise(self, value: float) -> None:
        if not value >= 0:
            raise InputError(f"a gate's noise is 0 or more, got {value!r}")
        self._noise = float(value)

    def logits(self, x: Tensor) -> Tensor:
        """Give each channel's two logits.

        Args:
            x: (n, C, X, Y) channels.

        Returns:
            (n, C, 2): off, on. At least float32.

        Raises:
            InputError: If `x` has another shape, or holds one image in training, where batch norm needs two.
        """
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise InputError(f"this gate takes (n, {self.channels}, X, Y), got {tuple(x.shape)}")
        if self.bn1.training and len(x) == 1:
            raise InputError("a gate learns from two images a batch or more, got 1: drop a last batch that is smaller")
        dtype = self.conv1.weight.dtype
        with own_dtype(x):
            average = x.mean(dim=(2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
            logits = self.conv2(self.relu(self.bn1(self.conv1(average.to(dtype)))))
        return logits.view(-1, self.channels, 2).to(torch.promote_types(dtype, torch.float32))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keep channels, and set the others to zero.

        Args:
            x: (n, C, X, Y) channels.

        Returns:
            `x` with the channels that are not kept at zero, and `keep`, (n, C), exactly 0 or 1. In training gradients
            run through both, straight through the decision: penalties are made of `keep`.
        """
        off, on = self.logits(x).unbind(-1)
        margin = on - off
        if not self.training:
            keep = (margin > 0).to(margin)
            return x * keep.to(x)[:, :, None, None], keep
        if self.noise:
            # The difference of two Gumbel draws is one draw of the logistic distribution.
            margin = margin + self.noise * torch.rand_like(margin).logit(eps=_SMALLEST_DRAW)
        soft = torch.sigmoid(margin / self.temperature)
        # The difference is exactly zero, so that keep is exactly 0 or 1.
        keep = (margin > 0).to(soft) + (soft - soft.detach())
        return x * keep.to(x)[:, :, None, None], keep

    def get_extra_state(self) -> dict[str, float]:
        """Give what the state holds beside tensors.

        Returns:
            Temperature and noise.
        """
        return {"temperature": self.temperature, "noise": self.noise}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take up temperature and noise of a state that is loaded.

        Args:
            state: What `get_extra_state` gave.
        """
        self.temperature, self.noise = state["temperature"], state["noise"]

    def extra_repr(self) -> str:
        """Describe the gate.

        Returns:
            The constructor's arguments.
        """
        return f"{self.channels}, temperature={self.temperature:g}, noise={self.noise:g}"
