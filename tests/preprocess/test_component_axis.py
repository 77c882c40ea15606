"""Upsampling before a map, against the product of dense matrices; the filters against the codec's oracle."""

import numpy as np
import pytest

from jpegdomain.geometry import Extent
from jpegdomain.preprocess.banded_matrix import BandedMatrix
from jpegdomain.preprocess.component_axis import from_samples, takes_triangle, upsampling
from jpegdomain.preprocess.resampling import resampling

from ..codec import oracle
from .test_banded_matrix import random_map


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("samples", [3, 4, 7, 20])
@pytest.mark.parametrize("cut", [0, 1])
def test_upsampling_is_the_decoders(samples, factor, cut):
    size = samples * factor - (cut if factor > 1 else 0)
    line = np.random.default_rng(0).normal(size=samples)
    triangle = takes_triangle(Extent(8, samples), (1, factor))
    expected = oracle.upsample(line[None], 1, factor)[0, :size]
    np.testing.assert_allclose(upsampling(samples, factor, triangle, size).apply(line), expected, atol=1e-12)


PIXELS = {
    "any": lambda size: random_map(size, 9, min(5, size), 0),
    "one tap": lambda size: random_map(size, 20, 1, 1),
    "all": lambda size: random_map(size, 3, size, 2),
    "itself": BandedMatrix.identity,
    "turned": lambda size: BandedMatrix.identity(size).flip(),
    "smaller": lambda size: resampling(size, max(1, size // 3)),
    "larger": lambda size: resampling(size, 3 * size, "bicubic"),
    "padded": lambda size: resampling(size, size + 4).pad(3, 4),
    "part": lambda size: (
        resampling(max(1, size // 2), 5) @ BandedMatrix.identity(size).crop(size // 3, max(1, size // 2))
    ),
}


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize("size", [1, 2, 5, 12, 31])
@pytest.mark.parametrize(("factor", "triangle"), [(1, False), (2, True), (2, False), (4, False)])
def test_from_samples_is_the_product(name, size, factor, triangle):
    samples, pixels = -(-size // factor), PIXELS[name](size)
    expected = pixels.dense() @ upsampling(samples, factor, triangle, size).dense()
    np.testing.assert_allclose(from_samples(pixels, samples, factor, triangle).dense(), expected, atol=1e-12)
