"""The report that compares two models."""

import pytest
import torch
from torch import nn

import jpegdomain as jd
from jpegdomain.errors import InputError

from .models import nets, small


def test_verify_compares_each_output_separately():
    model = nets(lambda self, x: (self.a(x) * 1e9, self.b(x)), a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 2, 1)).double()
    converted = jd.convert(model)
    batch = jd.encode(torch.randn(2, 3, 9, 9, dtype=torch.float64))
    assert jd.verify(model, converted, batch).passes()
    with torch.no_grad():
        converted.b.weight.add_(0.1)
    assert not jd.verify(model, converted, batch).passes()


def test_verify_sees_a_difference_and_restores_modes():
    model = small().train()
    converted = jd.convert(model)
    with torch.no_grad():
        converted.linear.bias[3] += 1e-3
    batch = jd.encode(torch.randn(3, 3, 16, 16, dtype=torch.float64))
    report = jd.verify(model, converted, batch)
    assert report.deviation == pytest.approx(1e-3, rel=1e-6)
    assert not report.passes(1e-9)
    assert report.images == 3
    assert model.training
    assert converted.training
    assert model.block1.bn1.num_batches_tracked == 0
    assert "largest deviation 0.001" in str(report)
    converted.linear.bias.data[:] = float("nan")
    assert not jd.verify(model, converted, batch).passes()


def test_verify_refuses_what_it_cannot_compare():
    batch = jd.encode(torch.randn(1, 3, 16, 16, dtype=torch.float64))
    with pytest.raises(InputError, match="verify needs a converted model"):
        jd.verify(small(), small(), batch)
    other = jd.models.three_block_net(3, 7, (4, 6, 8)).double()
    with pytest.raises(InputError, match="differ in number or shape"):
        jd.verify(other, jd.convert(small()), batch)


def test_verify_takes_what_the_models_take_and_return():
    def forward(self, x, other, gain=1.0):
        y = self.conv(x) + other * gain
        return {"maps": [y, y.argmax(1)], "number": y.mean(), "count": 3, "flag": None, "name": "y"}

    model = nets(forward, conv=nn.Conv2d(3, 4, 3)).double()
    pixels, other = torch.randn(2, 3, 9, 9, dtype=torch.float64), torch.randn(2, 4, 7, 7, dtype=torch.float64)
    for plan in ("transform", "fused"):
        converted = jd.convert(model, plan=plan)
        report = jd.verify(model, converted, jd.encode(pixels), other, gain=2.0)
        assert report.passes(1e-9)
        assert report.images == 2
        assert report.magnitude > 1
        with torch.no_grad():
            converted.conv.bias += 0.1
        assert not jd.verify(model, converted, jd.encode(pixels), other, gain=2.0).passes(1e-3)
    with pytest.raises(InputError, match="differ in number or shape"):
        jd.verify(nets(lambda self, x: x.mean()), jd.convert(nets(lambda self, x: (x.mean(), 2))), jd.encode(pixels))
