"""Results are written over only where nobody else can read them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .models import agrees, nets, small


def test_results_of_hooked_layers_are_not_written_over():
    model = small()
    converted = jd.convert(model)
    kept = {}
    converted.block1.conv1.register_forward_hook(lambda _m, _i, result: kept.update(conv=result))
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        converted(jd.encode(pixels))
        torch.testing.assert_close(jd.decode(kept["conv"]), model.block1.conv1(pixels))


def test_layers_called_by_hand_write_over_nothing():
    converted = jd.convert(small())
    with torch.no_grad():
        y = converted.block1.conv1(jd.encode(torch.randn(2, 3, 16, 16, dtype=torch.float64)))
        before = y.coefficients.clone()
        z = converted.block1.bn1(y)
        converted.block1.relu(z)
    assert torch.equal(y.coefficients, before)


def test_edited_models_write_over_nothing_that_is_still_read():
    """A module put in after the conversion, or a hook that keeps what it sees."""
    net = nets(
        lambda self, x: self.relu(self.bn(self.conv(x))),
        conv=nn.Conv2d(3, 8, 3, 1, 1),
        bn=nn.BatchNorm2d(8),
        relu=nn.ReLU(),
    )
    activation = jd.encode(torch.randn(1, 8, 16, 16))
    before = activation.coefficients.clone()
    converted = jd.convert(net.eval())
    converted.conv = nn.Identity()
    with torch.no_grad():
        converted(activation)
    assert torch.equal(activation.coefficients, before)

    pixels = torch.randn(1, 3, 16, 16)
    for place in ("relu", "bn"):
        converted, kept = jd.convert(net), {}
        getattr(converted, place).register_forward_pre_hook(lambda _m, inputs, kept=kept: kept.update(x=inputs[0]))
        with torch.no_grad():
            converted(jd.encode(pixels))
            expected = net.conv(pixels) if place == "bn" else net.bn(net.conv(pixels))
        torch.testing.assert_close(jd.decode(kept["x"]), expected, rtol=1e-4, atol=1e-4)

    converted = jd.convert(net)
    converted.bn = nn.Identity()
    converted.relu = jd.nn.Pointwise(nn.GELU())
    with torch.no_grad():
        result = jd.decode(converted(jd.encode(pixels)))
        torch.testing.assert_close(result, F.gelu(net.conv(pixels)), rtol=1e-4, atol=1e-4)


def test_results_with_two_readers_are_not_written_over():
    def forward(self, x):
        y = self.conv(x)
        z = self.bn(y)
        y = y + self.relu(z) + z
        return y + self.relu(y)

    net = nets(forward, conv=nn.Conv2d(3, 8, 3, 1, 1), bn=nn.BatchNorm2d(8), relu=nn.ReLU())
    net.bn.running_mean.add_(0.5)
    assert agrees(net, shape=(2, 3, 16, 16))


def test_the_unedited_model_does_write_over_results():
    converted, seen = jd.convert(small()), []
    relu = type(converted.block1.relu)
    original = relu.forward

    def spied(self, x, inplace=False):
        seen.append(inplace)
        return original(self, x, inplace)

    activation = jd.encode(torch.randn(1, 3, 16, 16, dtype=torch.float64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relu, "forward", spied)
        with torch.no_grad():
            converted(activation)
        assert seen == [True] * 6
        seen.clear()
        converted(activation)
        assert seen == [False] * 6


def test_the_callers_activation_is_not_written_over():
    for model in (small(), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).double().eval(), nn.Sequential(nn.ReLU())):
        converted = jd.convert(model)
        activation = jd.encode(torch.randn(2, 3, 16, 16, dtype=torch.float64))
        before = activation.coefficients.clone()
        with torch.no_grad():
            converted(activation)
        assert torch.equal(activation.coefficients, before)
