"""Sums over independent samples, and their ratios with confidence intervals; sums over parts can be added."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Estimate", "Moments"]

# 95 % of the standard normal distribution are within ± this.
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % confidence interval.

    Args:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Moments:
    """Sums of products of the quantities measured on each sample.

    Args:
        names: Names of the quantities; the first is 'samples', which is 1 on each sample.
        products: Σ xᵢxⱼ over the samples, one row per quantity.
    """

    names: tuple[str, ...]
    products: Sequence[Sequence[float]]

    @classmethod
    def of(cls, names: tuple[str, ...], table: Tensor) -> "Moments":
        """Sum over samples.

        Args:
            names: Names of the quantities.
            table: (quantities, samples) float64.
        """
        table = torch.cat([torch.ones_like(table[:1]), table])
        return cls(("samples", *names), (table @ table.T).tolist())

    def __add__(self, other: "Moments") -> "Moments":
        rows = zip(self.products, other.products, strict=True)
        return Moments(self.names, [[a + b for a, b in zip(*pair, strict=True)] for pair in rows])

    def total(self, name: str) -> float:
        """Return the sum of one quantity over the samples."""
        return self.products[0][self.names.index(name)]

    def ratio(self, above: str, below: str) -> Estimate:
        """Estimate the ratio of two sums: R = Σv/Σw, Var R ≈ N/(N−1)·Σ(v − R·w)²/(Σw)².

        If w is the same on all samples, this is the usual interval of the mean.
        """
        ratio, deviation = self._ratio(above, below)
        return Estimate(ratio, ratio - _NORMAL_95 * deviation, ratio + _NORMAL_95 * deviation)

    def root_of_ratio(self, above: str, below: str) -> Estimate:
        """Estimate √(Σv/Σw); its standard error is the ratio's times the slope of the root (delta method)."""
        ratio, deviation = self._ratio(above, below)
        root = math.sqrt(ratio)
        half = _NORMAL_95 * deviation / (2 * root) if root else 0.0
        return Estimate(root, root - half, root + half)

    def _ratio(self, above: str, below: str) -> tuple[float, float]:
        v, w = self.names.index(above), self.names.index(below)
        samples, total = self.products[0][0], self.products[0][w]
        ratio = self.products[0][v] / total
        squares = self.products[v][v] - 2 * ratio * self.products[v][w] + ratio**2 * self.products[w][w]
        # If all samples are equal, rounding may make the variance slightly negative.
        return ratio, math.sqrt(max(squares, 0.0) * samples / (samples - 1)) / total
