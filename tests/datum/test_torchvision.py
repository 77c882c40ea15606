"""torchvision's models, unmodified and eager, on an `Activation`: the numbers of the same objects on pixels."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

import jpegdomain as jd

from .same import assert_gradients, assert_same, awake, pixels

QUICK = ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5"]
SLOW = [
    *("alexnet", "vgg11_bn", "densenet121", "googlenet", "inception_v3", "efficientnet_b0", "efficientnet_v2_s"),
    *("mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny", "swin_t", "swin_v2_t", "maxvit_t"),
    *("vit_b_32", "resnext50_32x4d", "wide_resnet50_2"),
]


def classifier(name):
    torch.manual_seed(0)
    given = {"transform_input": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    if name == "maxvit_t":
        build = torchvision.models.maxvit.MaxVit
        return build((64, 64), 16, 2, [16, 16, 32, 32], [1, 1, 1, 1], 8, 0.0, num_classes=10)
    if name == "vit_b_32":
        model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10)
        nn.init.normal_(model.heads.head.weight)
        return model
    return torchvision.models.get_model(name, weights=None, num_classes=10, **given)


def images(name):
    size = {"inception_v3": (299, 299), "maxvit_t": (64, 64), "vit_b_32": (32, 32)}.get(name, (64, 72))
    return pixels(2, 3, *size)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_classifiers(name):
    given = images(name)
    model = awake(classifier(name).double(), given)
    with torch.no_grad():
        expected = model(given)
        assert_same(model(jd.encode(given)), expected)
    assert (expected[0] - expected[1]).abs().max() > 1e-6 * expected.abs().max()


@pytest.mark.parametrize("name", ["resnet18", pytest.param("densenet121", marks=pytest.mark.slow)])
def test_classifiers_train(name):
    assert_gradients(classifier(name).double().train(), images(name))


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "fcn_resnet50", "deeplabv3_resnet50"])
@pytest.mark.slow
def test_segmentation(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=4).double()
    given = pixels(2, 3, 64, 72)
    model = awake(model, given)
    with torch.no_grad():
        assert_same(model(jd.encode(given)), model(given))


def test_feature_extractors():
    given = pixels(2, 3, 40, 56)
    model = create_feature_extractor(classifier("resnet18").double().eval(), {"layer2": "mid", "layer4": "last"})
    with torch.no_grad():
        found = model(jd.encode(given))
        assert_same(found, model(given))
    assert isinstance(found["mid"], jd.Activation)
