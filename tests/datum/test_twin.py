"""Below 15 frequencies: an activation's options against an independent twin on pixels, partial blocks included."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd

from ..twin import low_pass, twin
from .same import assert_same, awake, gradients, pixels


def resnet():
    torch.manual_seed(0)
    return awake(torchvision.models.resnet18(num_classes=5).double(), pixels(2, 3, 75, 91))


@pytest.mark.parametrize("frequencies", [1, 6, 14])
@pytest.mark.parametrize("method", ["asm", "apx"])
def test_resnet18(frequencies, method):
    model, given = resnet(), pixels(2, 3, 75, 91)
    with torch.no_grad():
        expected = twin(model, frequencies, method)(given)
        assert_same(model(jd.encode(given).with_options(frequencies, method)), expected)
        assert (model(given) - expected).abs().max() > 1e-3 * expected.abs().max()


@pytest.mark.parametrize("method", ["asm", "apx"])
def test_resnet18_trains(method):
    model, given = resnet().train(), pixels(2, 3, 40, 56)
    expected = gradients(twin(model, 6, method), given)
    got = gradients(model, jd.encode(given).with_options(6, method))
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        assert (got[name] - gradient).abs().max() < 1e-8 * largest, name


PIECES = {
    "relu": (torch.relu, lambda x, low: x * (low > 0)),
    "F.relu": (lambda x: F.relu(x, inplace=True), lambda x, low: x * (low > 0)),
    "relu_": (lambda x: (x + 0).relu_(), lambda x, low: x * (low > 0)),
    "relu6": (F.relu6, lambda x, low: torch.where(low >= 6, 6.0, x * (low > 0))),
    "hardtanh": (
        lambda x: F.hardtanh(x, -0.3, 0.4),
        lambda x, low: torch.where(low >= 0.4, 0.4, torch.where(low > -0.3, x, -0.3)),
    ),
    "clamp": (
        lambda x: x.clamp(-0.3, 0.4),
        lambda x, low: torch.where(low >= 0.4, 0.4, torch.where(low > -0.3, x, -0.3)),
    ),
    "clamp_min": (lambda x: x.clamp_min(0.1), lambda x, low: torch.where(low > 0.1, x, 0.1)),
    "clamp_max": (lambda x: torch.clamp(x, max=0.1), lambda x, low: torch.where(low >= 0.1, 0.1, x)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x, low: torch.where(low > 0, x, 0.2 * x)),
    "prelu": (
        lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)),
        lambda x, low: torch.where(low > 0, x, torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64).view(3, 1, 1) * x),
    ),
    "rrelu": (F.rrelu, lambda x, low: torch.where(low > 0, x, (1 / 8 + 1 / 3) / 2 * x)),
    "threshold": (lambda x: F.threshold(x, 0.2, 0.7), lambda x, low: torch.where(low > 0.2, x, 0.7)),
    "hardshrink": (F.hardshrink, lambda x, low: torch.where(low.abs() > 0.5, x, 0.0)),
    "softshrink": (F.softshrink, lambda x, low: torch.where(low > 0.5, x - 0.5, torch.where(low < -0.5, x + 0.5, 0.0))),
    "hardsigmoid": (F.hardsigmoid, lambda x, low: torch.where(low >= 3, 1.0, torch.where(low > -3, x / 6 + 0.5, 0.0))),
    "modules": (nn.Sequential(nn.ReLU(inplace=True), nn.Identity()), lambda x, low: x * (low > 0)),
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("method", ["asm", "apx"])
def test_pieces(name, method):
    function, pieces = PIECES[name]
    given = 2 * pixels(2, 3, 19, 21)
    low = low_pass(given, 6)
    got = function(jd.encode(given).with_options(6, method))
    assert_same(got, pieces(given if method == "asm" else low, low))
    channels_last = function(jd.encode(given).with_options(6, method).permute(0, 2, 3, 1)) if name != "prelu" else None
    if channels_last is not None:
        assert_same(channels_last.permute(0, 3, 1, 2), got)


def test_max_pool_with_indices_is_exact_or_low_passed():
    given = pixels(2, 3, 19, 21)
    x = jd.encode(given).with_options(5)
    values, places = F.max_pool2d(low_pass(given, 5), 3, return_indices=True)
    chosen = given.flatten(2).gather(2, places.flatten(2)).view_as(values)
    assert_same(F.max_pool2d(x, 3), chosen)
    assert_same(F.max_pool2d(x, 3, return_indices=True), (chosen, places))
