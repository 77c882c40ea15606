"""What `convert` promises besides numbers: keys, independence, round trips, options, the plan."""

import copy
import io
import pickle

import pytest
import torch
import torchvision
from torch import nn

import jpegdomain as jd

from .models import agrees, nets, small


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_state_dict_is_the_sources(name):
    model = torchvision.models.get_model(name, weights=None)
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert [n for n, _ in converted.named_parameters()] == [n for n, _ in model.named_parameters()]
    converted.load_state_dict(torchvision.models.get_model(name, weights=None).state_dict())


def test_the_source_is_not_modified_and_nothing_is_shared():
    model = small().train()
    before = copy.deepcopy(model.state_dict())
    forward = model.forward
    converted = jd.convert(model)
    assert model.training
    with torch.no_grad():
        for tensor in (*converted.parameters(), *converted.buffers()):
            tensor.add_(1)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert model.forward == forward
    assert type(model.block1.conv1) is nn.Conv2d


def test_to_spatial_returns_the_source_with_the_current_weights():
    model = small()
    converted = jd.convert(model)
    with torch.no_grad():
        converted.linear.weight.mul_(2)
    back = jd.to_spatial(converted)
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(back(pixels), converted(jd.encode(pixels)), rtol=1e-9, atol=1e-9)
    assert not torch.allclose(back(pixels), model(pixels))
    back.linear.weight.data.zero_()
    assert converted.linear.weight.abs().sum() > 0


@pytest.mark.parametrize("copied", ["deepcopy", "pickle", "save"])
def test_a_converted_model_can_be_copied_and_stored(copied):
    converted = jd.convert(small(), frequencies=8)
    if copied == "deepcopy":
        other = copy.deepcopy(converted)
    elif copied == "pickle":
        other = pickle.loads(pickle.dumps(converted))
    else:
        buffer = io.BytesIO()
        torch.save(converted, buffer)
        other = torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    activation = jd.encode(torch.randn(2, 3, 19, 21, dtype=torch.float64))
    with torch.no_grad():
        expected = converted(activation)
        assert torch.equal(other(activation), expected)
        other.linear.weight.zero_()
        assert torch.equal(converted(activation), expected)
    assert isinstance(jd.to_spatial(other), jd.models.ThreeBlockNet)


def test_a_replaced_head_is_used():
    converted = jd.convert(small())
    converted.linear = nn.Linear(8, 3).double()
    pixels = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    logits = converted(jd.encode(pixels))
    assert logits.shape == (1, 3)
    torch.testing.assert_close(jd.to_spatial(converted)(pixels), logits)


def test_a_buffer_may_have_a_functions_name():
    model = nets(lambda self, x: x.mean([2, 3]) - self.mean)
    model.register_buffer("mean", torch.rand(3))
    assert agrees(model)


def test_tensors_that_are_not_buffers_are_those_of_the_source():
    def forward(self, x):
        return (self.inner(x) * self.k + torch.tensor([0.5])).mean([2, 3])

    inner = nets(lambda self, x: x + self.k)
    inner.k = torch.rand(3, 1, 1)
    model = nets(forward, inner=inner)
    model.k = torch.rand(3, 1, 1)
    converted = jd.convert(model)
    assert list(converted.state_dict()) == []
    x = torch.randn(1, 3, 8, 8)
    for _ in range(2):
        torch.testing.assert_close(converted(jd.encode(x)), model(x))
        model.k = converted.k = model.k * 2
    assert len(converted.plan((8, 8)).steps) == 4


def test_values_computed_from_buffers_follow_them():
    model = nets(lambda self, x: x * (self.norm + 1).rsqrt()).eval()
    model.register_buffer("norm", torch.rand(3, 1, 1))
    converted = jd.convert(model)
    for network in (model, converted):
        network.load_state_dict({"norm": torch.full((3, 1, 1), 3.0)})
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(converted(jd.encode(x)), model(x))


def test_further_inputs_reach_the_source():
    model = nets(lambda self, x, gain: (self.conv(x) * gain).mean([2, 3]), conv=nn.Conv2d(3, 4, 3)).double()
    pixels = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    converted = jd.convert(model)
    torch.testing.assert_close(converted(jd.encode(pixels), 3.0), model(pixels, 3.0))
    torch.testing.assert_close(converted(x=jd.encode(pixels), gain=3.0), model(pixels, 3.0))
    assert len(converted.plan((9, 9), 2, gain=3.0).steps) == 3


def test_to_spatial_keeps_the_memory_layout():
    for layout in (torch.contiguous_format, torch.channels_last):
        model = small().to(memory_format=layout)
        back = jd.to_spatial(jd.convert(model))
        assert back.block1.conv1.weight.stride() == model.block1.conv1.weight.stride()


def test_frequencies_per_layer():
    converted = jd.convert(small(), frequencies={"block1.relu": 6, "block[23].*": 9})
    assert converted.block1.relu.frequencies == 6
    assert converted.block3.relu.frequencies == 9
    assert jd.convert(small()).block1.relu.frequencies == 15
    assert jd.convert(small(), frequencies=4, relu="apx").block2.relu.method == "apx"


def test_form_per_layer():
    converted = jd.convert(small(), form={"block1.conv?": "stencil"})
    assert converted.block1.conv1.form == "stencil"
    assert converted.block2.conv1.form == "auto"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(frequencies=16), "frequencies must be an integer, 1…15, got 16"),
        (dict(frequencies=0), "1…15, got 0"),
        (dict(relu="soft"), "'asm' or 'apx', got 'soft'"),
        (dict(plan="fast"), "plan must be 'transform' or 'fused', got 'fast'"),
        (dict(form="sparse"), "one of dense, stencil, factored; got 'sparse'"),
        (dict(frequencies={"blok1.relu": 6}), "no layer uses 'blok1.relu'"),
        (dict(mean=[0.5, 0.5]), "mean must be one number or 3"),
    ],
    ids=str,
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        jd.convert(small(), **options)


def test_the_plan_names_every_layer_in_order():
    model, called = small(), []
    for path, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, path=path: called.append(path))
    model(torch.zeros(1, 3, 33, 21, dtype=torch.float64))
    converted = jd.convert(small(), frequencies=6, form={"block1.conv1": "dense"})
    plan = converted.plan((33, 21), batch=4)
    paths = [step.path for step in plan.steps if step.layer not in ("J", "J̃")]
    assert [path for path in paths if not path.endswith(".add")] == called
    assert sum(path.endswith(".add") for path in paths) == 3
    assert paths[:3] == ["block1.conv1", "block1.bn1", "block1.relu"]
    assert paths[-2:] == ["pool", "linear"]
    layers = [step for step in plan.steps if step.layer not in ("J", "J̃")]
    forms = {step.path: step.form for step in layers}
    assert (forms["block1.conv1"], forms["pool"]) == ("dense", "DC")
    assert forms["block1.relu"].endswith("asm 6")
    outputs = {step.path: step.output for step in layers}
    assert outputs["block2.conv1"] == (6, 17, 11)
    assert {step.path: step.domain for step in plan.steps}["pool"] == "pixels"
    text = str(plan)
    assert "4 × 33×21" in text
    assert all(path in text for path in paths)
    assert "total" in text


def test_the_plan_leaves_the_model_as_it_was():
    converted = jd.convert(small()).train()
    before = copy.deepcopy(converted.state_dict())
    converted.plan((64, 64))
    assert all(module.training for module in converted.modules())
    after = converted.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(layer._forward_hooks for layer in converted.modules())


@pytest.mark.parametrize(
    "options", [dict(frequencies={"block1.conv1": 6}), dict(form={"block1.relu": "dense"})], ids=str
)
def test_options_for_layers_without_the_setting_are_refused(options):
    with pytest.raises(ValueError, match=r"no layer uses 'block1\."):
        jd.convert(small(), **options)


@pytest.mark.parametrize(
    "options",
    [
        dict(frequencies=16),
        dict(frequencies={"*": 0}),
        dict(relu="soft"),
        dict(form="sparse"),
        dict(form={"*": "sparse"}),
    ],
    ids=str,
)
def test_wrong_values_are_refused_even_if_no_layer_uses_them(options):
    with pytest.raises(ValueError, match=r"1…15|'asm' or 'apx'|one of dense, stencil, factored"):
        jd.convert(nn.Sequential(nn.BatchNorm2d(3)), **options)


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_a_model_that_was_made_in_inference_mode_converts(plan):
    with torch.inference_mode():
        # More numbers than are always copied.
        net = nn.Sequential(nn.Conv2d(3, 128, 5), nn.ReLU(), nn.Conv2d(128, 64, 3)).double().eval()
        assert net[2].weight.is_inference()
        x = torch.randn(1, 3, 17, 20, dtype=torch.float64)
        torch.testing.assert_close(jd.convert(net, plan=plan)(jd.encode(x)), net(x), rtol=0, atol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(jd.convert(net, plan=plan)(jd.encode(x.clone())), net(x), rtol=0, atol=1e-9)
