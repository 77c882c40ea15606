"""Normalisation: statistics over whole and partial blocks, against torch and against sums over pixels."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain.functional import (
    batch_norm,
    channel_mean,
    decode,
    encode,
    group_norm,
    instance_norm,
    layer_norm,
    permute,
)
from jpegdomain.testing import assert_commutes

EXTENTS = [(8, 8), (16, 24), (7, 5), (33, 8), (28, 13)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def statistics(channels):
    return random(channels, seed=5), random(channels, seed=6).abs() + 0.1


@pytest.fixture(params=[True, False], ids=["recording", "no_grad"])
def gradients(request):
    with torch.set_grad_enabled(request.param):
        yield request.param


@pytest.mark.parametrize("extent", [*EXTENTS, (1, 1)])
def test_channel_mean_is_the_mean_over_pixels(extent):
    pixels = random(2, 3, *extent)
    np.testing.assert_allclose(channel_mean(encode(pixels)), pixels.numpy().mean(axis=(2, 3)), atol=1e-14)


@pytest.mark.parametrize("extent", [*EXTENTS, (1, 1)])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.usefixtures("gradients")
def test_outside_training_it_is_torchs(extent, weighted, biased):
    arguments = (*statistics(3), random(3, seed=1) if weighted else None, random(3, seed=2) if biased else None)
    assert_commutes(
        lambda x: batch_norm(x, *arguments, eps=1e-3), lambda x: F.batch_norm(x, *arguments, eps=1e-3), extent
    )


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.usefixtures("gradients")
def test_in_training_it_is_torchs(extent, weighted, channels):
    affine = (random(channels, seed=1), random(channels, seed=2)) if weighted else (None, None)
    one, two = statistics(channels), statistics(channels)
    shift = 3 * random(channels, 1, 1, seed=3)
    mine = lambda x: batch_norm(encode(decode(x) + shift), *one, *affine, True, 0.3)  # noqa: E731
    theirs = lambda x: F.batch_norm(x + shift, *two, *affine, True, 0.3)  # noqa: E731
    for seed in range(2):
        assert_commutes(mine, theirs, extent, channels=channels, batch=3, seed=seed)
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_running_statistics_are_the_pixels_own():
    pixels = 2 * random(3, 4, 13, 9) + 5
    mean, variance = torch.zeros(4).double(), torch.ones(4).double()
    batch_norm(encode(pixels), mean, variance, training=True, momentum=0.25)
    values = pixels.numpy().transpose(1, 0, 2, 3).reshape(4, -1)
    np.testing.assert_allclose(mean, 0.25 * values.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(variance, 0.75 + 0.25 * values.var(axis=1, ddof=1), rtol=1e-12)


def test_variance_survives_a_large_mean():
    pixels = random(2, 3, 13, 9) + 1e5
    assert_commutes(
        lambda x: batch_norm(encode(decode(x) + 1e5), None, None, training=True),
        lambda x: F.batch_norm(x + 1e5, None, None, training=True),
        (13, 9),
    )
    variance = torch.zeros(3).double()
    batch_norm(encode(pixels), torch.zeros(3).double(), variance, training=True, momentum=1.0)
    np.testing.assert_allclose(variance, pixels.numpy().var(axis=(0, 2, 3), ddof=1), rtol=1e-9)


def test_several_blocks_vary_by_their_dc_too():
    """This is where 'set DC to zero' fails: blocks of one value each have no other coefficient."""
    pixels = torch.tensor([1.0, -1.0, 3.0, 5.0], dtype=torch.float64).repeat_interleave(8).expand(1, 1, 8, 32)
    variance = torch.zeros(1).double()
    batch_norm(encode(pixels), torch.zeros(1).double(), variance, training=True, momentum=1.0)
    assert variance.item() == pytest.approx(5 * 256 / 255, rel=1e-12)


@pytest.mark.parametrize("extent", [(8, 8), (13, 9)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [3, 8])
def test_gradients_are_torchs(extent, training, channels):
    inputs = [random(2, channels, *extent), random(channels, seed=1), random(channels, seed=2)]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    factors = random(2, channels, *extent, seed=3)
    one, two = statistics(channels), statistics(channels)
    result = decode(batch_norm(encode(inputs[0]), *one, *inputs[1:], training))
    expected = F.batch_norm(inputs[0], *two, *inputs[1:], training)
    for mine, theirs in zip(
        torch.autograd.grad(result, inputs, factors), torch.autograd.grad(expected, inputs, factors), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)


def test_gradcheck():
    inputs = [tensor.requires_grad_() for tensor in (random(2, 2, 3, 9), random(2, seed=1), random(2, seed=2))]
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: decode(batch_norm(encode(x), None, None, weight, bias, True)), inputs
    )


@pytest.mark.parametrize("extent", [(8, 16), (13, 9)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.usefixtures("gradients")
def test_the_input_is_overwritten_only_if_allowed(extent, training, inplace):
    x = encode(random(2, 8, *extent))
    kept, (mean, variance) = x.coefficients.clone(), statistics(8)
    expected = F.batch_norm(decode(x), mean.clone(), variance.clone(), training=training)
    result = batch_norm(x, mean, variance, training=training, inplace=inplace)
    torch.testing.assert_close(decode(result), expected)
    if not inplace or torch.is_grad_enabled():
        assert torch.equal(x.coefficients, kept)


def test_one_value_per_channel_has_no_variance():
    with pytest.raises(ValueError, match="in training needs more than one value per channel"):
        batch_norm(encode(torch.ones(1, 3, 1, 1)), None, None, training=True)


@pytest.mark.parametrize("given", [(None, None), (torch.zeros(3), None), (None, torch.ones(3))])
def test_outside_training_the_statistics_are_needed(given):
    with pytest.raises(ValueError, match="needs running_mean and running_var"):
        batch_norm(encode(torch.ones(1, 3, 8, 8)), *given)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_half_precision_does_not_overflow(dtype, training):
    """Sums of squares of a first layer's size are far beyond 65504; torch sums in float32, too."""
    pixels = (3 + 8 * torch.randn(8, 4, 96, 96, dtype=torch.float64)).to(dtype)
    statistics = [torch.zeros(4), torch.ones(4)], [torch.zeros(4), torch.ones(4)]
    weight, bias = torch.rand(4) + 0.5, torch.randn(4)
    result = batch_norm(encode(pixels), *statistics[0], weight, bias, training)
    expected = torch.nn.functional.batch_norm(pixels, *statistics[1], weight, bias, training)
    assert result.dtype == dtype
    size = expected.float().abs().max()
    assert (decode(result).float() - expected.float()).abs().max() < 0.03 * size
    for mine, theirs in zip(*statistics, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.02)


every_extent = pytest.mark.parametrize("extent", [(16, 8), (13, 9), (7, 5)])


@every_extent
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("weighted", [True, False])
def test_group_norm(extent, groups, weighted):
    affine = (random(6), random(6, seed=1)) if weighted else (None, None)
    shift = 3 * random(6, 1, 1, seed=3)
    assert_commutes(
        lambda x: group_norm(encode(decode(x) + shift), groups, *affine, 1e-3),
        lambda x: F.group_norm(x + shift, groups, *affine, 1e-3),
        extent,
        channels=6,
    )


def test_group_norm_of_sixteen_bits_and_of_indivisible_channels():
    pixels = (300 * random(2, 4, 13, 9)).half()
    result = group_norm(encode(pixels), 2)
    assert result.dtype == torch.float16
    torch.testing.assert_close(decode(result).float(), F.group_norm(pixels.float(), 2), rtol=0.01, atol=0.01)
    with pytest.raises(ValueError, match="4 channels do not divide into 3 groups"):
        group_norm(encode(pixels), 3)


@every_extent
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_instance_norm_and_its_running_statistics(extent, weighted, own):
    affine = (random(6), random(6, seed=1)) if weighted else (None, None)
    one, two = ((random(6, seed=5), random(6, seed=6).abs() + 0.1) for _ in range(2))
    for seed in range(2):
        assert_commutes(
            lambda x: instance_norm(x, *one, *affine, own, 0.3),
            lambda x: F.instance_norm(x, *two, *affine, own, 0.3),
            extent,
            channels=6,
            seed=seed,
        )
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)
    assert_commutes(
        lambda x: instance_norm(x, None, None, *affine),
        lambda x: F.instance_norm(x, None, None, *affine),
        extent,
        channels=6,
    )


@every_extent
def test_layer_norm(extent):
    affine = random(6), random(6, seed=1)
    assert_commutes(
        lambda x: layer_norm(permute(x, 0, 2, 3, 1), [6], *affine),
        lambda x: F.layer_norm(x.permute(0, 2, 3, 1), [6], *affine),
        extent,
        channels=6,
    )
    assert_commutes(lambda x: layer_norm(x, [6, *extent]), lambda x: F.layer_norm(x, [6, *extent]), extent, channels=6)


@every_extent
def test_gradients_of_group_normalisation_are_torchs(extent):
    pixels, weight = random(2, 6, *extent).requires_grad_(), random(6).requires_grad_()
    losses = (
        group_norm(encode(pixels), 3, weight).coefficients.pow(3).sum(),
        encode(F.group_norm(pixels, 3, weight)).coefficients.pow(3).sum(),
    )
    for one, two in zip(*(torch.autograd.grad(loss, (pixels, weight)) for loss in losses), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)
