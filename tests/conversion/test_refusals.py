"""What cannot be converted is named, with what to do; users' own rules."""

import copy

import pytest
import torch
from torch import nn

import jpegdomain as jd
from jpegdomain.conversion import registry
from jpegdomain.errors import InputError, UnsupportedLayerError

from .models import agrees, nets, small


def test_a_batch_of_another_dtype_is_an_error_that_says_what_to_do():
    with pytest.raises(
        InputError, match=r"input is torch.float32, but the model is torch.float64: convert the input with .to"
    ):
        jd.convert(small())(jd.encode(torch.randn(1, 3, 8, 8)))


def test_pointwise_modules_keep_their_parameters_paths():
    class Swish(nn.Module):
        def __init__(self):
            super().__init__()
            self.beta = nn.Parameter(torch.tensor(1.3))

        def forward(self, x):
            return x * torch.sigmoid(self.beta * x)

    try:

        @jd.register_rule(Swish)
        def rule(layer, _):
            return jd.nn.Pointwise(layer)

        model = nn.Sequential(nn.Conv2d(3, 4, 3), Swish(), nn.AdaptiveAvgPool2d(1)).double()
        converted = jd.convert(model)
        assert list(converted.state_dict()) == list(model.state_dict())
        assert agrees(model, converted)
        with torch.no_grad():
            converted.get_submodule("1").beta.mul_(2)
            model[1].beta.mul_(2)
        assert agrees(model, converted)
        assert agrees(jd.to_spatial(converted), copy.deepcopy(converted))
    finally:
        registry._RULES.pop(Swish)
    with pytest.raises(InputError, match="wrap a function in PixelFunction"):
        jd.nn.Pointwise(torch.tanh)


def test_only_spatial_modules_are_converted():
    with pytest.raises(InputError, match="got ConvertedThreeBlockNet"):
        jd.convert(jd.convert(small()))
    with pytest.raises(InputError, match="got function"):
        jd.convert(small)
    with pytest.raises(InputError, match=r"takes a JpegBatch .* got Tensor"):
        jd.convert(small())(torch.randn(1, 3, 8, 8))


def test_a_subclass_with_its_own_forward_is_not_treated_as_its_base():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    class Renamed(nn.Conv2d):
        pass

    assert agrees(nn.Sequential(Doubled(3, 4, 3), nn.AdaptiveAvgPool2d(1)))
    assert agrees(nn.Sequential(Renamed(3, 4, 3), nn.AdaptiveAvgPool2d(1)))


def test_users_can_register_their_own_rules():
    class Square(nn.Module):
        def forward(self, x):
            if x.sum() > 0:  # torch.fx cannot trace this
                return x * x
            return x * x

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Square(), nn.AdaptiveAvgPool2d(1))
    steps = [(step.path, step.layer, step.form) for step in jd.convert(model).plan((9, 9)).steps]
    assert [step for step in steps if step[0] == "1"] == [("1", "sum", "closed"), ("1", "__mul__", "island")]
    assert [step.form for step in jd.convert(model, plan="fused").plan((9, 9)).steps] == ["its own code"]
    assert "torch.fx cannot trace Sequential" in str(jd.convert(model).plan((9, 9)))
    assert agrees(model)
    try:

        @jd.register_rule(Square)
        def rule(layer, options):
            assert options.path == "1"
            return jd.nn.Pointwise(layer)

        assert "Square" in [step.layer for step in jd.convert(model).plan((9, 9)).steps]
        assert agrees(model)
    finally:
        registry._RULES.pop(Square)


def test_keywords_of_a_users_module_reach_its_layer():
    class Gain(nn.Module):
        def forward(self, x, gain):
            return x * gain

    class GainLayer(jd.nn.Layer):
        def forward(self, x, gain):
            return jd.functional.mul(x, gain)

    try:
        jd.register_rule(Gain)(lambda _layer, _options: GainLayer())
        assert agrees(nets(lambda self, x: self.gain(x=x, gain=3.0).mean([2, 3]), gain=Gain()))
        assert agrees(nets(lambda self, x: self.gain(x, gain=3.0).mean([2, 3]), gain=Gain()))
    finally:
        registry._RULES.pop(Gain)


@pytest.mark.parametrize("name", ["plan", "jpeg_entry", "preprocess"])
def test_names_that_the_converted_model_needs_are_refused(name):
    with pytest.raises(UnsupportedLayerError, match=f"{name}: a converted model needs this name"):
        jd.convert(nets(lambda self, x: getattr(self, name)(x), **{name: nn.Conv2d(3, 4, 1)}))


def test_wrapped_models_are_refused_with_what_to_do():
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    with pytest.raises(InputError, match=r"torch.compile.*convert first.*torch.compile\(jpegdomain.convert\(model\)\)"):
        jd.convert(torch.compile(model))
    with pytest.raises(InputError, match=r"scripted.*convert the original model"):
        jd.convert(torch.jit.script(model))
