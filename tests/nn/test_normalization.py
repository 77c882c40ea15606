"""The batch norm module over several training steps, compared with torch's."""

import copy

import pytest
import torch

from jpegdomain import nn
from jpegdomain.functional import decode, encode

SETTINGS = [
    {},
    {"momentum": 0.4, "eps": 1e-2},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
    {"track_running_stats": False, "affine": False, "momentum": None},
]


def pairs(settings):
    spatial = torch.nn.BatchNorm2d(3, dtype=torch.float64, **settings)
    if spatial.affine:
        torch.nn.init.uniform_(spatial.weight, 0.5, 2, generator=torch.Generator().manual_seed(0))
        torch.nn.init.uniform_(spatial.bias, -2, 2, generator=torch.Generator().manual_seed(1))
    return nn.BatchNorm2d.from_spatial(copy.deepcopy(spatial)), spatial


def batches(extent):
    generator = torch.Generator().manual_seed(2)
    for step in range(4):
        yield 2 * torch.randn(2, 3, *extent, generator=generator, dtype=torch.float64) + step


def assert_same(layer, spatial):
    assert list(layer.state_dict()) == list(spatial.state_dict())
    for one, two in zip(layer.state_dict().values(), spatial.state_dict().values(), strict=True):
        assert one.dtype == two.dtype
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("extent", [(8, 8), (16, 24), (13, 9)])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_steps_of_training(extent, settings):
    layer, spatial = pairs(settings)
    factors = torch.randn(2, 3, *extent, dtype=torch.float64)
    optimisers = [torch.optim.SGD(m.parameters(), lr=0.01) for m in (layer, spatial) if list(m.parameters())]
    for pixels in batches(extent):
        one, two = pixels.clone().requires_grad_(), pixels.clone().requires_grad_()
        result, expected = decode(layer(encode(one))), spatial(two)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)
        for optimiser in optimisers:
            optimiser.zero_grad()
        (result * factors).sum().backward()
        (expected * factors).sum().backward()
        torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=1e-9)
        for optimiser in optimisers:
            optimiser.step()
        assert_same(layer, spatial)
    layer.eval()
    spatial.eval()
    for pixels in batches(extent):
        torch.testing.assert_close(decode(layer(encode(pixels))), spatial(pixels), rtol=0, atol=1e-9)
    assert_same(layer, spatial)


def test_eval_leaves_the_statistics_alone():
    layer, _ = pairs({})
    before = copy.deepcopy(layer.state_dict())
    layer.eval()(encode(torch.randn(2, 3, 9, 9, dtype=torch.float64)))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_gradients_of_a_frozen_layer():
    layer, spatial = pairs({})
    (pixels, *_) = batches((13, 9))
    factors = torch.randn(2, 3, 13, 9, dtype=torch.float64)
    (decode(layer.eval()(encode(pixels))) * factors).sum().backward()
    (spatial.eval()(pixels) * factors).sum().backward()
    torch.testing.assert_close(layer.weight.grad, spatial.weight.grad)
    torch.testing.assert_close(layer.bias.grad, spatial.bias.grad)


def test_one_value_per_channel_cannot_train():
    layer, _ = pairs({})
    with pytest.raises(ValueError, match="more than one value per channel"):
        layer(encode(torch.ones(1, 3, 1, 1, dtype=torch.float64)))


def test_tracking_switched_off_later():
    layer, spatial = pairs({})
    for module in (layer, spatial):
        module.track_running_stats = False
    for pixels in batches((13, 9)):
        torch.testing.assert_close(decode(layer(encode(pixels))), spatial(pixels), rtol=0, atol=1e-9)
    assert_same(layer, spatial)
    assert not layer.running_mean.any()
