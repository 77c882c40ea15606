"""Sums over independent samples, and ratios of them with confidence intervals; the sums of parts add up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Estimate", "Moments"]

# Of the standard normal distribution: 95 % lie within.
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
    """Sums of products of what was measured on each sample.

    Args:
        names: Of the measured quantities; the first is 'samples', 1 on each.
        products: Σ xᵢxⱼ over the samples, a row per quantity.
    """

    names: tuple[str, ...]
    products: Sequence[Sequence[float]]

    @classmethod
    def of(cls, names: tuple[str, ...], table: Tensor) -> "Moments":
        """Sum over samples.

        Args:
            names: Of the quantities.
            table: (quantities, samples) float64.
        """
        table = torch.cat([torch.ones_like(table[:1]), table])
        return cls(("samples", *names), (table @ table.T).tolist())

    def __add__(self, other: "Moments") -> "Moments":
        rows = zip(self.products, other.products, strict=True)
        return Moments(self.names, [[a + b for a, b in zip(*pair, strict=True)] for pair in rows])

    def total(self, name: str) -> float:
        """The sum of one quantity over the samples."""
        return self.products[0][self.names.index(name)]

    def ratio(self, above: str, below: str) -> Estimate:
        """Estimate the ratio of two sums: R = Σv/Σw, Var R ≈ N/(N−1)·Σ(v − R·w)²/(Σw)².

        Where w is the same on all samples, that is the mean's usual interval.
        """
        ratio, deviation = self._ratio(above, below)
        return Estimate(ratio, ratio - _NORMAL_95 * deviation, ratio + _NORMAL_95 * deviation)

    def root_of_ratio(self, above: str, below: str) -> Estimate:
        """Estimate √(Σv/Σw); its deviation is the ratio's times the slope of the root there (delta method)."""
        ratio, deviation = self._ratio(above, below)
        root = math.sqrt(ratio)
        half = _NORMAL_95 * deviation / (2 * root) if root else 0.0
        return Estimate(root, root - half, root + half)

    def _ratio(self, above: str, below: str) -> tuple[float, float]:
        v, w = self.names.index(above), self.names.index(below)
        samples, total = self.products[0][0], self.products[0][w]
        ratio = self.products[0][v] / total
        squares = self.products[v][v] - 2 * ratio * self.products[v][w] + ratio**2 * self.products[w][w]
        # Where all samples are equal, rounding may leave a little less than nothing.
        return ratio, math.sqrt(max(squares, 0.0) * samples / (samples - 1)) / total
