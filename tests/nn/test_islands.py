"""Layers that run a spatial module as it is, and those that take any order of axes."""

import pytest
import torch
import torch.nn.functional as F

from jpegdomain import nn
from jpegdomain.errors import InputError
from jpegdomain.functional import decode, encode, permute
from jpegdomain.nn.costs import cost as cost_of
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9)]
LAST = (0, 2, 3, 1)
every_extent = pytest.mark.parametrize("extent", EXTENTS)


def randomised(module):
    generator = torch.Generator().manual_seed(0)
    for tensor in (*module.double().parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data.copy_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) + 0.1)
    return module


TAKEN_OVER = [
    torch.nn.GroupNorm(2, 8),
    torch.nn.GroupNorm(4, 8, affine=False),
    torch.nn.InstanceNorm2d(8),
    torch.nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
]


@every_extent
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("spatial", TAKEN_OVER, ids=str)
def test_normalisations_take_over_torchs(spatial, training, extent):
    spatial = randomised(spatial).train(training)
    layer = getattr(nn, type(spatial).__name__).from_spatial(spatial)
    assert list(layer.state_dict()) == list(spatial.state_dict())
    assert repr(layer) == repr(spatial)
    statistics = [tensor.clone() for tensor in spatial.buffers()]
    assert_commutes(layer, spatial, extent, channels=8)
    for once, twice in zip(statistics, spatial.buffers(), strict=True):
        # Both wrote to the same buffers, in training only.
        assert torch.equal(once, twice) != (training and once.is_floating_point())


@every_extent
def test_linear(extent):
    spatial = randomised(torch.nn.Linear(8, 5))
    layer = nn.Linear.from_spatial(spatial)
    assert_commutes(lambda x: layer(permute(x, LAST)), lambda x: spatial(x.permute(LAST)), extent, channels=8)
    form, cost = cost_of(layer, (2, 8, *extent), 4)
    assert form == "direct"
    assert cost.flops == 2 * 2 * 8 * 5 * 16 * (8 if extent == (16, 8) else 16)


class Reversed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x):
        return self.scale * x.flip(-1)[..., ::2]


@every_extent
def test_islands_run_any_module(extent):
    spatial = Reversed()
    layer = nn.Island(spatial)
    assert list(layer.state_dict()) == ["scale"]
    assert cost_of(layer, (1, 1, 8, 8), 4)[0] == "island"
    assert_commutes(layer, spatial, extent)
    assert_commutes(lambda x: layer(permute(x, LAST)), lambda x: spatial(x.permute(LAST)), extent)
    call = nn.IslandCall(F.interpolate)
    assert (repr(call), cost_of(call, (1, 1, 8, 8), 4)[0]) == ("IslandCall(interpolate)", "island")
    assert_commutes(lambda x: call(x, scale_factor=2), lambda x: F.interpolate(x, scale_factor=2), extent)


@every_extent
def test_direct_layers_run_on_the_coefficients(extent):
    spatial = torch.nn.ChannelShuffle(2)
    layer = nn.Direct(spatial)
    assert cost_of(layer, (1, 1, 8, 8), 4)[0] == "direct"
    assert_commutes(layer, spatial, extent, channels=6)
    x = encode(torch.randn(2, 6, *extent))
    assert torch.equal(layer(x).coefficients, x.coefficients[:, [0, 3, 1, 4, 2, 5]])


def test_holders_have_the_mode_of_their_module():
    layer = nn.Direct(torch.nn.Dropout2d(0.5))
    x = encode(torch.randn(4, 16, 8, 8))
    assert torch.equal(layer.eval()(x).coefficients, x.coefficients)
    assert not torch.equal(layer.train()(x).coefficients, x.coefficients)


@pytest.mark.parametrize("layer", [nn.Island(Reversed()), nn.Direct(torch.nn.ChannelShuffle(2)), nn.Linear(8, 8)])
def test_layers_take_only_feature_maps(layer):
    with pytest.raises(InputError, match=r"got Tensor: encode pixels with jpegdomain\.encode"):
        layer(torch.zeros(1, 8, 8, 8))
    with pytest.raises(
        InputError, match=r"takes a module of torch\.nn, got function: wrap a function in PixelFunction"
    ):
        type(nn.Island(Reversed()))(lambda x: x)


@every_extent
@pytest.mark.parametrize("method", ["asm", "apx"])
@pytest.mark.parametrize("frequencies", [15, 6])
def test_prelu_with_slopes_as_an_argument(extent, method, frequencies):
    slopes = torch.rand(4, dtype=torch.float64)
    layer = nn.PReLUCall(frequencies=frequencies, method=method)
    module = nn.PReLU(4, frequencies=frequencies, method=method).double()
    module.weight.data.copy_(slopes)
    assert list(layer.parameters()) == []
    x = encode(torch.randn(2, 4, *extent, dtype=torch.float64))
    torch.testing.assert_close(layer(x, slopes).coefficients, module(x).coefficients)
    torch.testing.assert_close(layer(decode(x), slopes), decode(module(x)))
    if frequencies == 15:
        assert_commutes(lambda x: layer(x, slopes), lambda x: F.prelu(x, slopes), extent, channels=4)


@every_extent
@pytest.mark.parametrize("frequencies", [15, 6])
def test_activation_functions_take_any_order_of_axes(extent, frequencies):
    for layer in (nn.ReLU(frequencies=frequencies), nn.LeakyReLU(0.2, frequencies=frequencies)):
        assert_commutes(
            lambda x, f=layer: f(permute(x, LAST)),
            lambda x, f=layer: decode(f(encode(x))).permute(LAST),
            extent,
        )
    assert_commutes(nn.Dropout(0.5).eval(), lambda x: x, extent)
    assert_commutes(
        lambda x: nn.Pointwise(torch.nn.GELU())(permute(x, LAST)), lambda x: F.gelu(x.permute(LAST)), extent
    )
    dropped = nn.Dropout(0.5).train()(permute(encode(torch.ones(2, 3, *extent)), LAST))
    assert dropped.shape == (2, *extent, 3)


@every_extent
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_with_an_activation_function(extent, training):
    layer = randomised(nn.BatchNormAct2d(4)).train(training)
    spatial = randomised(torch.nn.BatchNorm2d(4)).train(training)
    assert not hasattr(layer, "frequencies")
    layer.act = nn.ReLU(frequencies=6)
    assert layer.frequencies == 6
    assert cost_of(layer, (1, 4, 8, 8), 4)[0] == "asm 6"
    layer.act = nn.ReLU()
    assert_commutes(layer, lambda x: F.relu(spatial(x)), extent, channels=4)
    layer.act, layer.drop = nn.Pointwise(torch.nn.SiLU()), nn.Dropout(0.0)
    assert cost_of(layer, (1, 4, 8, 8), 4)[0] == "island"
    assert_commutes(layer, lambda x: F.silu(spatial(x)), extent, channels=4)
    pixels = torch.randn(2, 4, *extent, dtype=torch.float64)
    torch.testing.assert_close(layer(pixels), decode(layer(encode(pixels))))
