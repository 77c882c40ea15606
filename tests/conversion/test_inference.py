"""Results are overwritten only if nothing else can read them."""

import copy
import operator

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd
from jpegdomain.conversion import onednn
from jpegdomain.conversion.step import InferenceStep, fold_batch_norm

from .models import agrees, nets, randomised, small

STATISTICS = ("running_mean", "running_var")


def folding():
    torch.manual_seed(0)
    model = nets(
        lambda self, x: self.relu(self.bn(self.conv(x))).mean((2, 3)),
        conv=nn.Conv2d(3, 8, 3, 1, 1),
        bn=nn.BatchNorm2d(8),
        relu=nn.ReLU(),
    )
    return randomised(model).double().eval()


def without_statistics(norm):
    norm.track_running_stats = False
    norm.running_mean = norm.running_var = None


def doubled(forward):
    return lambda x: forward(forward(x)[:, :3])


WRITES = {
    "a step of an optimiser": lambda m: m.conv.weight.add_(0.5 * m.conv.weight.cos()),
    "through .data": lambda m: m.conv.weight.data.mul_(1.25),
    "statistics": lambda m: m.bn.running_var.mul_(3),
    "statistics through .data": lambda m: m.bn.running_mean.data.add_(1),
    "another tensor": lambda m: setattr(m.bn, "bias", nn.Parameter(m.bn.bias + 1)),
    "another data": lambda m: setattr(m.conv.weight, "data", m.conv.weight.data * 2),
    "eps": lambda m: setattr(m.bn, "eps", 0.5),
    "no statistics any more": lambda m: without_statistics(m.bn),
    "expanded": lambda m: setattr(m.conv, "weight", nn.Parameter(m.conv.weight[:1, :1, :1, :1].expand(8, 3, 3, 3))),
    "another forward": lambda m: setattr(m.conv, "forward", doubled(m.conv.forward)),
    "load_state_dict": lambda m: m.load_state_dict({k: v * 1.5 for k, v in m.state_dict().items()}),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("write", WRITES)
def test_a_folded_kernel_follows_its_tensors(write, plan, dtype):
    model = folding().to(dtype)
    converted = jd.convert(model, plan=plan)
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    activation = jd.encode(torch.randn(2, 3, 13, 16, dtype=dtype))
    with torch.no_grad():
        before = converted(activation)
        assert torch.equal(converted(activation), before)
        WRITES[write](converted)
        WRITES[write](model)
        expected = model(jd.decode(activation))
        torch.testing.assert_close(converted(activation), expected, rtol=tolerance, atol=tolerance)
    assert (expected - before).abs().max() > 1e-3
    torch.testing.assert_close(converted(activation), expected, rtol=tolerance, atol=tolerance)


def behind(view, result):
    """Return something that depends on both and is computed after the result."""
    return result * 0.5 + view.mean((1, 2, 3), keepdim=True)


STEPS = {
    "alone": (lambda self, x: self.conv(x), {}),
    "norm": (lambda self, x: self.bn(self.conv(x)), {}),
    "relu": (lambda self, x: F.relu(self.conv(x)), {}),
    "all": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), {}),
    "the other way round": (lambda self, x: F.relu(x + self.bn(self.conv(x))), {}),
    "in place": (lambda self, x: F.relu(self.bn(self.conv(x)).add_(x), inplace=True), {}),
    "sum alone": (lambda self, x: self.conv(x) + x, {}),
    "broadcast": (lambda self, x: F.relu(self.conv(x) + x.mean((2, 3), keepdim=True)), {}),
    "twice itself": (lambda self, x: (lambda y: F.relu(y + y))(self.conv(x)), {}),
    "scaled": (lambda self, x: F.relu(torch.add(self.conv(x), x, alpha=2)), {}),
    "two readers": (lambda self, x: (lambda y: F.relu(y) + y)(self.bn(self.conv(x))), {}),
    "grouped": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(groups=4)),
    "dilated": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(dilation=2, padding=2)),
    "unbiased": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(bias=False)),
    "same": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(padding="same", kernel_size=(4, 3))),
    "circular": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(padding_mode="circular")),
    "strided": (lambda self, x: F.relu(self.bn(self.conv(x))), dict(stride=2)),
    "block": (lambda self, x: F.relu(self.bn(self.conv(F.relu(self.inner(x)))) + x), {}),
    "term read later": (lambda self, x: F.relu(self.bn(self.conv(F.relu(self.inner(x)))) + x) + x, {}),
    "view read later": (lambda self, x: behind(x[:, 2:5], F.relu(self.conv(self.inner(x)) + x)), {}),
    "view of axes read later": (lambda self, x: behind(x.transpose(2, 3), F.relu(self.conv(self.inner(x)) + x)), {}),
    "pointwise": (lambda self, x: F.relu(self.bn(self.conv(x)) + x), dict(kernel_size=1, padding=0)),
    "pointwise alone": (lambda self, x: self.bn(self.conv(x)), dict(kernel_size=1, padding=0, groups=2)),
    "relu6": (lambda self, x: F.relu6(4 * self.bn(self.conv(x)) + x), {}),
    "bounded": (lambda self, x: F.hardtanh(self.bn(self.conv(x)), -0.2, 0.3), {}),
    "bounded sum": (lambda self, x: F.hardtanh(self.bn(self.conv(x)) + x, -0.2, 0.3), {}),
}


def overwritten(write):
    """A convolution's input is overwritten before the sum of which the convolution is a term."""

    def forward(self, x):
        before = self.bn(self.conv(x))
        x = write(x)
        return F.relu(self.inner(x) + before)

    return forward


STEPS |= {
    "input overwritten by a function": (overwritten(F.relu_), {}),
    "input overwritten by iadd": (overwritten(lambda x: operator.iadd(x, 1)), {}),
    "input overwritten by a method": (overwritten(lambda x: x.mul_(-0.5)), {}),
    "one channel": (lambda self, x: F.relu(self.one(x) + F.relu(self.one(x * 2))), {}),
    "a size": (lambda self, x: F.relu(self.conv(x) - 0.1 * x.size(1) + x.size(2)), {}),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("frequencies", [15, 5])
@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_in_one_call_is_its_layers(step, plan, frequencies, dtype):
    """With gradients the layers run one after another, without gradients as one; both must equal the definition."""
    torch.manual_seed(0)
    forward, settings = STEPS[step]
    given = dict(kernel_size=3, padding=1) | settings

    def whole(self, x):
        return forward(self, self.stem(x)) * 1.5

    model = nets(
        whole,
        stem=nn.Conv2d(3, 8, 1),
        inner=nn.Conv2d(8, 8, 1),
        one=nn.Conv2d(8, 1, 1),
        conv=nn.Conv2d(8, 8, **given),
        bn=nn.BatchNorm2d(8),
    ).eval()
    model = randomised(model).to(dtype)
    converted = jd.convert(model, plan=plan, frequencies=frequencies)
    activation = jd.encode(torch.randn(2, 3, 13, 18, dtype=dtype))
    with torch.no_grad():
        got = converted(activation)
    expected = converted(activation)
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    if frequencies == 15:
        torch.testing.assert_close(expected, model(jd.decode(activation)), rtol=tolerance, atol=tolerance)
    # In float32 a mask can be either 0 or 1 where the truncated pixel is close to 0.
    apart = ((got - expected).abs() > tolerance * expected.abs().max()).double().mean()
    assert apart <= (1e-3 if frequencies < 15 and dtype == torch.float32 else 0)


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_bounds_are_part_of_the_convolution_and_pointwise_kernels_are_packed(plan):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))
    converted = jd.convert(randomised(model).eval(), plan=plan)
    activation = jd.encode(torch.randn(2, 3, 18, 18))
    with torch.inference_mode():
        converted(activation)
    with torch.inference_mode(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as recorded:
        converted(activation)
    called = {event.key: event.count for event in recorded.key_averages()}
    assert called["mkldnn::_convolution_pointwise"] == 2
    assert not called.keys() & {"aten::clamp", "aten::hardtanh", "aten::conv2d", "aten::native_batch_norm"}


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_a_relu_that_is_changed_later_is_followed(plan):
    converted = jd.convert(folding().float(), plan=plan)
    activation = jd.encode(torch.randn(2, 3, 16, 16))
    with torch.no_grad():
        exact = converted(activation)
        converted.relu.frequencies = 3
        masked = converted(activation)
    assert (masked - exact).abs().max() > 1e-3
    torch.testing.assert_close(masked, converted(activation).detach(), rtol=1e-4, atol=1e-4)


def test_the_last_reader_of_a_term_adds_into_it():
    converted = jd.convert(torchvision.models.resnet18(weights=None).eval(), plan="fused")
    seen, call = [], InferenceStep.__call__

    def spied(self, x, other=None, inplace=False):
        seen.append((other is not None, inplace))
        return call(self, x, other, inplace)

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(InferenceStep, "__call__", spied)
        converted(jd.encode(torch.randn(1, 3, 64, 64)))
    assert len(seen) == 20
    assert seen.count((True, True)) == 8
    assert seen.count((False, False)) == 12


def test_without_torchs_operators_the_answers_are_the_same(monkeypatch):
    converted = jd.convert(folding().float(), plan="fused")
    activation = jd.encode(torch.randn(2, 3, 16, 16))
    with torch.no_grad():
        expected = converted(activation)
        monkeypatch.setattr(onednn, "_works", lambda: False)
        torch.testing.assert_close(converted(activation), expected, rtol=1e-4, atol=1e-4)


def test_torch_has_the_operators_wherever_it_has_onednn():
    assert onednn._works() == torch.backends.mkldnn.is_available()


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_batch_norm_is_folded_into_the_kernel_only_in_eval(plan, monkeypatch):
    model = folding()
    converted, called = jd.convert(model, plan=plan), []
    original = torch.nn.functional.batch_norm
    monkeypatch.setattr(torch.nn.functional, "batch_norm", lambda *a, **k: called.append(1) or original(*a, **k))
    monkeypatch.setattr(jd.functional, "batch_norm", lambda *a, **k: called.append(1) or original(*a, **k))
    activation = jd.encode(torch.randn(2, 3, 13, 16, dtype=torch.float64))
    with torch.no_grad():
        converted(activation)
        assert not called
        converted.bn.train()
        expected = copy.deepcopy(model)
        expected.bn.train()
        torch.testing.assert_close(converted(activation), expected(jd.decode(activation)), rtol=1e-9, atol=1e-9)
    assert called
    steps = {step.path: step.form for step in converted.plan((16, 16)).steps}
    assert steps["bn"] == "in the kernel"


def test_results_of_hooked_layers_are_not_overwritten():
    model = small()
    converted = jd.convert(model)
    kept = {}
    converted.block1.conv1.register_forward_hook(lambda _m, _i, result: kept.update(conv=result))
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        converted(jd.encode(pixels))
        torch.testing.assert_close(kept["conv"], model.block1.conv1(pixels))


def test_edited_models_overwrite_nothing_that_is_still_read():
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
        torch.testing.assert_close(kept["x"], expected, rtol=1e-4, atol=1e-4)

    converted = jd.convert(net)
    converted.bn = nn.Identity()
    converted.relu = nn.GELU()
    with torch.no_grad():
        result = converted(jd.encode(pixels))
        torch.testing.assert_close(result, F.gelu(net.conv(pixels)), rtol=1e-4, atol=1e-4)


def test_results_with_two_readers_are_not_overwritten():
    def forward(self, x):
        y = self.conv(x)
        z = self.bn(y)
        y = y + self.relu(z) + z
        return y + self.relu(y)

    net = nets(forward, conv=nn.Conv2d(3, 8, 3, 1, 1), bn=nn.BatchNorm2d(8), relu=nn.ReLU())
    net.bn.running_mean.add_(0.5)
    assert agrees(net, shape=(2, 3, 16, 16))


def test_the_unedited_model_does_overwrite_results():
    converted, seen = jd.convert(small()), []
    relu = jd.nn.ReLU
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


def test_the_callers_activation_is_not_overwritten():
    for model in (small(), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).double().eval(), nn.Sequential(nn.ReLU())):
        converted = jd.convert(model)
        activation = jd.encode(torch.randn(2, 3, 16, 16, dtype=torch.float64))
        before = activation.coefficients.clone()
        with torch.no_grad():
            converted(activation)
        assert torch.equal(activation.coefficients, before)


def test_an_in_place_module_of_the_source_keeps_its_order():
    def forward(self, x):
        x = self.stem(x)
        shortcut = self.a(x)
        return self.b(self.relu(x)) + shortcut

    convolutions = dict(stem=nn.Conv2d(3, 8, 1), a=nn.Conv2d(8, 8, 1), b=nn.Conv2d(8, 8, 3, 1, 1))
    model = nets(forward, **convolutions, relu=nn.ReLU(inplace=True)).double().eval()
    pixels = torch.randn(2, 3, 13, 18, dtype=torch.float64)
    for plan in ("transform", "fused"):
        with torch.no_grad():
            result = jd.convert(model, plan=plan)(jd.encode(pixels))
            torch.testing.assert_close(result, model(pixels), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("write", ["iadd", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_further_input_ends_up_as_the_source_leaves_it(dtype, write):
    def forward(self, x, y):
        if write == "iadd":
            y += self.pool(self.stem(x))
        return F.relu(self.conv(self.stem(x)) + y)

    model = nets(forward, stem=nn.Conv2d(3, 8, 1), conv=nn.Conv2d(8, 8, 1), pool=nn.MaxPool2d(3, 1, 1))
    model = model.to(dtype).eval()
    pixels = torch.randn(2, 3, 13, 18, dtype=dtype)
    given = torch.randn(2, 8, 13, 18, dtype=dtype).contiguous(memory_format=torch.channels_last)
    theirs, ours = given.clone(), given.clone()
    with torch.no_grad():
        expected = model(pixels, theirs)
        result = jd.convert(model, plan="fused")(jd.encode(pixels), ours)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_folding_in_half_precision_rounds_once():
    model = folding().to(torch.bfloat16)
    parts = (model.conv.weight, model.conv.bias, *(getattr(model.bn, n) for n in ("weight", "bias", *STATISTICS)))
    weight, bias = fold_batch_norm(parts, model.bn.eps)
    exact, offset = fold_batch_norm([part.double() for part in parts], model.bn.eps)
    assert torch.equal(weight, exact.float().to(torch.bfloat16))
    assert torch.equal(bias, offset.float().to(torch.bfloat16))
