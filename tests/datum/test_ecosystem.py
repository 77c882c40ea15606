"""What else torch does with models: compile, export, autocast, vmap, pickle, on an unmodified network."""

import copy
import pickle

import pytest
import torch
import torchvision
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

import jpegdomain as jd
from jpegdomain import Activation
from jpegdomain.table import record

from .same import assert_same, awake, gradients, pixels

compiles = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 14),
    reason="torch.compile of an unmodified model needs the newest Dynamo; 2.6 follows no __torch_function__",
)


@pytest.fixture(autouse=True)
def _fresh():
    torch.compiler.reset()


def resnet(dtype=torch.float64):
    """torchvision's own ResNet with one block of eight channels per stage."""
    torch.manual_seed(0)
    model = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5)
    return awake(model.to(dtype), pixels(2, 3, 40, 56, dtype=dtype))


@compiles
@pytest.mark.parametrize("frequencies", [15, 5])
def test_one_graph(frequencies):
    model, given = resnet(), pixels(2, 3, 40, 56)
    x = jd.encode(given).with_options(frequencies)
    with torch.no_grad():
        expected = model(given) if frequencies == 15 else model(x)
        assert_same(torch.compile(model, fullgraph=True, backend="eager")(x), expected)


@compiles
@pytest.mark.slow
def test_one_graph_trains():
    model, given = resnet().train(), pixels(2, 3, 40, 56)
    expected = gradients(copy.deepcopy(model), given)
    run = torch.compile(model, fullgraph=True, backend="aot_eager")
    model.zero_grad()
    run(jd.encode(given)).square().mean().backward()
    for name, gradient in expected.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, rtol=1e-7, atol=1e-9)


@compiles
def test_one_graph_with_views_and_writes():
    def function(x):
        x = x * 2
        x[:, 1] = 0.5
        x += 1
        first, second = x.chunk(2, 1)
        return torch.cat([second.relu(), first.flip(1)], 1).permute(0, 2, 3, 1).softmax(-1)

    given = pixels(2, 8, 19, 16)
    run = torch.compile(function, fullgraph=True, backend="eager")
    assert_same(run(jd.encode(given)), function(given))


@compiles
def test_export():
    class FromCoefficients(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, coefficients):
            return self.model(Activation(coefficients, (40, 56)))

    model, given = resnet(), pixels(2, 3, 40, 56)
    coefficients = jd.encode(given).coefficients
    with torch.no_grad():
        program = torch.export.export(FromCoefficients(model), (coefficients,))
        assert_same(program.module()(coefficients), model(given))


def test_autocast():
    model, given = resnet(torch.float32), pixels(2, 3, 40, 56, dtype=torch.float32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected, got = model(given), model(jd.encode(given))
    assert got.dtype == expected.dtype == torch.bfloat16
    assert (got - expected).abs().max() < 0.1 * expected.abs().max()


def test_several_networks_at_once():
    models = [resnet() for _ in range(2)]
    for parameter in models[1].parameters():
        parameter.data.mul_(1.01)
    given = pixels(2, 3, 40, 56)
    parameters, buffers = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")

    def run(parameters, buffers, x):
        return functional_call(base, (parameters, buffers), (x,))

    with torch.no_grad():
        got = vmap(run, in_dims=(0, 0, None))(parameters, buffers, jd.encode(given))
        assert_same(got, torch.stack([model(given) for model in models]))


def test_copies():
    x = jd.encode(pixels(2, 3, 19, 21)).with_options(6, "apx")
    for one in (x, x.sigmoid(), x.permute(0, 2, 3, 1)):
        for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            assert_same(again, jd.decode(one))
            assert (again.axes, again.frequencies, again.method) == (one.axes, 6, "apx")


def test_recording():
    model = resnet()
    with record(model) as met, torch.no_grad():
        model(jd.encode(pixels(2, 3, 40, 56)))
    assert met[0] == ("conv1", "conv2d", "closed", (2, 64, 20, 28))
    assert ("maxpool", "max_pool2d", "island", (2, 64, 10, 14)) in met
    assert {m.path for m in met} >= {"layer1.0.bn1", "layer4.0", "avgpool"}


def test_options_are_inherited_and_must_agree():
    x = jd.encode(pixels(2, 3, 19, 21)).with_options(6, "apx")
    for y in (x + 1, x.relu(), x[:1].permute(0, 2, 3, 1), torch.sigmoid(x), x.new_zeros(2, 9, 9), x.chunk(3, 1)[1]):
        assert (y.frequencies, y.method) == (6, "apx")
    with pytest.raises(
        jd.errors.InputError, match="activations with different approximation options cannot be combined"
    ):
        x + x.with_options(7)
    with pytest.raises(ValueError, match=r"frequencies must be 1…15"):
        x.with_options(16)
    with pytest.raises(ValueError, match="method must be 'asm' or 'apx'"):
        x.with_options(method="exact")
