"""A conversion changes nothing that it was not asked to change."""

import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .models import agrees, nets


class Counter(nn.Module):
    """Looks at values, so that it runs on real tensors only, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x * 2 if x.sum() > 1e9 else x


@pytest.fixture
def counter():
    jd.register_rule(Counter)(lambda layer, _: jd.nn.Pointwise(layer))
    return nets(lambda self, x: self.counter(self.conv(x)), conv=nn.Conv2d(3, 4, 1), counter=Counter()).eval()


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_converting_leaves_no_trace(counter, plan):
    seen = []
    counter.conv.register_forward_hook(lambda _module, _inputs, result: seen.append(result))
    state = torch.get_rng_state()
    converted = jd.convert(counter, plan=plan)
    assert torch.equal(torch.get_rng_state(), state)
    assert seen == []
    assert counter.counter.calls == 0
    assert converted.state_dict()["counter.calls"] == 0
    converted(jd.encode(torch.randn(1, 3, 16, 16)))
    assert len(seen) == 1
    assert converted.state_dict()["counter.calls"] == 1


def test_a_layer_with_its_own_forward_runs_that_forward():
    model = nets(lambda self, x: F.relu(self.conv(x)), conv=nn.Conv2d(3, 4, 3, padding=1))
    model.conv.forward = types.MethodType(lambda self, x: F.conv2d(x, self.weight, self.bias) * 2, model.conv)
    for plan in ("transform", "fused"):
        assert agrees(model, jd.convert(model.double().eval(), plan=plan))
    elsewhere = model.conv
    elsewhere.forward = lambda x: F.conv2d(x, elsewhere.weight)
    for plan in ("transform", "fused"):
        assert agrees(model, jd.convert(model, plan=plan))
