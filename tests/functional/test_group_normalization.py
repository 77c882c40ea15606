"""Group, instance and layer normalisation, against torch."""

import pytest
import torch
import torch.nn.functional as F

from jpegdomain.functional import decode, encode, group_norm, instance_norm, layer_norm, permute
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9), (7, 5)]
every_extent = pytest.mark.parametrize("extent", EXTENTS)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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
def test_gradients_are_torchs(extent):
    pixels, weight = random(2, 6, *extent).requires_grad_(), random(6).requires_grad_()
    losses = (
        group_norm(encode(pixels), 3, weight).coefficients.pow(3).sum(),
        encode(F.group_norm(pixels, 3, weight)).coefficients.pow(3).sum(),
    )
    for one, two in zip(*(torch.autograd.grad(loss, (pixels, weight)) for loss in losses), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)
