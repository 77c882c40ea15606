"""Adapting torchvision's classifiers: kept layers are the model's own, and new ones are as documented."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import ResNet, mobilenet_v2, resnet18, resnet50, vgg11
from torchvision.models.resnet import Bottleneck

from jpegdomain.errors import InputError
from jpegdomain.frequency import adapt, compare, image_scale, published


def small_resnet50(**settings):
    return ResNet(Bottleneck, [2, 1, 1, 1], **settings)


def small_resnext(**settings):
    return ResNet(Bottleneck, [2, 1, 1, 1], groups=32, width_per_group=4, **settings)


def small_wide_resnet(**settings):
    return ResNet(Bottleneck, [2, 1, 1, 1], width_per_group=128, **settings)


MAKERS = (resnet18, small_resnet50, small_resnext, small_wide_resnet, mobilenet_v2)
STEM = {"conv1", "bn1", "relu", "maxpool"}


def build(maker, **settings):
    torch.manual_seed(0)
    model = maker(num_classes=10, **settings).double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            # Running statistics of 0 and 1 would hide a normalisation that was lost.
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return model.eval()


def stem_of(model, pixels):
    if hasattr(model, "features"):
        return model.features[0](pixels)
    return model.maxpool(model.relu(model.bn1(model.conv1(pixels))))


def normalised(x, state, name):
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


@pytest.mark.parametrize("maker", MAKERS)
def test_with_the_stems_width_nothing_is_fresh_and_the_rest_is_the_model(maker):
    model = build(maker)
    pixels = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    entering = stem_of(model, pixels)
    adapted = adapt(model, entering.shape[1])
    torch.testing.assert_close(adapted(entering), model(pixels), rtol=0, atol=0)
    comparison = compare(model, adapted, entering.shape[1])
    assert not comparison.fresh
    assert comparison.dropped == tuple(key for key in model.state_dict() if key not in adapted.state_dict())


def test_a_basic_block_gets_a_shortcut():
    """Compare with the block's formula, and with the unchanged model's own layers after it."""
    model = build(resnet18)
    adapted = adapt(model, published("24S"))
    state = {key: value.detach() for key, value in adapted.state_dict().items()}
    x = torch.randn(2, 24, 14, 16, dtype=torch.float64)
    inner = F.conv2d(x, state["layer1.0.conv1.weight"], padding=1)
    inner = normalised(inner, state, "layer1.0.bn1").clamp(min=0)
    inner = normalised(F.conv2d(inner, state["layer1.0.conv2.weight"], padding=1), state, "layer1.0.bn2")
    shortcut = torch.einsum("oc,nchw->nohw", state["layer1.0.downsample.0.weight"][:, :, 0, 0], x)
    y = (inner + normalised(shortcut, state, "layer1.0.downsample.1")).clamp(min=0)
    y = model.layer4(model.layer3(model.layer2(model.layer1[1](y))))
    torch.testing.assert_close(adapted(x), model.fc(y.mean((2, 3))), rtol=1e-10, atol=1e-10)
    assert compare(model, adapted, 24).fresh == (
        "layer1.0.conv1.weight",
        *("layer1.0.downsample.0.weight", "layer1.0.downsample.1.weight", "layer1.0.downsample.1.bias"),
        *(f"layer1.0.downsample.1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
    )


def test_a_bottlenecks_shortcut_is_widened():
    model = build(small_resnet50)
    adapted = adapt(model, 24)
    assert compare(model, adapted, 24).fresh == ("layer1.0.conv1.weight", "layer1.0.downsample.0.weight")
    assert adapted.layer1[0].conv1.weight.shape == (64, 24, 1, 1)
    assert adapted.layer1[0].downsample[0].weight.shape == (256, 24, 1, 1)


def test_mobilenets_first_depthwise_convolution_runs_on_the_channels():
    model = build(mobilenet_v2)
    adapted = adapt(model, 24)
    state = {key: value.detach() for key, value in adapted.state_dict().items()}
    x = torch.randn(2, 24, 28, 20, dtype=torch.float64)
    y = F.conv2d(x, state["features.1.conv.0.0.weight"], padding=1, groups=24)
    y = normalised(y, state, "features.1.conv.0.1").clamp(0, 6)
    y = normalised(F.conv2d(y, state["features.1.conv.1.weight"]), state, "features.1.conv.2")
    y = model.features[2:](y).mean((2, 3))
    torch.testing.assert_close(adapted(x), model.classifier(y), rtol=1e-10, atol=1e-10)
    assert {key.rpartition(".")[0] for key in compare(model, adapted, 24).fresh} == {
        *("features.1.conv.0.0", "features.1.conv.0.1", "features.1.conv.1")
    }


@pytest.mark.parametrize("channels", [6, 192])
@pytest.mark.parametrize("maker", MAKERS)
def test_keys_are_torchvisions_and_what_is_not_fresh_is_carried_over(maker, channels):
    model = build(maker)
    adapted = adapt(model, channels)
    comparison = compare(model, adapted, channels)
    before, after = model.state_dict(), adapted.state_dict()
    gone = {"features.0"} if maker is mobilenet_v2 else STEM
    assert all(any(key.startswith(f"{name}.") for name in gone) for key in comparison.dropped)
    new = set(after) - set(before)
    assert all(key.startswith("layer1.0.downsample.") for key in new)
    assert bool(new) == (maker is resnet18)
    for key in set(after) - set(comparison.fresh):
        assert torch.equal(after[key], before[key]), key
    again = adapt(build(maker), channels)
    again.load_state_dict(after)
    x = torch.randn(1, channels, 8, 8, dtype=torch.float64)
    assert torch.equal(again(x), adapted(x))


@pytest.mark.parametrize("maker", [resnet18, small_resnet50, mobilenet_v2])
@pytest.mark.parametrize("extent", [(64, 64), (96, 80)])
def test_feature_maps_have_the_rgb_networks_sizes(maker, extent):
    model = build(maker)
    adapted = adapt(model, 24)
    scale = image_scale(model)
    assert scale == (4 if maker is mobilenet_v2 else 2)

    def sizes(network, x):
        seen = {}
        stages = network.features if hasattr(network, "features") else nn.ModuleDict(network.named_children())
        for name, stage in stages.named_children():
            if name not in STEM | {"0"}:
                stage.register_forward_hook(lambda _, __, y, name=name: seen.update({name: y.shape[-2:]}))
        network(x)
        return seen

    blocks = [scale * side // 8 for side in extent]
    channels = torch.randn(1, 24, *blocks, dtype=torch.float64)
    assert sizes(adapted, channels) == sizes(model, torch.randn(1, 3, *extent, dtype=torch.float64))


@pytest.mark.parametrize("maker", [resnet18, small_resnet50])
def test_the_released_codes_stride_is_an_option(maker):
    model = build(maker)
    x = torch.randn(1, 24, 16, 16, dtype=torch.float64)
    paper, released = adapt(model, 24), adapt(model, 24, layer2_stride=1)
    assert paper.layer2(paper.layer1(x)).shape[-2:] == (8, 8)
    assert released.layer2(released.layer1(x)).shape[-2:] == (16, 16)
    assert released(x).shape == (1, 10)
    assert paper.state_dict().keys() == released.state_dict().keys()


@pytest.mark.parametrize("maker", [resnet18, mobilenet_v2])
def test_the_copy_shares_nothing_and_the_model_is_unchanged(maker):
    model = build(maker)
    before = copy.deepcopy(model.state_dict())
    adapted = adapt(model, 24)
    with torch.no_grad():
        for tensor in (*adapted.parameters(), *adapted.buffers()):
            tensor.zero_()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    model(torch.randn(1, 3, 64, 64, dtype=torch.float64))


def test_mode_dtype_and_gradient_flags_are_kept():
    model = build(resnet18, norm_layer=lambda width: nn.GroupNorm(8, width)).to(torch.bfloat16).train()
    model.requires_grad_(False)
    model.layer2[0].eval()
    adapted = adapt(model, 24)
    assert {parameter.dtype for parameter in adapted.parameters()} == {torch.bfloat16}
    assert adapted.training
    assert adapted.layer1[0].downsample[1].training
    assert not adapted.layer2[0].training
    fresh = compare(model, adapted, 24).fresh
    assert {name for name, parameter in adapted.named_parameters() if parameter.requires_grad} == set(fresh)


def test_new_weights_are_distributed_like_torchvisions():
    """Kaiming's normal distribution over the fan out: variance 2/(out·k²)."""
    adapted = adapt(build(small_resnet50), 192)
    for layer in (adapted.layer1[0].conv1, adapted.layer1[0].downsample[0]):
        assert layer.weight.std().item() == pytest.approx((2 / layer.out_channels) ** 0.5, rel=0.05)


def test_operations_and_parameters_by_hand():
    """ResNet-50 loses the stem's convolution, and two 1×1 convolutions over 56×56 go from 64 to C channels."""
    with torch.device("meta"):
        model = resnet50()
    for channels in (24, 64, 192):
        comparison = compare(model, adapt(model, channels), channels)
        more = (channels - 64) * (64 + 256)
        rgb, ours = comparison.parameters
        assert ours - rgb == more - 3 * 64 * 49 - 2 * 64
        rgb, ours = comparison.operations
        assert ours - rgb == 2 * (56 * 56 * more - 112 * 112 * 3 * 64 * 49)


@pytest.mark.parametrize(
    ("maker", "name", "parameters", "operations"),
    [
        (resnet18, "24S", 0.9974, 0.8978),
        (resnet18, "64S", 0.9992, 0.9349),
        (resnet18, "DCT-192", 1.0066, 1.0836),
        (resnet50, "24S", 0.9991, 0.9613),
        (resnet50, "64S", 0.9996, 0.9711),
        (resnet50, "DCT-192", 1.0012, 1.0026),
        (mobilenet_v2, "6S", 0.9995, 0.9369),
        (mobilenet_v2, "24S", 0.9997, 0.9556),
        (mobilenet_v2, "32S", 0.9997, 0.9640),
    ],
)
def test_ratios_at_the_published_sizes(maker, name, parameters, operations):
    with torch.device("meta"):
        model = maker()
    comparison = compare(model, adapt(model, published(name)), published(name))
    assert comparison.parameter_ratio == pytest.approx(parameters, abs=1e-4)
    assert comparison.operation_ratio == pytest.approx(operations, abs=1e-4)


def test_an_adapted_network_can_be_pickled():
    adapted = adapt(build(resnet18), 24)
    x = torch.randn(1, 24, 8, 8, dtype=torch.float64)
    assert torch.equal(pickle.loads(pickle.dumps(adapted))(x), adapted(x))


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (vgg11, {}, "adapt takes torchvision's ResNets, .* got VGG"),
        (lambda: adapt(resnet18(), 24), {}, "conv1 is Identity.* not one that has already been adapted"),
        (lambda: adapt(mobilenet_v2(), 24), {}, r"features\[0\] is Identity"),
        (resnet18, {"channels": "24S"}, r"published\('24S'\).*got '24S'"),
        (resnet18, {"channels": True}, "a number ≥ 1.*got True"),
        (resnet18, {"channels": [1, 2]}, r"got \[1, 2\]"),
        (resnet18, {"layer2_stride": 3}, "layer2_stride must be 2 .* or 1"),
        (mobilenet_v2, {"layer2_stride": 1}, "MobileNetV2 has no layer2"),
        (resnet18, {"channels": 0}, "≥ 1.*got 0"),
        (lambda: resnet18(norm_layer=nn.InstanceNorm2d), {}, "normalisation like InstanceNorm2d"),
        (lambda: mobilenet_v2(norm_layer=lambda c: nn.GroupNorm(8, c)), {"channels": 6}, "6 channels .* 8 groups"),
    ],
)
def test_what_cannot_be_adapted_is_named(model, settings, message):
    with torch.device("meta"):
        network = model()
    with pytest.raises(InputError, match=message):
        adapt(network, settings.pop("channels", 24), **settings)


@pytest.mark.parametrize("channels", [48, 64])
def test_the_new_input_layer_learns_in_a_frozen_network_of_any_width(channels):
    with torch.device("meta"):
        adapted = adapt(resnet50().requires_grad_(False), channels)
    learning = {name for name, values in adapted.named_parameters() if values.requires_grad}
    assert learning == {"layer1.0.conv1.weight", "layer1.0.downsample.0.weight"}
