"""Hooks on a converted model see what they see on its source."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd

from .models import nets, randomised

PLANS = ["transform", "fused"]


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
def test_hooked_models_still_approximate(method, plan):
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
