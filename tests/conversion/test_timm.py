"""timm's ResNets and their relatives, where timm is installed: random weights, nothing is downloaded."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd
from experiments.lib.calibrated import calibrate

timm = pytest.importorskip("timm", reason="timm is not installed: pip install 'jpegdomain[timm]'")

NAMES = [
    "resnet18",
    "resnet26d",
    "resnetblur18",
    "ecaresnet26t",
    "skresnet18",
    "resnest14d",
    "convnext_atto",
    "efficientnet_b0",
    "mobilenetv3_small_100",
    "regnety_002",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet50d", "resnext50_32x4d", "seresnet50")),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("res2net50_26w_4s", "convnext_tiny", "densenet121")),
]


def prepared(name):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=10).double().eval()
    images = torch.randn(6, 3, 67, 75, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return calibrate(model, images[:4]), images[4:]


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("name", NAMES)
def test_timm_models_convert(name, plan):
    model, images = prepared(name)
    with torch.no_grad():
        logits = model(images)
    assert (logits[0] - logits[1]).abs().max() > 1e-3 * logits.abs().max()
    converted = jd.convert(model, plan=plan)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert jd.verify(model, converted, jd.encode(images)).passes()
    converted.plan((67, 75))


@pytest.mark.parametrize("name", ["resnet26d", "efficientnet_b0", "convnext_atto"])
def test_timm_models_train(name):
    model, images = prepared(name)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            # Masks of pixels are drawn in the order of memory.
            module.p = 0.0
    converted = jd.convert(model)
    losses = []
    for network, given in ((model, images), (converted, jd.encode(images))):
        network.train()
        torch.manual_seed(3)
        losses.append(F.cross_entropy(network(given), torch.tensor([1, 7])))
        losses[-1].backward()
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-9, atol=0)
    largest = max(parameter.grad.abs().max() for parameter in model.parameters())
    for (path, theirs), mine in zip(model.named_parameters(), converted.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-8 * largest.item(), msg=path)


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_the_activation_after_a_batch_norm_is_approximated(plan):
    """Below 15 frequencies, timm's fused layer is the pair of torch's layers."""
    torch.manual_seed(0)
    together = timm.layers.BatchNormAct2d(6)
    apart = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU())
    for norm in (together, apart[0]):
        nn.init.normal_(norm.bias, generator=torch.Generator().manual_seed(1))
    first, last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 2, 3)
    pixels = torch.randn(2, 3, 19, 21, dtype=torch.float64)
    results = []
    for frequencies in (5, 15):
        for layers in (together, apart):
            model = nn.Sequential(first, layers, last, nn.AdaptiveAvgPool2d(1)).double().eval()
            with torch.no_grad():
                results.append(jd.convert(model, frequencies=frequencies, plan=plan)(jd.encode(pixels)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(results[2], results[3], rtol=1e-9, atol=1e-12)
    assert not torch.allclose(results[0], results[2], rtol=1e-3)
