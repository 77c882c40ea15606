"""Mean and standard deviation of every frequency channel over a data set, in one pass."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from jpegdomain.errors import InputError, MissingPackageError

from .channel_set import CHANNELS, ChannelSet
from .channels import Source, check_chroma, wide_channels
from .nearest import Chroma

__all__ = ["ChannelStatistics", "fit_statistics"]

_STILL: Final = 1e-3
"""Levels: a channel of a smaller standard deviation holds only rounding."""


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Mean and standard deviation of frequency channels, in levels.

    Args:
        mean: float64 (channels,).
        std: float64 (channels,), above 0.
        count: Blocks over all images.
        chroma: How the chroma came to the luma block grid.
        selection: Whose channels they are, as it stacks them; None for all 192, row-major.

    Raises:
        InputError: If mean or std is not one number per channel, a std is not above 0, or `chroma` is unknown.
    """

    mean: Tensor
    std: Tensor
    count: int
    chroma: Chroma = "exact"
    selection: ChannelSet | None = None

    def __post_init__(self) -> None:
        check_chroma(self.chroma)
        for name in ("mean", "std"):
            object.__setattr__(self, name, torch.as_tensor(getattr(self, name), dtype=torch.float64))
        count = CHANNELS if self.selection is None else len(self.selection)
        if not self.mean.shape == self.std.shape == (count,):
            raise InputError(
                f"mean and std are one number for each of {count} channels, got the shapes {tuple(self.mean.shape)} "
                f"and {tuple(self.std.shape)}"
            )
        if not (self.mean.isfinite().all() and self.std.isfinite().all() and (self.std > 0).all()):
            raise InputError("mean and std are finite, and std is above 0: is there NaN or infinity among the pixels?")

    def __len__(self) -> int:
        return len(self.mean)

    def select(self, selection: ChannelSet) -> "ChannelStatistics":
        """Return the statistics of a selection's channels, in its order.

        Raises:
            InputError: If these are not statistics of all 192 channels.
        """
        if self.selection is not None:
            raise InputError(f"channels are selected of all {CHANNELS}, these are of {self.selection.called}")
        chosen = list(selection.indices)
        return ChannelStatistics(self.mean[chosen], self.std[chosen], self.count, self.chroma, selection)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as `from_dict` reads them."""
        return {
            "selection": None if self.selection is None else self.selection.to_dict(),
            "chroma": self.chroma,
            "count": self.count,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> "ChannelStatistics":
        """Return the statistics that `to_dict` described; the selection may be missing.

        Raises:
            InputError: If something else is missing or no list of numbers.
        """
        try:
            mean, std = (torch.tensor(description[name], dtype=torch.float64) for name in ("mean", "std"))
            count, chroma = int(description["count"]), description["chroma"]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"statistics are described by chroma, count, mean and std: {error!r}") from error
        selection = description.get("selection")
        return cls(mean, std, count, chroma, None if selection is None else ChannelSet.from_dict(selection))

    def __repr__(self) -> str:
        return f"ChannelStatistics({len(self)} channels of {self.count} blocks, chroma={self.chroma!r})"


def fit_statistics(batches: Iterable[Any], *, chroma: Chroma = "exact", progress: bool = False) -> ChannelStatistics:
    """Fit mean and standard deviation of all 192 channels, as a network will see them.

    Every block of every image counts alike, those of partial blocks included. Batches are joined in float64 by the
    pairwise update of Chan, Golub & LeVeque (1983): with n, μ and M = Σ(x − μ)² of either part and δ = μ₂ − μ₁,

        μ = μ₁ + δ·n₂/(n₁ + n₂),    M = M₁ + M₂ + δ²·n₁·n₂/(n₁ + n₂),    std = √(M/n).

    A channel with a standard deviation below a thousandth of a level, as Cb and Cr of grayscale files, gets std 1, so
    that rounding is not blown up.

    Args:
        batches: `JpegBatch`es, tensors of RGB pixels, or tuples of either and labels, as a data loader gives them; of
            any sizes. One is held at a time.
        chroma: As for `frequency_channels`; the same as the network's.
        progress: Show a progress bar; needs tqdm.

    Returns:
        Statistics of 192 channels, row-major.

    Raises:
        InputError: If there are no batches, or one is neither files nor pixels.
        MissingPackageError: If a progress bar is asked for and tqdm is not installed.
    """
    check_chroma(chroma)
    count = 0
    mean = squares = torch.zeros(CHANNELS, dtype=torch.float64)
    for batch in _shown(batches) if progress else batches:
        source: Source = batch[0] if isinstance(batch, tuple | list) else batch
        with torch.no_grad():
            values = wide_channels(source, None, chroma).double()
        own = values.numel() // CHANNELS
        if not own:
            continue
        own_mean = values.mean((0, 2, 3))
        own_squares = (values - own_mean.view(-1, 1, 1)).square_().sum((0, 2, 3)).cpu()
        step = own_mean.cpu() - mean
        share = own / (count + own)
        mean = mean + step * share
        squares = squares + own_squares + step.square() * (count * share)
        count += own
    if not count:
        raise InputError("statistics are of at least one batch, got none")
    std = (squares / count).sqrt()
    return ChannelStatistics(mean, torch.where(std < _STILL, 1.0, std), count, chroma)


def _shown(batches: Iterable[Any]) -> Iterable[Any]:
    if importlib.util.find_spec("tqdm") is None:
        raise MissingPackageError("progress=True needs tqdm: pip install tqdm")
    from tqdm.auto import tqdm

    return tqdm(batches, unit="batch")
