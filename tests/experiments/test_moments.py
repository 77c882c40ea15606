"""Intervals against the textbook's, and against how often they cover the truth."""

import numpy as np
import pytest
import torch

from experiments.lib.moments import Moments


def moments(**quantities):
    return Moments.of(tuple(quantities), torch.from_numpy(np.stack(list(quantities.values()))))


def test_equal_weights_give_the_interval_of_a_mean():
    values = np.random.default_rng(0).lognormal(size=500)
    half = 1.959963984540054 * values.std(ddof=1) / np.sqrt(500)
    estimate = moments(v=values, w=np.full(500, 64.0)).ratio("v", "w")
    assert [estimate.value, estimate.low, estimate.high] == pytest.approx(
        [values.mean() / 64, (values.mean() - half) / 64, (values.mean() + half) / 64], rel=1e-12
    )


def test_parts_add_up():
    values, weights = np.random.default_rng(1).uniform(size=(2, 900))
    whole = moments(v=values, w=weights)
    parts = moments(v=values[:100], w=weights[:100]) + moments(v=values[100:], w=weights[100:])
    np.testing.assert_allclose(parts.products, whole.products, rtol=1e-12)
    assert parts.names == ("samples", "v", "w")
    assert parts.total("w") == pytest.approx(weights.sum(), rel=1e-12)


@pytest.mark.parametrize("root", [False, True])
def test_intervals_of_ratios_have_their_stated_coverage(root):
    """Weights that differ and are correlated with the values: images of several sizes."""
    random = np.random.default_rng(2)
    weights = random.integers(1, 5, (2000, 300)).astype(float)
    values = weights**2 * random.exponential(size=weights.shape)
    truth = (1 + 4 + 9 + 16) / (1 + 2 + 3 + 4)
    covered = 0
    for v, w in zip(values, weights, strict=True):
        sums = moments(v=v, w=w)
        estimate = sums.root_of_ratio("v", "w") if root else sums.ratio("v", "w")
        covered += estimate.low <= (truth**0.5 if root else truth) <= estimate.high
    assert 0.93 < covered / 2000 < 0.965


def test_the_interval_of_a_zero_error_has_no_width():
    estimate = moments(v=np.zeros(9), w=np.ones(9)).root_of_ratio("v", "w")
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)
