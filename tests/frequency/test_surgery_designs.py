"""Gueguen et al.'s designs and vision transformers, against formulas written out and the files' own blocks."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn
from torch import nn
from torch.nn import functional as F
from torchvision.models import ResNet, VisionTransformer, mobilenet_v2, resnet18
from torchvision.models.resnet import Bottleneck

import jpegdomain as jd
from jpegdomain.colour import RGB_TO_YCBCR
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, adapt, all_channels, compare, frequency_channels, image_scale, published

DESIGNS = ("upsampling", "upsampling-rfa", "deconvolution-rfa", "late-concat-rfa", "late-concat-rfa-thinner")


def small_resnet50(**settings):
    return ResNet(Bottleneck, [1, 2, 2, 1], **settings)


def small_resnext(**settings):
    return ResNet(Bottleneck, [1, 1, 2, 1], groups=32, width_per_group=4, **settings)


def dilated():
    return ResNet(Bottleneck, [1, 1, 1, 1], replace_stride_with_dilation=[False, True, True])


MAKERS = (resnet18, small_resnet50, small_resnext)


def randomised(model):
    """Batch norms with statistics of their own: those of 0 and 1 would hide that one was lost."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return model.double().eval()


def build(maker, design, channels=192):
    torch.manual_seed(0)
    model = randomised(maker(num_classes=10))
    return model, randomised(adapt(model, channels, design=design))


class Naive:
    """A ResNet's layers by their formulas, from a state dict."""

    def __init__(self, model):
        self.state = {key: value.detach() for key, value in model.state_dict().items()}

    def norm(self, x, name):
        mean, variance, weight, bias = (
            self.state[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    def convolution(self, x, name, stride):
        """Kernels of 3 look one to each side, kernels of 2 one down and right."""
        key = next(key for key in (f"{name}.weight", f"{name}.1.weight") if key in self.state)
        weight = self.state[key]
        before, behind = (weight.shape[2] - 1) // 2, weight.shape[2] // 2
        return F.conv2d(
            F.pad(x, (before, behind, before, behind)), weight, stride=stride, groups=x.shape[1] // weight.shape[1]
        )

    def block(self, x, name, stride=1):
        """ReLU behind all but the last convolution, then the shortcut; the first kernel above 1×1 has the stride."""
        numbers = [number for number in (1, 2, 3) if f"{name}.bn{number}.weight" in self.state]
        strided = 1 if len(numbers) == 2 else 2
        y = x
        for number in numbers:
            y = self.convolution(y, f"{name}.conv{number}", stride if number == strided else 1)
            y = self.norm(y, f"{name}.bn{number}")
            y = y.clamp(min=0) if number < numbers[-1] else y
        if f"{name}.downsample.0.weight" in self.state:
            x = self.norm(F.conv2d(x, self.state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
        return (x + y).clamp(min=0)

    def stage(self, x, name, stride=1):
        blocks = sorted({int(key[len(name) + 1 :].split(".")[0]) for key in self.state if key.startswith(f"{name}.")})
        for number in blocks:
            x = self.block(x, f"{name}.{number}", stride if number == 0 else 1)
        return x

    def head(self, x):
        return x.mean((2, 3)) @ self.state["fc.weight"].T + self.state["fc.bias"]


def doubled(naive, chroma, name):
    """A transposed convolution with kernel and stride 2: every value becomes 2×2."""
    weight, bias = naive.state[f"conv1.deconvolution.{name}.weight"], naive.state[f"conv1.deconvolution.{name}.bias"]
    blocks = torch.einsum("nixy,ioab->noxayb", chroma, weight)
    return blocks.flatten(4, 5).flatten(2, 3) + bias.view(-1, 1, 1)


@pytest.mark.parametrize("grid", [(8, 6), (7, 5)])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("maker", MAKERS)
def test_each_design_is_its_figure(maker, design, grid):
    model, adapted = build(maker, design)
    naive = Naive(adapted)
    x = torch.randn(2, 192, *grid, dtype=torch.float64)
    luma, chroma = x[:, :64], x[:, 64:, ::2, ::2]
    if design == "deconvolution-rfa":
        wide = [doubled(naive, part, name) for part, name in zip(chroma.split(64, 1), ("cb", "cr"), strict=True)]
        y = naive.norm(torch.cat((luma, *(part[..., : grid[0], : grid[1]] for part in wide)), 1), "conv1.norm")
    else:
        y = naive.norm(x, "conv1.norm")
    if design.startswith("late"):
        first, second = y[:, :64], y[:, 64:, ::2, ::2]
        first = naive.block(naive.stage(naive.stage(first, "layer1"), "layer2"), "layer3.luma", 2)
        y = torch.cat((first, naive.block(second, "layer3.chroma")), 1)
        for number in range(1, len(model.layer3)):
            y = naive.block(y, f"layer3.{number}")
    else:
        y = y if design == "upsampling" else naive.stage(y, "layer1")
        y = naive.stage(naive.stage(y, "layer2"), "layer3", 2)
    expected = naive.head(naive.stage(y, "layer4", 2))
    torch.testing.assert_close(adapted(x), expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("maker", MAKERS)
def test_widths_kernels_and_what_is_carried_over(maker, design):
    model, adapted = build(maker, design)
    wide = model.layer3[0].downsample[0].out_channels
    shares = {"late-concat-rfa": (1, 1 / 2, 1 / 2), "late-concat-rfa-thinner": (3 / 8, 3 / 8, 3 / 4)}
    if design in shares:
        blocks = (adapted.layer1[0], adapted.layer2[0], adapted.layer3.luma, adapted.layer3.chroma)
        assert [block.downsample[0].out_channels / wide for block in blocks] == [*shares[design], 1 - shares[design][2]]
    elif design != "upsampling":
        assert adapted.layer1[0].downsample[0].out_channels == wide
    if design != "upsampling":
        kernels = [
            max(layer.kernel_size[0] for layer in block.modules() if isinstance(layer, nn.Conv2d))
            for block in adapted.layer1
        ]
        assert kernels == [1, 2, 3]


def carried(model, adapted, design):
    """Keys that must hold the model's own values: behind the entrance all that keeps its shape."""
    new = ["layer1.", "conv1.", "bn1."]
    new += ["layer3.luma.", "layer3.chroma.", "layer3.0."] if design.startswith("late") else []
    new += ["layer2."] if design.endswith("thinner") else ["layer2.0.conv1.", "layer2.0.downsample.0."]
    return {key for key in model.state_dict() if not key.startswith(tuple(new))}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("maker", MAKERS)
def test_everything_behind_the_entrance_is_carried_over_under_its_name(maker, design):
    torch.manual_seed(0)
    model = randomised(maker(num_classes=10))
    adapted = adapt(model, 192, design=design)
    before, after = model.state_dict(), adapted.state_dict()
    kept = carried(model, adapted, design)
    assert {"layer3.1.conv1.weight", "layer4.0.bn1.running_var", "fc.weight"} <= kept
    for key in kept:
        torch.testing.assert_close(after[key], before[key], rtol=0, atol=0)
    fresh = set(compare(model, adapted, 192, (64, 64)).fresh)
    counters = {key for key in after if key.endswith("num_batches_tracked")}
    assert fresh - counters == set(after) - kept - counters


@pytest.mark.parametrize("design", DESIGNS)
def test_new_weights_are_distributed_like_torchvisions(design):
    torch.manual_seed(0)
    adapted = adapt(resnet18(), 192, design=design)
    new = [adapted.layer2[0].conv1] if design == "upsampling" else adapted.layer1.modules()
    for layer in new:
        if isinstance(layer, nn.Conv2d):
            fan = layer.out_channels * layer.kernel_size[0] ** 2
            assert layer.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.05)
            assert layer.bias is None


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("maker", [resnet18, small_resnet50])
def test_only_what_is_new_or_reads_new_channels_is_trained_in_a_frozen_network(maker, design):
    model = maker().requires_grad_(False)
    adapted = adapt(model, 192, design=design)
    trained = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in adapted.named_parameters()} - carried(model, adapted, design)


@pytest.mark.parametrize("design", DESIGNS)
def test_modes_and_dtypes_of_what_is_carried_over_stay(design):
    model = resnet18().half().train()
    model.layer4.eval().float()
    model.layer3[1].eval()
    adapted = adapt(model, 192, design=design)
    assert [layer.training for layer in (adapted.layer4[0].bn1, adapted.layer3.get_submodule("1").bn1)] == [
        False,
        False,
    ]
    assert adapted.layer4[0].bn1.weight.dtype == torch.float32
    assert all(layer.training for layer in adapted.conv1.modules())
    assert adapted.conv1.norm.weight.dtype == torch.float16
    # New blocks are like those they replace: only layer4 was in float32.
    assert {values.dtype for name, values in adapted.named_parameters() if name[:6] != "layer4"} == {
        torch.float16, model.fc.weight.dtype,
    }  # fmt: skip


def test_new_norms_are_of_the_networks_kind():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(resnet18())
    adapted = adapt(model, 192, design="late-concat-rfa")
    kinds = {type(layer) for layer in adapted.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)}
    assert kinds == {nn.SyncBatchNorm}


def test_a_set_as_wide_as_the_stem_carries_no_norm_over():
    model = resnet18()
    selection = published("64S").in_order("row-major")
    adapted = adapt(model, selection, design="upsampling")
    assert "conv1.norm.weight" in compare(model, adapted, selection).fresh


@pytest.mark.parametrize("design", ["late-concat-rfa", "deconvolution-rfa"])
def test_chroma_is_the_files_own(design):
    """Of a 4:2:0 file the network's chroma path sees the dequantised blocks that the file stores."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80, subsampling="4:2:0")
    image = jd.read_jpeg(buffer.getvalue())
    _, adapted = build(resnet18, design)
    seen = {}

    def keep(name):
        def hook(_, given):
            seen[name] = given[0]

        return hook

    if design == "deconvolution-rfa":
        adapted.conv1.deconvolution.cb.register_forward_pre_hook(keep("cb"))
        adapted.conv1.deconvolution.cr.register_forward_pre_hook(keep("cr"))
    else:
        adapted.conv1.norm = nn.Identity()
        adapted.layer3.chroma.register_forward_pre_hook(keep("both"))
    adapted(frequency_channels(jd.collate([image]).to(torch.float64), chroma="nearest"))
    own = torch.cat(list(seen.values()), 1)[0]
    stored = [(component.coefficients * component.table).transpose(2, 0, 1) for component in image.components[1:]]
    expected = torch.from_numpy(np.concatenate(stored)).double()
    torch.testing.assert_close(own, expected, rtol=0, atol=0)


def test_sets_of_fewer_channels_enter_too():
    selection = published("24S").in_order("row-major")
    _, adapted = build(resnet18, "late-concat-rfa", selection)
    assert adapted.conv1.norm.num_features == 24
    assert adapted(torch.randn(1, 24, 6, 6, dtype=torch.float64)).shape == (1, 10)


def test_images_keep_their_size_and_operations_are_counted_there():
    model = resnet18()
    assert image_scale(model) == 2
    for design in DESIGNS:
        assert image_scale(model, design) == 1
    adapted = adapt(model, 192, design="upsampling")
    with_blocks = compare(model, adapted, 192)
    # layer2 at 28×28: 192 and 3 × 128 channels through 3×3, the shortcut, two blocks; layers 3 and 4 as before.
    layer2 = 2 * 28 * 28 * 128 * (192 * 9 + 3 * 128 * 9 + 192)
    rest = 2 * (
        14 * 14 * 256 * (128 * 9 + 3 * 256 * 9 + 128) + 7 * 7 * 512 * (256 * 9 + 3 * 512 * 9 + 256) + 512 * 1000
    )
    assert with_blocks.operations[1] == layer2 + rest


@pytest.mark.parametrize(
    ("maker", "channels", "settings", "message"),
    [
        (resnet18, 24, {"design": "upsampling"}, "channels of Y, Cb and Cr in this order"),
        (resnet18, ChannelSet(tuple(range(64))), {"design": "late-concat-rfa"}, "in this order"),
        (resnet18, 192, {"design": "deconvolution"}, "design must be one of first-block, upsampling"),
        (mobilenet_v2, 192, {"design": "upsampling"}, "only for torchvision's ResNets"),
        (resnet18, 192, {"design": "upsampling", "layer2_stride": 1}, "only for design='first-block'"),
        (dilated, 192, {"design": "late-concat-rfa"}, "build the network without dilation"),
    ],
)
def test_what_does_not_fit_is_named(maker, channels, settings, message):
    with pytest.raises(InputError, match=message):
        adapt(maker(), channels, **settings)


@pytest.mark.parametrize(("maker", "design"), [(resnet18, "first_block"), (mobilenet_v2, "upsampling")])
def test_there_is_no_scale_for_a_design_that_does_not_exist(maker, design):
    with pytest.raises(InputError, match="design"):
        image_scale(maker(), design)


def test_a_network_with_another_head_is_adapted():
    model = resnet18()
    model.fc = nn.Sequential(nn.Dropout(), nn.Linear(512, 3))
    assert adapt(model, 192, design="late-concat-rfa").eval()(torch.randn(1, 192, 4, 4)).shape == (1, 3)


def test_an_adapted_network_is_not_adapted_again():
    adapted = adapt(resnet18(), 192, design="upsampling")
    with pytest.raises(InputError, match="already been adapted"):
        adapt(adapted, 192, design="upsampling")


def transformer(patch, side=32):
    torch.manual_seed(0)
    model = VisionTransformer(side, patch, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10)
    # torchvision's head begins with zeros, which would hide everything.
    nn.init.normal_(model.heads.head.weight)
    return model.double().eval()


@pytest.mark.parametrize("patch", [8, 16])
def test_a_patch_is_its_blocks(patch):
    """With the embedding's weights in the DCT's basis the transformer on channels is the one on pixels."""
    model = transformer(patch)
    adapted = adapt(model, all_channels())
    weight = model.conv_proj.weight.detach().numpy()
    hidden, blocks = weight.shape[0], patch // 8
    # Of pixels − 128 the channels are c = D·M·p for colours M: the weights of c are M⁻ᵀ·D·w, D being orthonormal.
    colours = np.linalg.inv(np.array(RGB_TO_YCBCR)).T
    tiles = weight.reshape(hidden, 3, blocks, 8, blocks, 8).transpose(0, 1, 2, 4, 3, 5)
    frequencies = np.einsum("kc,hcxyij->hkijxy", colours, dctn(tiles, axes=(4, 5), norm="ortho"))
    with torch.no_grad():
        adapted.conv_proj.weight.copy_(torch.from_numpy(frequencies.reshape(hidden, 192, blocks, blocks)))
        adapted.conv_proj.bias.copy_(model.conv_proj.bias)
    pixels = 255 * torch.rand(3, 3, 32, 32, dtype=torch.float64)
    expected = model(pixels - 128)
    torch.testing.assert_close(adapted(frequency_channels(pixels)), expected, rtol=0, atol=1e-9)
    assert image_scale(model) == 1


def test_small_patches_take_larger_images():
    model = transformer(4)
    adapted = adapt(model, published("24S"))
    assert image_scale(model) == 2
    assert adapted(torch.randn(1, 24, 8, 8, dtype=torch.float64)).shape == (1, 10)
    assert set(compare(model, adapted, 24, (32, 32)).fresh) == {"conv_proj.weight"}


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda model: adapt(model, 24), {}, "already been adapted"),
        (lambda model: adapt(model, 3), {}, "already been adapted"),
        (lambda model: model, {"layer2_stride": 1}, "no layer2"),
        (lambda _: transformer(12, 24), {}, "patches have 12 pixels"),
    ],
)
def test_transformers_that_cannot_be_adapted_are_named(change, settings, message):
    with pytest.raises(InputError, match=message):
        adapt(change(transformer(8)), 24, **settings)
