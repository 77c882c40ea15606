"""Every CNN classifier of torchvision, converted, equals its source, in float64 to 1e-9 of the largest logit."""

import gc
import re

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd
from experiments.lib.calibrated import calibrate, classifier, cnn_classifiers, smallest_extent

ONE_OF_EACH = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg11_bn",
]
LARGE = {"regnet_y_128gf"}
"""Takes 14 GB and minutes in float64: `experiments.generality` compares it."""


def prepared(name, **settings):
    model = classifier(name, **settings).double()
    extent = smallest_extent(name)
    images = torch.randn(6, 3, *extent, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return calibrate(model, images[:4]), images[4:]


def assert_same_function(name, *plans, **settings):
    model, images = prepared(name, **settings)
    with torch.no_grad():
        logits = model(images)
    # A network that gives all images the same logits would agree with anything.
    assert (logits[0] - logits[1]).abs().max() > 1e-3 * logits.abs().max()
    for plan in plans:
        converted = jd.convert(model, plan=plan)
        for path, parameter in converted.named_parameters():
            # The original has the same values, and the largest models should not be in memory twice.
            parameter.data = model.get_parameter(path).data
        report = jd.verify(model, converted, jd.encode(images))
        assert report.passes(), f"{plan}: {report}"


HEAVY = {"densenet121", "inception_v3", "vgg11_bn"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in ONE_OF_EACH]
)
def test_one_of_each_family(name):
    small = {} if name in {"googlenet", "inception_v3"} else {"num_classes": 10}
    assert_same_function(name, "transform", **small)


FUSED = {"convnext_tiny", "efficientnet_b0", "googlenet", "regnet_y_400mf", "shufflenet_v2_x0_5"}


@pytest.mark.parametrize(
    "name", [name if name in FUSED else pytest.param(name, marks=pytest.mark.slow) for name in ONE_OF_EACH]
)
def test_the_fused_plan(name):
    assert_same_function(name, "fused")


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in cnn_classifiers() if name not in LARGE])
def test_all(name):
    assert_same_function(name, "transform", "fused")
    gc.collect()


def test_all_families_are_included():
    families = {re.match("[a-z]+", name)[0] for name in cnn_classifiers()}
    # ResNeXts and Wide ResNets are built from the ResNet's blocks.
    assert {re.match("[a-z]+", name)[0] for name in ONE_OF_EACH} == families - {"resnext", "wide"}


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_input_may_be_transformed(name):
    assert_same_function(name, "transform", transform_input=True, aux_logits=False)


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("convnext_tiny", "densenet121", "efficientnet_b0")),
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
    ],
)
def test_gradients_in_training(name):
    model, images = prepared(name, num_classes=10)
    converted = jd.convert(model)
    losses = []
    for network, given in ((model, images), (converted, jd.encode(images))):
        network.train()
        # The same images are dropped on both sides.
        torch.manual_seed(3)
        losses.append(F.cross_entropy(network(given), torch.tensor([1, 7])))
        losses[-1].backward()
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-9, atol=0)
    largest = max(parameter.grad.abs().max() for parameter in model.parameters() if parameter.grad is not None)
    assert largest > 0
    for (path, theirs), mine in zip(model.named_parameters(), converted.parameters(), strict=True):
        assert (theirs.grad is None) == (mine.grad is None), path
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-8 * largest.item(), msg=path)


def test_islands_are_in_the_printed_plan():
    model = classifier("convnext_tiny")
    plan = str(jd.convert(model).plan((64, 64)))
    assert len([line for line in plan.splitlines() if "island" in line]) == 18 + 18 + 4
    plan = str(jd.convert(classifier("shufflenet_v2_x0_5")).plan((64, 64)))
    assert "island" not in plan


def test_vision_transformers_of_one_stem_convert_too():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 16, 1, 2, 16, 16, num_classes=10)
    nn.init.normal_(model.heads.head.weight)
    model = model.double().eval()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for plan in ("transform", "fused"):
        assert jd.verify(model, jd.convert(model, plan=plan), jd.encode(images)).passes()


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t"])
def test_shifted_windows_run_by_the_sources_own_code(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, num_classes=10).double().eval()
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    for plan in ("transform", "fused"):
        assert jd.verify(model, jd.convert(model, plan=plan), jd.encode(images)).passes()
