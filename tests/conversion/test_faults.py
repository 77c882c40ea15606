"""What a converted model does as its source does: hooks, contexts, writes, layouts, types, refusals."""

import collections
import gc
import weakref
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils import prune

import jpegdomain as jd
from jpegdomain.errors import InputError, UnsupportedLayerError

from .models import agrees, nets, randomised, small

PLANS = ["transform", "fused"]


def stem(channels=64, dtype=torch.float64):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU(), nn.Flatten())
    return randomised(model).to(dtype).eval()


def write_a_filter(model):
    model[0].weight.data[3] = 0


def write_one_number(model):
    model[0].weight.data[7, 1, 2, 2] += 0.5


def write_by_numpy(model):
    model[0].weight.detach().numpy()[5, :, 1] *= -1


def swap_two_filters(model):
    data = model[0].weight.data
    data[[2, 9]] = data[[9, 2]]


def write_an_offset(model):
    model[1].bias.data[40] += 1


def write_a_variance(model):
    model[1].running_var.data[11] *= 4


def write_where_nobody_counts(model):
    with torch.inference_mode():
        model[0].weight[1].mul_(3)


WRITES = [write_a_filter, write_one_number, write_by_numpy, swap_two_filters, write_an_offset, write_a_variance]


@pytest.mark.parametrize("turn", [False, True], ids=["eval", "train and eval"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("write", WRITES)
def test_writes_that_nobody_counts_are_seen(write, plan, dtype, turn):
    model = stem(dtype=dtype)
    converted = jd.convert(model, plan=plan)
    activation = jd.encode(torch.randn(2, 3, 13, 16, dtype=dtype))
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    with torch.no_grad():
        before = converted(activation)
        for network in (model, converted):
            write(network)
            if turn:
                network.train().eval()
        expected = model(jd.decode(activation))
        torch.testing.assert_close(converted(activation), expected, rtol=tolerance, atol=tolerance)
    assert (expected - before).abs().max() > 1e-3


HOOKS = {
    "forward": lambda module, call: module.register_forward_hook(lambda _m, _i, result: call(result)),
    "forward pre": lambda module, call: module.register_forward_pre_hook(lambda _m, given: call(given[0])),
    "backward": lambda module, call: module.register_full_backward_hook(lambda _m, _i, given: call(given[0])),
    "backward pre": lambda module, call: module.register_full_backward_pre_hook(lambda _m, given: call(given[0])),
}


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("path", ["layer4", "layer2.0", "layer1.0.conv1", "relu", ""])
@pytest.mark.parametrize("when", ["before", "after"])
def test_hooks_see_what_they_see_on_the_source(path, hook, plan, when):
    torch.manual_seed(0)
    model = randomised(torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 5)).double().eval()
    # torch's own backward hooks allow no result to be written over.
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    seen = {"source": [], "converted": []}
    pixels = torch.randn(2, 3, 40, 33, dtype=torch.float64)
    if when == "before":
        handle = HOOKS[hook](model.get_submodule(path), seen["converted"].append)
        converted = jd.convert(model, plan=plan)
        handle.remove()
    else:
        converted = jd.convert(model, plan=plan)
        with torch.no_grad():
            converted(jd.encode(pixels))
        HOOKS[hook](converted.get_submodule(path), seen["converted"].append)
    HOOKS[hook](model.get_submodule(path), seen["source"].append)
    model(pixels)[:, 1].sum().backward()
    converted(jd.encode(pixels))[:, 1].sum().backward()
    assert len(seen["source"]) == len(seen["converted"]) > 0
    if path or hook != "forward pre":
        for theirs, ours in zip(seen["source"], seen["converted"], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def grad_cam(model, given):
    kept = {}
    forward = model.layer4.register_forward_hook(lambda _m, _i, result: kept.update(maps=result))
    backward = model.layer4.register_full_backward_hook(lambda _m, _i, given: kept.update(gradient=given[0]))
    model(given)[:, 3].sum().backward()
    forward.remove()
    backward.remove()
    return F.relu((kept["gradient"].mean((2, 3), keepdim=True) * kept["maps"]).sum(1))


@pytest.mark.parametrize("plan", PLANS)
def test_grad_cam(plan):
    torch.manual_seed(0)
    model = randomised(torchvision.models.resnet18(num_classes=10)).double().eval()
    converted = jd.convert(model, plan=plan)
    pixels = torch.randn(2, 3, 97, 64, dtype=torch.float64)
    with torch.no_grad():
        planned = converted(jd.encode(pixels))
    expected = grad_cam(model, pixels)
    assert expected.max() > 0
    torch.testing.assert_close(grad_cam(converted, jd.encode(pixels)), expected, rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(converted(jd.encode(pixels)), planned)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("method", ["asm", "apx"])
def test_hooked_models_approximate_as_ever(method, plan):
    def forward(self, x):
        x = self.pool(F.relu(self.a(x)))
        return self.leaky(F.relu6(self.b(x)) - 1).clamp(-0.3, 0.2)

    torch.manual_seed(0)
    layers = dict(a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 5, 3), pool=nn.MaxPool2d(2), leaky=nn.LeakyReLU(0.3))
    model = nn.Sequential(nets(forward, **layers), nn.Conv2d(5, 2, 3)).double().eval()
    options = dict(frequencies={"0.relu": 3, "0.pool": 5, "0.relu6": 7, "*": 4}, relu=method)
    converted = jd.convert(model, plan=plan, **options)
    activation = jd.encode(torch.randn(2, 3, 33, 42, dtype=torch.float64))
    with torch.no_grad():
        expected = converted(activation)
        converted[0].b.register_forward_hook(lambda *_: None)
        torch.testing.assert_close(converted(activation), expected, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(expected, model(jd.decode(activation)), rtol=1e-2)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_contexts_of_the_code_are_kept(context, plan):
    def forward(self, x):
        with context():
            features = self.backbone(x)
        return self.head(features.clone().mean((2, 3)))

    model = nets(forward, backbone=nn.Conv2d(3, 4, 3), head=nn.Linear(4, 2)).double()
    converted = jd.convert(model, plan=plan)
    pixels = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    if context is torch.inference_mode:
        with torch.no_grad():
            torch.testing.assert_close(converted(jd.encode(pixels)), model(pixels))
        return
    for network, given in ((model, pixels), (converted, jd.encode(pixels))):
        network(given).sum().backward()
    assert model.backbone.weight.grad is None
    assert converted.backbone.weight.grad is None
    torch.testing.assert_close(converted.head.weight.grad, model.head.weight.grad)
    with torch.no_grad():
        assert not converted(jd.encode(pixels)).requires_grad


@pytest.mark.parametrize("plan", PLANS)
def test_gradients_that_the_code_turns_on_are_kept(plan):
    def forward(self, x):
        with torch.enable_grad():
            return self.conv(x)

    converted = jd.convert(nets(forward, conv=nn.Conv2d(3, 4, 3)), plan=plan)
    with torch.no_grad():
        assert converted(jd.encode(torch.randn(1, 3, 9, 9))).requires_grad


@pytest.mark.parametrize("plan", PLANS)
def test_autocast_turned_off_by_the_code_stays_off(plan):
    def forward(self, x):
        x = self.a(x)
        with torch.autocast("cpu", enabled=False):
            return self.b(x.float())

    converted = jd.convert(nets(forward, a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(4, 2, 1)), plan=plan)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert converted(jd.encode(torch.randn(1, 3, 9, 9))).dtype == torch.float32


@pytest.mark.parametrize("plan", PLANS)
def test_what_the_code_does_to_the_model_is_done(plan):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.register_buffer("calls", torch.zeros(()))
            self.seen, self.last = [], None

        def forward(self, x):
            self.calls += 1
            self.seen.append(tuple(x.shape))
            self.last = self.conv(x)
            return self.last * self.calls

    model = Net().eval()
    converted = jd.convert(model, plan=plan)
    x = torch.randn(1, 3, 9, 9)
    for _ in range(3):
        torch.testing.assert_close(converted(jd.encode(x)), model(x))
    assert (converted.calls, converted.seen) == (3, [(1, 3, 9, 9)] * 3)
    last = converted.last if isinstance(converted.last, torch.Tensor) else jd.decode(converted.last)
    torch.testing.assert_close(last, model.last)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("noise", [lambda: torch.rand(1), lambda: torch.rand(3, 1, 1)])
def test_noise_is_drawn_anew(noise, plan):
    converted = jd.convert(nets(lambda self, x: x * noise()), plan=plan)
    x = jd.encode(torch.randn(1, 3, 9, 9))
    assert not torch.equal(converted(x), converted(x))


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight.view(self.out_channels, -1)
        weight = (weight - weight.mean(1, keepdim=True)) / weight.std(1, keepdim=True)
        return F.conv2d(x, weight.view_as(self.weight), self.bias, self.stride, self.padding)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_parameters_lie_as_they_lay(layout, plan):
    model = small().to(memory_format=layout)
    converted = jd.convert(model, plan=plan)
    activation = jd.encode(torch.randn(2, 3, 16, 16, dtype=torch.float64))
    with torch.no_grad():
        converted(activation)
    converted.train()(activation).sum().backward()
    for theirs, ours in zip(model.parameters(), converted.parameters(), strict=True):
        assert type(ours) is type(theirs)
        assert ours.stride() == theirs.stride()
    entry = converted.jpeg_entry
    modules = [module for module in converted.modules() if module is not entry]
    assert all(isinstance(ours, type(theirs)) for theirs, ours in zip(model.modules(), modules, strict=True))


@pytest.mark.parametrize("plan", PLANS)
def test_pruning_and_flattening(plan):
    model = small()
    converted = jd.convert(model, plan=plan)
    activation = jd.encode(torch.randn(2, 3, 19, 16, dtype=torch.float64))
    with torch.no_grad():
        converted(activation)
    for network in (model, converted):
        prune.ln_structured(network.block1.conv1, "weight", 0.5, n=2, dim=0)
        prune.l1_unstructured(network.block2.conv2, "weight", 0.5)
    assert agrees(model, converted)
    for network in (model, converted):
        prune.remove(network.block1.conv1, "weight")
        prune.remove(network.block2.conv2, "weight")
    assert agrees(model, converted)
    flat = torch.cat([p.view(-1) for p in converted.parameters()])
    assert flat.numel() == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("plan", PLANS)
def test_weights_that_the_code_standardises(plan):
    model = nn.Sequential(Standardised(3, 4, 3), nn.ReLU(), Standardised(4, 2, 3, 2)).double()
    assert agrees(model, jd.convert(model, plan=plan))


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    converted = jd.convert(small(), plan="fused")
    safetensors.save_file(converted.state_dict(), str(tmp_path / "weights"))
    other = jd.convert(small())
    other.load_state_dict(safetensors.load_file(str(tmp_path / "weights")))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(
    "norm",
    [nn.GroupNorm(4, 32), lambda x: F.group_norm(x, 4), nn.InstanceNorm2d(32), nn.BatchNorm2d(32)],
    ids=["GroupNorm", "group_norm", "InstanceNorm2d", "BatchNorm2d"],
)
def test_normalisations_round_as_the_sources_do(norm, plan):
    """Means far from zero: where variances are differences of large numbers, they lose all digits."""
    torch.manual_seed(0)
    layers = dict(a=nn.Conv2d(3, 32, 3, padding=1), b=nn.Conv2d(32, 8, 3))
    grouped = not isinstance(norm, nn.InstanceNorm2d | nn.BatchNorm2d)
    for gain in (1.0, 300.0 if grouped else 10.0):
        model = nets(lambda self, x: self.b(self.norm(self.a(x))), **layers)
        model.norm = norm
        with torch.no_grad():
            model.a.bias.fill_(gain)
        model = model.float().train(isinstance(norm, nn.InstanceNorm2d))
        pixels = torch.randn(2, 3, 56, 56)
        converted = jd.convert(model, plan=plan)
        exact = jd.convert(model, plan=plan).double()(jd.encode(pixels.double()))
        theirs = (model(pixels) - exact).abs().max()
        ours = (converted(jd.encode(pixels)) - exact).abs().max()
        assert ours <= 4 * theirs, (ours, theirs)


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
def test_a_converted_model_is_its_source_in_all_else(plan):
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


@pytest.mark.parametrize("plan", PLANS)
def test_a_model_that_does_something_else_in_training_does_so(plan):
    def forward(self, x):
        y = self.conv(x)
        return {"y": y, "aux": y.mean()} if self.training else y

    model = nets(forward, conv=nn.Conv2d(3, 4, 3)).double()
    converted = jd.convert(model.train(), plan=plan)
    pixels = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    for mode in (True, False, True):
        expected, got = model.train(mode)(pixels), converted.train(mode)(jd.encode(pixels))
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("frozen", [False, True])
def test_dropouts_called_as_functions_follow_the_mode(plan, frozen):
    inner = nets(lambda self, x: F.dropout(x, 0.5, self.training))
    model = nets(lambda self, x: F.dropout(self.inner(x).mean((2, 3)), 0.5, training=self.training), inner=inner)
    converted = jd.convert(model.double().eval(), plan=plan)
    pixels = torch.rand(2, 3, 9, 9, dtype=torch.float64) + 1
    torch.testing.assert_close(converted(jd.encode(pixels)), model(pixels))
    for network in (model, converted):
        network.train().inner.train(not frozen)
    torch.manual_seed(0)
    expected = model(pixels)
    torch.manual_seed(0)
    got = converted(jd.encode(pixels))
    assert (expected == 0).any()
    if frozen:
        torch.testing.assert_close(got, expected)
    else:
        assert (got == 0).any()


@pytest.mark.parametrize("plan", PLANS)
def test_weights_are_freed_with_the_model(plan):
    gc.collect()
    gc.disable()
    try:
        converted = jd.convert(torchvision.models.resnet18(weights=None).eval(), plan=plan)
        activation = jd.encode(torch.randn(1, 3, 33, 33))
        with torch.no_grad():
            converted(activation)
        converted(activation).sum().backward()
        converted.plan((33, 33))
        kept = [weakref.ref(parameter) for parameter in converted.parameters()]
        storage = weakref.ref(converted.fc.weight.untyped_storage())
        del converted
        assert not [one for one in kept if one() is not None]
        assert storage() is None
    finally:
        gc.enable()


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


def test_verify_takes_what_the_models_take_and_return():
    def forward(self, x, other, gain=1.0):
        y = self.conv(x) + other * gain
        return {"maps": [y, y.argmax(1)], "number": y.mean(), "count": 3, "flag": None, "name": "y"}

    model = nets(forward, conv=nn.Conv2d(3, 4, 3)).double()
    pixels, other = torch.randn(2, 3, 9, 9, dtype=torch.float64), torch.randn(2, 4, 7, 7, dtype=torch.float64)
    for plan in PLANS:
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
