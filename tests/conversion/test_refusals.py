"""What cannot be converted is named, with what to do; rules of one's own."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd
from jpegdomain.conversion import registry
from jpegdomain.errors import InputError, UnsupportedLayerError, UntraceableModelError

from .models import agrees, nets, small


def test_a_batch_of_another_dtype_is_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match=r"input is torch.float32, the model torch.float64: give it x.to"):
        jd.convert(small())(jd.encode(torch.randn(1, 3, 8, 8)))


def test_a_head_replaced_by_another_shape_is_named_on_the_way_back():
    converted = jd.convert(small())
    converted.linear = nn.Linear(8, 3).double()
    with pytest.raises(InputError, match=r"linear\.weight is \(3, 8\) in the converted model and \(10, 8\)"):
        jd.to_spatial(converted)


def test_a_model_that_does_something_else_in_training_runs_in_eval_only():
    def forward(self, x):
        y = self.conv(x)
        if self.training:
            y = y * 2
        return y.mean([2, 3])

    model = nets(forward, conv=nn.Conv2d(3, 4, 3))
    assert agrees(model)
    converted = jd.convert(model.train())
    with pytest.raises(InputError, match="does something else in training than in eval"):
        converted(jd.encode(torch.randn(1, 3, 8, 8, dtype=torch.float64)))


def test_dropout_that_stays_on_in_eval_is_refused():
    with pytest.raises(UnsupportedLayerError, match="dropout: this dropout stays on in eval"):
        jd.convert(nets(lambda self, x: F.dropout(x, 0.5)))


@pytest.mark.parametrize("name", ["plan", "jpeg_entry", "recompile", "_graph"])
def test_names_that_the_converted_model_needs_are_refused(name):
    with pytest.raises(UnsupportedLayerError, match=f"{name}: a converted model needs this name"):
        jd.convert(nets(lambda self, x: getattr(self, name)(x), **{name: nn.Conv2d(3, 4, 1)}))


def test_containers_say_that_they_do_not_run_alone():
    converted = jd.convert(small())
    with pytest.raises(InputError, match="_ResidualBlock runs only as part of its converted model"):
        converted.block1(jd.encode(torch.randn(1, 3, 8, 8)))
    with pytest.raises(InputError, match="hook the layers inside it"):
        converted.block1.register_forward_hook(print)


def test_hooks_that_would_be_lost_are_refused():
    model = small()
    model.block2.register_forward_hook(print)
    with pytest.raises(UnsupportedLayerError, match=r"block2: .* its hooks would never be called"):
        jd.convert(model)


def test_parametrised_layers_say_what_to_do():
    model = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)))
    with pytest.raises(UnsupportedLayerError, match=r"0: .*remove_parametrizations"):
        jd.convert(model)


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
    with pytest.raises(InputError, match="got ConvertedModel"):
        jd.convert(jd.convert(small()))
    with pytest.raises(InputError, match="got function"):
        jd.convert(small)
    with pytest.raises(InputError, match=r"takes a JpegBatch .* got Tensor"):
        jd.convert(small())(torch.randn(1, 3, 8, 8))


def test_unsupported_layers_are_named_with_what_to_do():
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Unfold(2))
    with pytest.raises(UnsupportedLayerError, match=r"^1\.1: no rule converts .*Unfold.*register_rule\(Unfold\)"):
        jd.convert(nn.Sequential(nn.Conv2d(3, 3, 1), block))
    with pytest.raises(UnsupportedLayerError, match=r"^inner\.fliplr: no rule converts the function .*fliplr"):
        jd.convert(nets(lambda self, x: self.inner(x), inner=nets(lambda self, x: torch.fliplr(x))))
    with pytest.raises(UnsupportedLayerError, match=r"cumsum: .*tensor method 'cumsum'"):
        jd.convert(nets(lambda self, x: x.cumsum(1)))


def test_a_subclass_with_a_forward_of_its_own_is_not_taken_for_its_base():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    class Renamed(nn.Conv2d):
        pass

    assert agrees(nn.Sequential(Doubled(3, 4, 3), nn.AdaptiveAvgPool2d(1)))
    assert agrees(nn.Sequential(Renamed(3, 4, 3), nn.AdaptiveAvgPool2d(1)))


def test_users_register_rules_of_their_own():
    class Square(nn.Module):
        def forward(self, x):
            if x.sum() > 0:  # torch.fx could not follow this
                return x * x
            return x * x

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Square(), nn.AdaptiveAvgPool2d(1))
    with pytest.raises(UntraceableModelError, match=r"torch\.fx cannot trace Sequential"):
        jd.convert(model)
    try:

        @jd.register_rule(Square)
        def rule(layer, options):
            assert options.path == "1"
            return jd.nn.Pointwise(layer)

        assert agrees(model)
    finally:
        registry._RULES.pop(Square)


def test_keywords_of_a_module_of_ones_own_reach_its_layer():
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
