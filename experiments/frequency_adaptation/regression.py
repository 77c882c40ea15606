"""Linear regression from sums: ridge, and the rescaling that gives predictions their target's spread."""

import torch
from torch import Tensor

__all__ = ["Moments"]

_PENALTY = 1e-3
"""Penalty on the squared weights, relative to the features' mean variance: fits change little from 1e-4 to 1e-2."""


class Moments:
    """Sums over rows of features x and targets y, from which y is regressed on x; in float64."""

    def __init__(self) -> None:
        self._sums: tuple[Tensor, ...] | None = None

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add rows.

        Args:
            x: (n, p) features.
            y: (n, q) targets.
        """
        x, y = x.double(), y.double()
        count = torch.tensor(len(x), dtype=torch.float64, device=x.device)
        parts = (count, x.sum(0), y.sum(0), x.T @ x, x.T @ y, y.square().sum(0))
        self._sums = parts if self._sums is None else tuple(map(torch.add, self._sums, parts))

    @property
    def _means(self) -> tuple[Tensor, ...]:
        if self._sums is None:
            raise ValueError("no rows were added")
        count, *sums = self._sums
        return tuple(one / count for one in sums)

    @property
    def mean(self) -> Tensor:
        """(p,) mean of the features."""
        return self._means[0]

    @property
    def covariance(self) -> Tensor:
        """(p, p) of the features."""
        x, _, xx, _, _ = self._means
        return xx - torch.outer(x, x)

    @property
    def variance(self) -> Tensor:
        """(q,) of the targets."""
        _, y, _, _, yy = self._means
        return (yy - y.square()).clamp(min=0)

    def _cross(self) -> Tensor:
        x, y, _, xy, _ = self._means
        return xy - torch.outer(x, y)

    def ridge(self, penalty: float = _PENALTY) -> Tensor:
        """Regress: the W that minimises E|y − ȳ − W(x − x̄)|² + penalty·v·|W|², v the features' mean variance.

        Returns:
            (q, p).
        """
        covariance = self.covariance
        size = penalty * covariance.diagonal().mean()
        own = covariance + size * torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        return torch.linalg.solve(own, self._cross()).T

    def explained(self, weight: Tensor) -> float:
        """Return the share of the targets' total variance that ȳ + W(x − x̄) explains."""
        gain = 2 * (weight * self._cross().T).sum() - ((weight @ self.covariance) * weight).sum()
        return float(gain / self.variance.sum())

    def matched(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Rescale a regression so that its predictions have the mean and the variance of their targets.

        A regression's predictions vary less than their targets, and the worse the fit, the less; the layers that follow
        were trained on the targets.

        Returns:
            (q, p) weights and (q,) biases.
        """
        predicted = ((weight @ self.covariance) * weight).sum(1)
        # What does not vary cannot be rescaled.
        factor = torch.where(predicted > 0, (self.variance / predicted.clamp(min=1e-300)).sqrt(), 1.0)
        scaled = weight * factor[:, None]
        return scaled, self._means[1] - scaled @ self.mean
