"""What a model's code switches on or off, counts, draws, or does only in training, its converted model does, too."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .models import nets

PLANS = ["transform", "fused"]


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
def test_what_the_code_does_to_the_model_takes_effect(plan):
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
def test_noise_is_drawn_anew_in_each_call(noise, plan):
    converted = jd.convert(nets(lambda self, x: x * noise()), plan=plan)
    x = jd.encode(torch.randn(1, 3, 9, 9))
    assert not torch.equal(converted(x), converted(x))


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
