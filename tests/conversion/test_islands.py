"""What users' own classifiers have besides convolutions: normalisations, shuffles, islands, permuted axes."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd

from .models import agrees, nets


def head(*layers, channels=6):
    return nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


class ChannelsFirst(nn.Module):
    def forward(self, x):
        return x.permute(0, 3, 1, 2)


# Layers for 6 channels, and how many islands the printed plan shows for them.
MODULES = {
    "group norm": (nn.GroupNorm(3, 6), 0),
    "instance norm": (nn.InstanceNorm2d(6, affine=True, track_running_stats=True), 0),
    "layer norm of everything": (nn.LayerNorm([6, 19, 21]), 1),
    "local response norm": (nn.LocalResponseNorm(3), 1),
    "channel shuffle": (nn.ChannelShuffle(2), 0),
    "pixel shuffle": (nn.Sequential(nn.Conv2d(6, 8, 1), nn.PixelShuffle(2)), 1),
    "pixel unshuffle": (nn.Sequential(nn.ZeroPad2d((0, 1, 1, 0)), nn.PixelUnshuffle(2)), 2),
    "transposed convolution": (nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1), 1),
    "nearest": (nn.Upsample(scale_factor=2), 1),
    "bilinear": (nn.Upsample(size=(30, 17), mode="bilinear", align_corners=True), 1),
    "old upsampling": (nn.UpsamplingNearest2d(scale_factor=2), 1),
    "adaptive maximum": (nn.AdaptiveMaxPool2d((5, 3)), 1),
    "power pooling": (nn.LPPool2d(2, 3, 2), 1),
    "reflection": (nn.ReflectionPad2d(3), 1),
    "replication": (nn.ReplicationPad2d((1, 2, 3, 4)), 1),
    "constant": (nn.ConstantPad2d(2, 1.5), 1),
    "circular": (nn.CircularPad2d(2), 1),
    "gated": (nn.GLU(1), 1),
    "softmax over channels": (nn.Softmax2d(), 1),
    "softmax": (nn.Softmax(1), 1),
    "log softmax": (nn.LogSoftmax(1), 1),
    "hardswish": (nn.Hardswish(), 1),
    "stochastic depth": (torchvision.ops.StochasticDepth(0.5, "row"), 0),
    "frozen batch norm": (torchvision.ops.FrozenBatchNorm2d(6), 0),
    "squeeze and excitation": (torchvision.ops.SqueezeExcitation(6, 2), 0),
    "channels last": (nn.Sequential(ChannelsLast(), nn.Linear(6, 8), nn.Linear(8, 5), ChannelsFirst()), 0),
    "activations, channels last": (
        nn.Sequential(ChannelsLast(), nn.GELU(), nn.ReLU(), nn.Dropout(), ChannelsFirst()),
        1,
    ),
    "layer norm, channels last": (nn.Sequential(ChannelsLast(), nn.LayerNorm(6), ChannelsFirst()), 1),
}


def islands(converted, extent=(19, 21)):
    return sum(step.form == "island" for step in converted.plan(extent).steps)


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_users(name):
    torch.manual_seed(0)
    module, expected = MODULES[name]
    model = head(module).double().eval()
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert agrees(model, converted)
    assert islands(converted) == expected


def shuffle(x, groups=2):
    n, c, h, w = x.size()
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


def unpacked(x):
    a, b, c = x.split(2, 1)
    return a - 2 * b + c


def split_attention(self, x):
    n, _, h, w = x.shape
    parts = x.reshape(n, 2, 3, h, w)
    gap = parts.sum(dim=1).mean((2, 3), keepdim=True)
    weights = torch.softmax(torch.cat([gap, -gap], 1).view(n, 2, 3), 1)
    return (parts * weights.view(n, 2, 3, 1, 1)).sum(1)


def channel_attention(self, x):
    weights = torch.sigmoid(x.mean((2, 3), keepdim=True).view(x.shape[0], 1, -1))
    return x * weights.view(x.shape[0], -1, 1, 1).expand_as(x)


def spatial_attention(self, x):
    both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
    return x * torch.sigmoid(both.sum(1, keepdim=True))


def coordinate_attention(self, x):
    h, w = x.size(2), x.size(3)
    rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)
    rows, columns = torch.cat([rows, columns], dim=2).tanh().split([h, w], dim=2)
    return x * rows.sigmoid() * columns.permute(0, 1, 3, 2).sigmoid()


# Functions of a map of 6 channels, and the islands that the printed plan shows for them.
FUNCTIONS = {
    "shuffle": (lambda self, x: shuffle(x), 0),
    "flattened groups": (lambda self, x: x.unsqueeze(2).transpose(1, 2).flatten(1, 2), 0),
    "chunk": (lambda self, x: torch.cat(x.chunk(2, 1)[::-1], 1), 0),
    "torch.chunk": (lambda self, x: torch.chunk(x, 3, dim=1)[1], 0),
    "split": (lambda self, x: torch.split(x, [1, 3, 2], 1)[1] * 2, 0),
    "unbind and stack": (lambda self, x: torch.stack(x.unbind(1)[::-1], 1), 0),
    "one channel": (lambda self, x: torch.unsqueeze(x[:, 0], 1) * 2 + 0.3, 0),
    "several unpacked": (lambda self, x: unpacked(x), 0),
    "rows": (lambda self, x: x.chunk(2, 2)[0], 1),
    "transpose of pixels": (lambda self, x: x.transpose(2, 3), 0),
    "squeeze": (lambda self, x: x[:, :1].squeeze(1).unsqueeze(1), 0),
    "split attention": (split_attention, 0),
    "channel attention": (channel_attention, 0),
    "spatial attention": (spatial_attention, 2),
    "coordinate attention": (coordinate_attention, 7),
    "channels-last arithmetic": (lambda self, x: (self.scale * x.permute(0, 2, 3, 1) + 1).permute(0, 3, 1, 2), 0),
    "interpolate": (lambda self, x: F.interpolate(x[:, :, ::2, ::2], size=x.shape[2:], mode="bicubic") + x, 2),
    "prelu": (lambda self, x: F.prelu(x, self.scale), 0),
    "linear call": (lambda self, x: F.linear(x.permute(0, 2, 3, 1), self.matrix).permute(0, 3, 1, 2), 0),
    "layer norm call": (lambda self, x: F.layer_norm(x.permute(0, 2, 3, 1), (6,)).permute(0, 3, 1, 2), 1),
    "group norm call": (lambda self, x: F.group_norm(x, 2), 0),
    "instance norm call": (lambda self, x: F.instance_norm(x).clamp(min=0.1), 0),
    "local response norm call": (lambda self, x: F.local_response_norm(x, 3), 1),
    "softmax": (lambda self, x: F.softmax(x, dim=1) + torch.softmax(x, 1) + x.softmax(1), 3),
    "glu": (lambda self, x: F.glu(x, dim=1), 1),
    "transposed convolution": (lambda self, x: F.conv_transpose2d(x, self.kernel, stride=2), 1),
    "adaptive maximum": (lambda self, x: F.adaptive_max_pool2d(x, (5, 4)), 1),
    "pixel shuffle": (lambda self, x: F.pixel_shuffle(torch.cat([x, x], 1), 2), 1),
    "pixel shuffle by hand": (
        lambda self, x: x[:, :4].view(-1, 1, 2, 2, 19, 21).permute(0, 1, 4, 2, 5, 3).reshape(-1, 1, 38, 42),
        1,
    ),
    "normalised": (lambda self, x: F.normalize(x, dim=1), 1),
    "asserted": (lambda self, x: (torch._assert(x.shape[1] == 6, "channels"), x)[1], 0),
    "clone": (lambda self, x: x.clone().add_(1) + x, 0),
    "stochastic depth call": (lambda self, x: torchvision.ops.stochastic_depth(x, 0.5, "row", self.training), 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_users(name):
    torch.manual_seed(0)
    function, expected = FUNCTIONS[name]
    model = nets(
        lambda self, x: F.adaptive_avg_pool2d(function(self, self.conv(x)), 1).flatten(1), conv=nn.Conv2d(3, 6, 3, 1, 1)
    )
    model.scale, model.matrix = nn.Parameter(torch.rand(6)), nn.Parameter(torch.rand(4, 6))
    model.kernel = nn.Parameter(torch.rand(6, 4, 3, 3))
    model = model.double().eval()
    converted = jd.convert(model)
    assert agrees(model, converted)
    assert islands(converted) == expected


@pytest.mark.parametrize(
    "leave",
    [
        lambda x: x.permute(0, 2, 3, 1).flatten(1),
        lambda x: x.reshape(x.shape[0], 6, -1).transpose(1, 2).amax(1),
        lambda x: x[:, :, 0, 0],
        lambda x: x.mean((1, 2)),
        lambda x: x.sum(3).flatten(1),
        lambda x: F.avg_pool2d(x, (19, 21)).squeeze(3).squeeze(2),
        lambda x: x.permute(0, 2, 3, 1).mean((1, 2)),
        lambda x: torch.sum(x, dim=(1, 2, 3), keepdim=True).flatten(1),
        lambda x: x.unsqueeze(1).flatten(1),
    ],
)
def test_ways_out_of_the_transform_domain(leave):
    torch.manual_seed(0)
    model = nets(lambda self, x: 2 * leave(self.conv(x)), conv=nn.Conv2d(3, 6, 3, 1, 1))
    assert agrees(model)


def test_a_rearranged_output_is_compared_like_any_other():
    torch.manual_seed(0)
    model = nets(lambda self, x: self.conv(x).permute(0, 2, 3, 1), conv=nn.Conv2d(3, 6, 3, 1, 1))
    assert agrees(model)


def test_stochastic_depth_draws_torchs_noise_in_training():
    torch.manual_seed(0)
    model = head(torchvision.ops.StochasticDepth(0.5, "row")).double().train()
    converted = jd.convert(model)
    pixels = torch.randn(16, 3, 19, 21, dtype=torch.float64)
    torch.manual_seed(1)
    expected = model(pixels)
    torch.manual_seed(1)
    torch.testing.assert_close(converted(jd.encode(pixels)), expected, rtol=1e-9, atol=1e-12)
    assert 0 < (expected == expected[(expected == 0).all(1)][:1]).all(1).sum() < 16


def test_without_a_rule_the_sources_own_code_runs():
    torch.manual_seed(0)
    for model in (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(1, return_indices=True)),
        nets(lambda self, x: x.mean(x.dim() - 3)),
        nets(lambda self, x: F.dropout(x, 0.0)),
    ):
        assert agrees(model)


def test_rules_by_dotted_names():
    class Named(nn.Module):
        def forward(self, x):
            return x * x

    from jpegdomain.conversion import registry

    name = f"{Named.__module__}.{Named.__qualname__}"
    try:
        jd.register_rule(name)(lambda layer, _: jd.nn.Pointwise(layer))
        model = nn.Sequential(nn.Conv2d(3, 4, 3), Named(), nn.AdaptiveAvgPool2d(1))
        assert [step.layer for step in jd.convert(model).plan((9, 9)).steps][:2] == ["Conv2d", "Named"]
        assert agrees(model)
    finally:
        registry._RULES.pop(name)
