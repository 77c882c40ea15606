"""What `convert` promises besides numbers: keys, independence, options, errors, round trips."""

import copy
import io
import operator
import pickle

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd
from jpegdomain.conversion import registry
from jpegdomain.errors import InputError, UnsupportedLayerError, UntraceableModelError


def small():
    torch.manual_seed(0)
    return jd.models.three_block_net(3, 10, (4, 6, 8)).double().eval()


def agrees(model, converted=None, shape=(2, 3, 19, 21), tolerance=1e-9):
    model = model.double().eval()
    pixels = torch.randn(shape, dtype=torch.float64)
    report = jd.verify(model, jd.convert(model) if converted is None else converted, jd.encode(pixels))
    assert report.magnitude > 0
    return report.passes(tolerance)


def nets(forward, **layers):
    """A network whose forward is a function of it and x."""
    net = type("Net", (nn.Module,), {"forward": forward})()
    for name, layer in layers.items():
        setattr(net, name, layer)
    return net


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


def test_to_spatial_returns_the_source_with_the_present_weights():
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
    assert converted(jd.encode(torch.randn(1, 3, 16, 16, dtype=torch.float64))).shape == (1, 3)


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


def test_a_batch_of_another_dtype_is_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match=r"input is torch.float32, the model torch.float64: give it x.to"):
        jd.convert(small())(jd.encode(torch.randn(1, 3, 8, 8)))


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


def test_a_buffer_may_have_a_functions_name():
    model = nets(lambda self, x: x.mean([2, 3]) - self.mean)
    model.register_buffer("mean", torch.rand(3))
    assert agrees(model)


def test_constants_of_the_code_move_with_the_model():
    def forward(self, x):
        return (self.inner(x) * self.k).mean([2, 3])

    inner = nets(lambda self, x: x + self.k)
    inner.k = torch.rand(3, 1, 1)
    model = nets(forward, inner=inner)
    model.k = torch.rand(3, 1, 1)
    converted = jd.convert(model)
    assert list(converted.state_dict()) == []
    converted(jd.encode(torch.randn(1, 3, 8, 8)))
    assert converted.to("meta").k.is_meta


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


def test_further_inputs_reach_the_source():
    model = nets(lambda self, x, gain: (self.conv(x) * gain).mean([2, 3]), conv=nn.Conv2d(3, 4, 3)).double()
    pixels = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    converted = jd.convert(model)
    torch.testing.assert_close(converted(jd.encode(pixels), 3.0), model(pixels, 3.0))
    torch.testing.assert_close(converted(x=jd.encode(pixels), gain=3.0), model(pixels, 3.0))
    assert len(converted.plan((9, 9), 2, gain=3.0).steps) == 3


def test_verify_judges_each_output_by_itself():
    model = nets(lambda self, x: (self.a(x) * 1e9, self.b(x)), a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 2, 1)).double()
    converted = jd.convert(model)
    batch = jd.encode(torch.randn(2, 3, 9, 9, dtype=torch.float64))
    assert jd.verify(model, converted, batch).passes()
    with torch.no_grad():
        converted.b.weight.add_(0.1)
    assert not jd.verify(model, converted, batch).passes()


def test_to_spatial_keeps_the_memory_layout():
    for layout in (torch.contiguous_format, torch.channels_last):
        model = small().to(memory_format=layout)
        back = jd.to_spatial(jd.convert(model))
        assert back.block1.conv1.weight.stride() == model.block1.conv1.weight.stride()


def test_the_callers_activation_is_not_written_over():
    for model in (small(), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).double().eval(), nn.Sequential(nn.ReLU())):
        converted = jd.convert(model)
        activation = jd.encode(torch.randn(2, 3, 16, 16, dtype=torch.float64))
        before = activation.coefficients.clone()
        with torch.no_grad():
            converted(activation)
        assert torch.equal(activation.coefficients, before)


# Options -----------------------------------------------------------------------------------------------------------


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
        (dict(frequencies=16), "frequencies is an integer of 1…15, got 16"),
        (dict(frequencies=0), "1…15, got 0"),
        (dict(relu="soft"), "'asm' or 'apx', got 'soft'"),
        (dict(plan="fast"), "plan is 'transform', got 'fast'"),
        (dict(form="sparse"), "one of dense, stencil, factored; got 'sparse'"),
        (dict(frequencies={"blok1.relu": 6}), "no layer takes its option from 'blok1.relu'"),
        (dict(mean=[0.5, 0.5]), "mean is one number or 3"),
    ],
    ids=str,
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        jd.convert(small(), **options)


def test_only_spatial_modules_are_converted():
    with pytest.raises(InputError, match="got ConvertedModel"):
        jd.convert(jd.convert(small()))
    with pytest.raises(InputError, match="got function"):
        jd.convert(small)
    with pytest.raises(InputError, match=r"takes a JpegBatch .* got Tensor"):
        jd.convert(small())(torch.randn(1, 3, 8, 8))


def test_the_plan_names_every_layer_in_order():
    converted = jd.convert(small(), frequencies=6, form={"block1.conv1": "dense"})
    plan = converted.plan((33, 21), batch=4)
    paths = [step.path for step in plan.steps]
    calls = [str(node.target) for node in converted._graph.nodes if node.op == "call_module"]
    assert paths == calls[1:]
    assert paths[:3] == ["block1.conv1", "block1.bn1", "block1.relu"]
    assert paths[-2:] == ["pool", "linear"]
    forms = {step.path: step.form for step in plan.steps}
    assert (forms["block1.conv1"], forms["block1.relu"], forms["pool"]) == ("dense", "asm 6", "DC")
    outputs = {step.path: step.output for step in plan.steps}
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


# Layers and calls -------------------------------------------------------------------------------------------------


def test_shortcut_option_a_with_a_kernel_size_read_at_run_time():
    def forward(self, x):
        y = F.relu(self.conv(x))
        x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3), "constant", 0)
        y = F.relu(y + x)
        y = F.avg_pool2d(y, y.size()[3])
        return self.fc(y.view(y.size(0), -1))

    model = nets(forward, conv=nn.Conv2d(3, 8, 3, 2, 1), fc=nn.Linear(8, 5))
    assert agrees(model, shape=(2, 3, 20, 20))


CALLS = {
    "add_ method": lambda self, x: self.conv(x).add_(self.conv(x)),
    "iadd": lambda self, x: operator.iadd(self.conv(x), self.conv(x)),
    "add with alpha": lambda self, x: torch.add(self.conv(x), self.conv(x), alpha=0.3),
    "add a constant": lambda self, x: self.conv(x) + 0.7,
    "radd": lambda self, x: 0.7 + self.conv(x),
    "scale": lambda self, x: self.conv(x) * 2.5,
    "cat": lambda self, x: torch.cat([self.conv(x), x], 1),
    "cat of pixels": lambda self, x: torch.cat([x, x], dim=3),
    "channel slice": lambda self, x: self.conv(x)[:, 2:5],
    "crop": lambda self, x: x[:, :, 3:17, 2:],
    "batch slice": lambda self, x: x[1:],
    "channel padding": lambda self, x: F.pad(x, (0, 0, 0, 0, 1, 2)),
    "pixel padding": lambda self, x: F.pad(x, (1, 2, 3, 0), value=0.5),
    "reflection": lambda self, x: F.pad(x, (1, 2, 3, 0), mode="reflect"),
    "relu6": lambda self, x: F.relu6(4 * self.conv(x)),
    "leaky_relu": lambda self, x: F.leaky_relu(self.conv(x), 0.2),
    "hardtanh": lambda self, x: F.hardtanh(self.conv(x), -0.1, 0.2),
    "relu method": lambda self, x: self.conv(x).relu(),
    "sigmoid": lambda self, x: torch.sigmoid(self.conv(x)),
    "silu": lambda self, x: F.silu(self.conv(x)),
    "max_pool2d": lambda self, x: F.max_pool2d(self.conv(x), 3, stride=2, padding=1, ceil_mode=True),
    "avg_pool2d": lambda self, x: F.avg_pool2d(self.conv(x), 3, 2, 1, count_include_pad=False),
    "adaptive pool": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), (3, 2)),
    "global pool": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), 1),
    "mean": lambda self, x: self.conv(x).mean([2, 3]),
    "mean keepdim": lambda self, x: self.conv(x).mean((-1, -2), keepdim=True),
    "squeeze and excite": lambda self, x: self.conv(x) * torch.sigmoid(F.adaptive_avg_pool2d(self.conv(x), 1)),
    "conv2d call": lambda self, x: F.conv2d(x, self.conv.weight, self.conv.bias, stride=2, padding=1),
    "flatten": lambda self, x: torch.flatten(self.conv(x), 1),
    "reshape by shape": lambda self, x: self.conv(x).reshape(x.shape[0], -1),
    "dropout": lambda self, x: F.dropout(self.conv(x), 0.5, self.training),
    "conv by keyword": lambda self, x: self.conv(input=x),
    "functions by keyword": lambda self, x: torch.flatten(input=F.avg_pool2d(input=F.relu(input=x), kernel_size=2)),
    "arithmetic by keyword": lambda self, x: torch.add(input=torch.mul(input=x, other=2.0), other=x),
    "subtraction": lambda self, x: 1 - (self.conv(x) - 0.3) / 3,
    "negation": lambda self, x: -self.conv(x),
    "quotient of maps": lambda self, x: 1 / (2 + x * x),
    "power": lambda self, x: self.conv(x) ** 2,
    "gelu": lambda self, x: F.gelu(self.conv(x), approximate="tanh"),
    "elu": lambda self, x: F.elu(self.conv(x), 0.7),
    "clamp": lambda self, x: self.conv(x).clamp(min=-0.1).clamp(max=0.2),
    "shrink": lambda self, x: F.softshrink(F.hardshrink(self.conv(x), 0.1), 0.05),
    "threshold": lambda self, x: F.threshold(self.conv(x), 0.1, -0.3),
    "adaptive pool of one axis": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), (None, 2)),
    "tuple of outputs": lambda self, x: (self.conv(x).mean([2, 3]), self.conv(x).flatten(1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_models_do_between_their_layers(name):
    torch.manual_seed(0)
    model = nets(CALLS[name], conv=nn.Conv2d(3, 6, 3, 1, 1)).double().eval()
    converted = jd.convert(model)
    pixels = torch.randn(2, 3, 19, 21, dtype=torch.float64)
    with torch.no_grad():
        expected, result = model(pixels), converted(jd.encode(pixels))
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (result, expected)), strict=True):
        a = jd.decode(a) if isinstance(a, jd.Activation) else a
        assert a.shape == b.shape
        assert (a - b).abs().max() <= 1e-9 * b.abs().max()


def written(write, read=lambda self, y, z: y + 2):
    """A network that writes to y in place and reads y afterwards."""

    def forward(self, x):
        y = self.conv(x)
        z = write(self, y)
        return read(self, y, z).mean([2, 3])

    return nets(forward, conv=nn.Conv2d(3, 4, 3), relu=nn.ReLU(inplace=True), drop=nn.Dropout(0.5))


WRITES = {
    "module": lambda self, y: self.relu(y),
    "module by keyword": lambda self, y: self.relu(input=y),
    "function": lambda self, y: F.relu(y, inplace=True),
    "function_": lambda self, y: F.relu_(y),
    "torch function_": lambda self, y: torch.relu_(y),
    "method": lambda self, y: y.add_(0.5),
    "iadd": lambda self, y: operator.iadd(y, 0.5),
    "imul": lambda self, y: operator.imul(y, -0.5),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_in_place_is_what_later_readers_see(name):
    torch.manual_seed(0)
    assert agrees(written(WRITES[name]))
    assert agrees(written(WRITES[name], lambda self, y, z: y + 2 * z))


@pytest.mark.parametrize(
    "write",
    [
        lambda self, y: self.relu(self.drop(y)),
        lambda self, y: self.relu(y[:, :3]),
        lambda self, y: self.relu(y.contiguous()),
    ],
    ids=["dropout", "slice", "contiguous"],
)
def test_writing_under_another_name_is_an_error(write):
    with pytest.raises(UnsupportedLayerError, match=r"writes in place to a tensor that is read later .* \(conv\)"):
        jd.convert(written(write))
    assert agrees(written(write, lambda self, y, z: z))


def test_augmented_assignment_reaches_every_name_of_the_tensor():
    def forward(self, x):
        y = self.conv(x)
        z = y
        y += 1
        z *= 2
        return y.mean([2, 3])

    torch.manual_seed(0)
    assert agrees(nets(forward, conv=nn.Conv2d(3, 4, 3)))


def test_one_module_may_be_called_many_times_and_stand_in_two_places():
    def forward(self, x):
        return self.pool(self.act(self.b(self.act(self.a(x))))).flatten(1)

    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = nets(forward, a=conv, b=conv, act=nn.LeakyReLU(0.3), pool=nn.AdaptiveAvgPool2d(1))
    converted = jd.convert(model.double().eval())
    assert converted.a is converted.b
    assert agrees(model, converted)


def test_a_module_may_be_called_on_maps_and_on_vectors():
    model = nets(lambda self, x: self.fc(self.act(self.act(x).mean([2, 3]))), act=nn.ReLU(), fc=nn.Linear(3, 2))
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert agrees(model, converted.double())
    model = nets(lambda self, x: self.act(self.act(x).mean([2, 3])), act=nn.PReLU())
    with pytest.raises(UnsupportedLayerError, match="act: PReLU is called on feature maps and on plain tensors"):
        jd.convert(model)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_other_padding_modes_run_exactly(mode):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode), nn.AdaptiveAvgPool2d(1))
    assert agrees(model)
    with pytest.raises(ValueError, match=f"padding_mode='{mode}' has no stencil form"):
        jd.convert(model, form="stencil")


def test_parameters_outside_layers_are_kept():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(1, 3, 1, 1))
            self.register_buffer("offset", torch.rand(1, 3, 1, 1))
            self.unused = nn.Linear(2, 2)
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.conv(x * self.scale + self.offset).mean([2, 3])

    model = Net()
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert agrees(model, converted.double())


def test_unsupported_layers_are_named_with_what_to_do():
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4))
    with pytest.raises(UnsupportedLayerError, match=r"^1\.1: no rule converts .*GroupNorm.*register_rule\(GroupNorm\)"):
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


# Verification -----------------------------------------------------------------------------------------------------


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
    with pytest.raises(InputError, match="verify compares with a converted model"):
        jd.verify(small(), small(), batch)
    other = jd.models.three_block_net(3, 7, (4, 6, 8)).double()
    with pytest.raises(InputError, match="differ in number or shape"):
        jd.verify(other, jd.convert(small()), batch)
