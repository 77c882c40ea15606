"""Pooling, against torch where it is exact and against loops where the maximum is chosen by few frequencies."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain.functional import (
    adaptive_avg_pool2d,
    avg_pool2d,
    decode,
    encode,
    global_avg_pool2d,
    max_pool2d,
)
from jpegdomain.testing import assert_commutes
from tests import oracle

EXTENTS = [(16, 24), (13, 9), (28, 7)]

AVERAGES = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (2, 1)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": (1, 0), "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 4, "stride": 3, "divisor_override": 5},
]

# kernel, stride, padding, dilation, ceil_mode
MAXIMA = [
    (2, None, 0, 1, False),
    (3, 2, 1, 1, False),
    (3, 2, 1, 1, True),
    (2, 2, 0, 1, True),
    ((3, 2), (1, 2), (1, 0), 1, True),
    (2, 3, 0, (3, 2), False),
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("extent", [*EXTENTS, (8, 8), (1, 1)])
@pytest.mark.parametrize("channels", [3, 8])
def test_global_average_leaves_the_transform_domain(extent, channels):
    assert_commutes(global_avg_pool2d, lambda x: F.adaptive_avg_pool2d(x, 1), extent, channels=channels)
    assert isinstance(global_avg_pool2d(encode(torch.ones(1, 1, *extent))), torch.Tensor)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("settings", AVERAGES, ids=str)
def test_average(extent, settings):
    assert_commutes(lambda x: avg_pool2d(x, **settings), lambda x: F.avg_pool2d(x, **settings), extent)


@pytest.mark.parametrize("extent", [(8, 8), (13, 9)])
@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 1}, {"stride": 2, "ceil_mode": True}, {"divisor_override": 7}, {"padding": 1, "stride": 1}],
    ids=str,
)
def test_average_over_all_of_the_extent(extent, settings):
    assert_commutes(lambda x: avg_pool2d(x, extent, **settings), lambda x: F.avg_pool2d(x, extent, **settings), extent)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("size", [1, 3, (None, 2), (7, None), (20, 30)])
def test_adaptive_average(extent, size):
    assert_commutes(lambda x: adaptive_avg_pool2d(x, size), lambda x: F.adaptive_avg_pool2d(x, size), extent)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("window", MAXIMA, ids=str)
@pytest.mark.parametrize("method", ["asm", "apx"])
def test_maximum_by_15_frequencies(extent, window, method):
    assert_commutes(
        lambda x: max_pool2d(x, *window, method=method), lambda x: F.max_pool2d(x, *window), extent, channels=8
    )


@pytest.mark.parametrize("window", MAXIMA, ids=str)
@pytest.mark.parametrize("frequencies", [2, 9, 14])
def test_maximum_chosen_by_fewer_frequencies(window, frequencies):
    pixels = random(2, 2, 13, 9)
    low = oracle.truncated(pixels.numpy(), frequencies)
    kernel, stride, padding, dilation = (
        (value, value) if isinstance(value, int) else value
        for value in (window[0], window[1] or window[0], *window[2:4])
    )
    for method, values in {"asm": pixels.numpy(), "apx": low}.items():
        expected = oracle.max_pool(values, low, kernel, stride, padding, dilation, window[4])
        result = max_pool2d(encode(pixels), *window, frequencies=frequencies, method=method)
        assert result.extent == expected.shape[2:]
        np.testing.assert_allclose(result.coefficients, oracle.encode(expected), rtol=0, atol=1e-12)


def test_fewer_frequencies_can_choose_another_pixel():
    """The oracle's two cases do differ: at two frequencies, the chosen pixel is not always the largest."""
    pixels = random(1, 1, 16, 16)
    assert (decode(max_pool2d(encode(pixels), 2, frequencies=2)) < F.max_pool2d(pixels, 2) - 1e-3).any()


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: max_pool2d(x, 3, 2, 1),
        lambda x: max_pool2d(x, 3, 2, 1, frequencies=5),
        lambda x: avg_pool2d(x, 3, 2, 1),
        lambda x: adaptive_avg_pool2d(x, (4, 3)),
    ],
)
def test_gradients(pool):
    assert torch.autograd.gradcheck(lambda x: decode(pool(encode(x))), random(1, 2, 9, 11).requires_grad_())
    assert torch.autograd.gradcheck(lambda x: global_avg_pool2d(encode(x)), random(1, 2, 9, 11).requires_grad_())


@pytest.mark.parametrize("frequencies", [0, 16])
def test_frequencies_outside_1_to_15(frequencies):
    with pytest.raises(ValueError, match=f"frequencies must be 1…15, got {frequencies}"):
        max_pool2d(encode(torch.zeros(1, 1, 8, 8)), 2, frequencies=frequencies)
