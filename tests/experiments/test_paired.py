"""Differences of accuracies, paired image by image, and their intervals."""

import numpy as np
import pytest
import torch

from experiments.lib.paired import counts, difference, difference_cell


def test_differences_are_those_of_the_images():
    generator = torch.Generator().manual_seed(0)
    right, reference = (torch.rand(50, generator=generator) < share for share in (0.7, 0.5))
    found = counts(right, reference)
    own = difference(found["gained"], found["lost"], 50)
    pairs = right.numpy().astype(float) - reference.numpy()
    assert found["right"] == right.sum()
    assert own["difference"] == pytest.approx(pairs.mean())
    assert own["standard_error"] == pytest.approx(pairs.std() / 50**0.5)


def test_intervals_are_over_networks_or_over_images_of_one():
    rows = [{"difference": value, "standard_error": 0.001} for value in (-0.04, -0.13, -0.22)]
    # Standard deviation 0.09, three networks: t = 4.303 for two degrees of freedom.
    half = 4.3027 * np.std([4, 13, 22], ddof=1) / 3**0.5
    assert difference_cell(rows) == f"-13.0 ± {half:.1f}"
    assert difference_cell([{"difference": 0.05, "standard_error": 0.01}]) == "+5.0 ± 2.0"
