"""A converted model is like its source in everything else: class, methods, return values, and later changes."""

import collections
from typing import NamedTuple

import pytest
import torch
from torch import nn

import jpegdomain as jd

from .models import agrees, nets, stem

PLANS = ["transform", "fused"]


class Named(NamedTuple):
    maps: torch.Tensor
    logits: torch.Tensor


class Output(collections.OrderedDict):
    pass


RETURNS = {
    "named": lambda maps: Named(maps, maps.mean((2, 3))),
    "ordered": lambda maps: collections.OrderedDict(maps=maps, logits=maps.mean((2, 3))),
    "own": lambda maps: Output(maps=maps),
    "nested": lambda maps: {"a": [maps, (maps * 2, None)], "b": 3},
    "tuple": lambda maps: (maps, maps.permute(0, 2, 3, 1)),
    "map": lambda maps: maps,
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", RETURNS)
def test_returns_what_the_source_returns(name, plan):
    model = nets(lambda self, x: RETURNS[name](self.conv(x)), conv=nn.Conv2d(3, 4, 3)).double().eval()
    converted = jd.convert(model, plan=plan)
    pixels = torch.randn(2, 3, 12, 10, dtype=torch.float64)
    expected, got = model(pixels), converted(jd.encode(pixels))
    assert type(got) is type(expected)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)
    assert jd.verify(model, converted, jd.encode(pixels)).passes()


@pytest.mark.parametrize("plan", PLANS)
def test_a_converted_model_is_its_source_in_everything_else(plan):
    class Net(nn.Module):
        note = "of the class"

        def __init__(self):
            super().__init__()
            self.stages = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
            self.head = nn.Linear(4, 2)
            self.width = 4

        def forward_features(self, x):
            return self.stages(x).mean((2, 3))

        def forward(self, x):
            return self.head(self.forward_features(x))

        def reset_classifier(self, count):
            self.head = nn.Linear(self.width, count)

    model = Net().eval()
    converted = jd.convert(model, plan=plan)
    assert isinstance(converted, Net)
    assert isinstance(converted, jd.ConvertedModel)
    assert (converted.note, converted.width) == ("of the class", 4)
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(converted.forward_features(x), model.forward_features(x))
    torch.testing.assert_close(converted.stages[0](x), model.stages[0](x))
    assert len(converted.stages) == 2
    assert [name for name, _ in converted.named_children()] == ["stages", "head"]
    converted.reset_classifier(7)
    assert converted(jd.encode(x)).shape == (2, 7)
    assert repr(converted).startswith("ConvertedNet(")
    assert type(jd.to_spatial(converted)) is Net


@pytest.mark.parametrize("plan", PLANS)
def test_a_converted_sequence_is_a_sequence(plan):
    model = stem()
    converted = jd.convert(model, plan=plan)
    assert len(converted) == 4
    assert [type(layer) for layer in converted] == [type(layer) for layer in model]
    assert isinstance(converted[-1], nn.Flatten)
    assert agrees(model, converted)
    converted[1].register_forward_hook(lambda *_: None)
    assert agrees(model, converted)


@pytest.mark.parametrize("plan", PLANS)
def test_changes_after_the_conversion_are_followed(plan):
    def forward(self, x):
        return self.act(self.conv(x) * self.gain if self.scaled else self.conv(x))

    model = nets(forward, conv=nn.Conv2d(3, 4, 3), act=nn.ReLU()).double().eval()
    model.gain, model.scaled = 2.0, True
    converted = jd.convert(model, plan=plan)
    changes = [
        lambda m: setattr(m, "gain", 3.0),
        lambda m: setattr(m, "scaled", False),
        lambda m: setattr(m, "act", nn.LeakyReLU(0.3)),
        lambda m: setattr(m.act, "negative_slope", 0.7),
        lambda m: setattr(m, "conv", nn.Conv2d(3, 5, 1).double().requires_grad_(False)),
        lambda m: torch.nn.utils.parametrizations.weight_norm(m.conv),
        lambda m: m.conv.parametrizations.weight.original0.data.mul_(3),
    ]
    for change in changes:
        torch.manual_seed(1)
        change(model)
        torch.manual_seed(1)
        change(converted)
        assert agrees(model, converted)
