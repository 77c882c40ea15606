"""Weights of a converted model, however they are written, laid out, pruned, saved or freed."""

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.utils import prune

import jpegdomain as jd

from .models import agrees, nets, small, stem

PLANS = ["transform", "fused"]


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
def test_writes_that_no_version_counter_sees_are_noticed(write, plan, dtype, turn):
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


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight.view(self.out_channels, -1)
        weight = (weight - weight.mean(1, keepdim=True)) / weight.std(1, keepdim=True)
        return F.conv2d(x, weight.view_as(self.weight), self.bias, self.stride, self.padding)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_parameters_keep_their_memory_layout(layout, plan):
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
def test_normalisations_round_like_the_source(norm, plan):
    """With means far from zero, variances computed as differences of large numbers lose all digits."""
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
