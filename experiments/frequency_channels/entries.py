"""First layers of the networks, from batches of files: normalised pixels, or channels with noise behind them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib.team import ALONE, Team
from jpegdomain.decoding import to_pixels
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

__all__ = ["HalvedChromaEntry", "NoisyEntry", "PixelEntry", "fit_pixels"]

_STILL = 1e-3
"""Levels; a channel with a smaller standard deviation does not vary."""


class PixelEntry(nn.Module):
    """Files to normalised pixels.

    Args:
        target: 'rgb' or 'ycbcr'.
        mean: (3,) levels 0…255.
        std: (3,) levels.
    """

    def __init__(self, target: Literal["rgb", "ycbcr"], mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.target = target
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, batch: jd.JpegBatch) -> Tensor:
        """Decode and normalise.

        Returns:
            (n, 3, h, w), channels-last in memory.
        """
        return to_pixels(batch, self.target, 1 / self.std, -self.mean / self.std, channels_last=True)

    def get_extra_state(self) -> dict[str, str]:
        """The kind of pixels."""
        return {"pixels": self.target}

    def set_extra_state(self, state: dict[str, str]) -> None:
        """Check that a loaded state is for the same kind of pixels.

        Raises:
            InputError: If it is for another kind.
        """
        if state["pixels"] != self.target:
            raise InputError(f"this state is of {state['pixels']} pixels, the network takes {self.target}")


class HalvedChromaEntry(nn.Module):
    """Files to all channels in levels, as they would be stored in 4:2:0.

    Cb and Cr are averaged over 2×2 pixels, and each of their blocks is repeated for the 2×2 blocks of luma that it
    covers, as `frequency_channels(…, chroma='nearest')` does with the blocks of a 4:2:0 file. That function takes whole
    files only; this one takes the random crops of training, too.
    """

    def forward(self, batch: jd.JpegBatch) -> Tensor:
        """Compute the channels.

        Returns:
            (n, 192, ⌈h/8⌉, ⌈w/8⌉), row-major.
        """
        planes = to_pixels(batch, "ycbcr") - 128
        luma = _blocks(planes[:, :1])
        # Of an odd number of pixels the last ones are averaged among themselves.
        halves = F.avg_pool2d(planes[:, 1:], 2, ceil_mode=True)
        chroma = _blocks(halves).repeat_interleave(2, 2).repeat_interleave(2, 3)
        return torch.cat((luma, chroma[..., : luma.shape[2], : luma.shape[3]]), 1)


def _blocks(planes: Tensor) -> Tensor:
    """(n, c, h, w) → (n, 64·c, ⌈h/8⌉, ⌈w/8⌉), the DCT of each block."""
    coefficients = jd.encode(planes).coefficients
    return coefficients.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


class NoisyEntry(nn.Module):
    """Normalised channels with channels of unit white noise behind them: other noise for every batch.

    Args:
        entry: From batches to channels.
        noise: Channels of noise.
        team: The processes that share the batches.
    """

    def __init__(self, entry: nn.Module, noise: int, team: Team = ALONE) -> None:
        super().__init__()
        self.entry, self.noise, self._team = entry, noise, team

    def forward(self, *parts: jd.JpegBatch) -> Tensor:
        """Join the parts of a batch and append the noise; in eval mode every batch has the same."""
        x = torch.cat([self.entry(part) for part in parts])
        like: dict[str, Any] = {"dtype": x.dtype, "device": x.device}
        if not self.training:
            like["generator"] = torch.Generator(x.device).manual_seed(0)
        team = self._team if self.training else ALONE
        drawn = team.rows(lambda count: torch.randn(count, self.noise, *x.shape[2:], **like), len(x))
        return torch.cat((x, drawn), 1)


def fit_pixels(batches: Sequence[jd.JpegBatch] | tqdm, target: Literal["rgb", "ycbcr"]) -> tuple[Tensor, Tensor]:
    """Fit the mean and standard deviation of pixels.

    Returns:
        Each (3,) levels, float64; a standard deviation of 1 for constant channels, such as the chroma of gray files.
    """
    count, total, squares = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for batch in batches:
        # Around the middle of the levels, squares lose no digits.
        pixels = to_pixels(batch, target).double().cpu() - 128
        count += pixels[:, 0].numel()
        total += pixels.sum((0, 2, 3))
        squares += pixels.square().sum((0, 2, 3))
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    return mean + 128, torch.where(std < _STILL, 1.0, std)
