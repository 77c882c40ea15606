"""Permuting, splitting and merging axes, against torch on pixels."""

import pytest
import torch

from jpegdomain.activation import Activation
from jpegdomain.errors import ExtentMismatchError
from jpegdomain.functional import (
    decode,
    encode,
    expand,
    expand_as,
    flatten,
    merge,
    mul,
    permute,
    reshape,
    split_axes,
    squeeze,
    transpose,
    unsqueeze,
)
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9), (9, 13), (1, 1), (1, 9)]
every_extent = pytest.mark.parametrize("extent", EXTENTS)


@every_extent
@pytest.mark.parametrize(
    "order", [(0, 2, 3, 1), (0, 3, 2, 1), (1, 0, 2, 3), (2, 3, 0, 1), (0, 1, 3, 2), (3, 0, 1, 2), (0, -2, -1, 1)]
)
def test_every_permutation_is_one_of_the_coefficients(extent, order):
    assert_commutes(lambda x: permute(x, *order), lambda x: x.permute(order), extent)
    assert_commutes(lambda x: permute(x, order), lambda x: x.permute(order), extent)
    back = [[dim % 4 for dim in order].index(axis) for axis in range(4)]
    assert_commutes(lambda x: permute(permute(x, order), back), lambda x: x, extent)


@every_extent
@pytest.mark.parametrize("dims", [(0, 1), (1, 2), (2, 3), (-1, 1), (1, 1)])
def test_transposition(extent, dims):
    assert_commutes(lambda x: transpose(x, *dims), lambda x: x.transpose(*dims), extent)


def test_exchanged_pixel_axes_exchange_the_extent():
    x = permute(encode(torch.randn(2, 3, 13, 9)), 0, 1, 3, 2)
    assert isinstance(x, Activation)
    assert x.extent == (9, 13)


@every_extent
@pytest.mark.parametrize("dim", [0, 1, 2, 3, 4, -1, -2, -5])
def test_inserting_an_axis(extent, dim):
    assert_commutes(lambda x: unsqueeze(x, dim), lambda x: x.unsqueeze(dim), extent)


@every_extent
@pytest.mark.parametrize("dim", [0, 1, -4, 2, -1, (0, 1), (0, 3)])
def test_dropping_an_axis(extent, dim):
    assert_commutes(lambda x: squeeze(x, dim), lambda x: x.squeeze(dim), extent, channels=1, batch=1)
    assert_commutes(lambda x: squeeze(x, dim), lambda x: x.squeeze(dim), extent)


@every_extent
def test_dropping_all_axes_of_size_one(extent):
    assert_commutes(squeeze, torch.squeeze, extent, channels=1)
    assert_commutes(lambda x: squeeze(unsqueeze(x, 1), 1), lambda x: x, extent)


def shuffled(x, groups=3):
    n, c, h, w = x.shape
    mine = isinstance(x, Activation)
    shaped = split_axes if mine else torch.reshape
    moved = (transpose if mine else torch.transpose)(shaped(x, (n, groups, c // groups, h, w)), 1, 2)
    return shaped(moved, (n, c, h, w))


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@every_extent
def test_channel_shuffle_is_a_permutation_of_coefficients(extent, memory):
    def mine(x):
        x = Activation(x.coefficients.contiguous(memory_format=memory), x.extent)
        result = shuffled(x)
        assert isinstance(result, Activation)
        order = [group * 4 + channel for channel in range(4) for group in range(3)]
        assert torch.equal(result.coefficients, x.coefficients[:, order])
        return result

    assert_commutes(mine, shuffled, extent, channels=12)


@every_extent
@pytest.mark.parametrize("back", [(2, 12), (2, 4, 3), (2, 3, 2, 2)])
def test_groups_of_channels_split_and_merge(extent, back):
    sizes = (*back, *extent)
    assert_commutes(
        lambda x: split_axes(split_axes(x, 2, 2, -1, *extent), sizes), lambda x: x.reshape(sizes), extent, channels=12
    )


@every_extent
def test_channels_last_splits_into_heads(extent):
    sizes = (2, *extent, 4, 3)
    assert_commutes(
        lambda x: split_axes(permute(x, 0, 2, 3, 1), sizes),
        lambda x: x.permute(0, 2, 3, 1).reshape(sizes),
        extent,
        channels=12,
    )


@every_extent
def test_pixel_shuffle_by_hand(extent):
    height, width = extent
    steps = (2, 3, 2, 2, height, width), (0, 1, 4, 2, 5, 3), (2, 3, 2 * height, 2 * width)
    assert_commutes(
        lambda x: split_axes(permute(split_axes(x, steps[0]), steps[1]), steps[2]),
        lambda x: torch.nn.functional.pixel_shuffle(x, 2),
        extent,
        channels=12,
    )


@every_extent
def test_space_to_depth_by_hand(extent):
    height, width = extent
    sizes = (2, 3, height, 2, width, 2), (0, 3, 5, 1, 2, 4), (2, 12, height, width)
    assert_commutes(
        lambda x: split_axes(permute(split_axes(x, sizes[0]), sizes[1]), sizes[2]),
        lambda x: x.reshape(sizes[0]).permute(sizes[1]).reshape(sizes[2]),
        (2 * height, 2 * width),
    )


@every_extent
def test_merging_other_axes(extent):
    assert_commutes(lambda x: merge(x, 0, 1), lambda x: x.flatten(0, 1), extent)
    assert_commutes(lambda x: merge(unsqueeze(x, 1), 1, 2), lambda x: x, extent)


def test_flattening_and_reshaping_leave_the_transform_domain():
    assert_commutes(lambda x: flatten(x, 1), lambda x: x.flatten(1), (13, 9))
    assert_commutes(flatten, torch.flatten, (13, 9))
    assert_commutes(lambda x: flatten(x, 2, 3), lambda x: x.flatten(2, 3), (13, 9))
    assert_commutes(lambda x: reshape(x, 2, -1), lambda x: x.reshape(2, -1), (13, 9))
    assert_commutes(lambda x: reshape(x, (2, 3, -1)), lambda x: x.reshape(2, 3, -1), (13, 9))
    assert_commutes(lambda x: reshape(x, torch.Size([6]), -1), lambda x: x.reshape(6, -1), (13, 9))


def test_flattening_a_rearranged_map():
    assert_commutes(lambda x: flatten(permute(x, 0, 2, 3, 1), 1, 2), lambda x: x.flatten(2).transpose(1, 2), (13, 9))


def test_expansion():
    assert_commutes(lambda x: expand(x, 2, 3, -1, -1), lambda x: x.expand(2, 3, -1, -1), (13, 9), channels=1)
    factors = torch.rand(2, 3, 1, 1, dtype=torch.float64)
    assert_commutes(lambda x: mul(x, expand_as(factors, x)), lambda x: x * factors, (13, 9))
    # One factor for all pixels needs no transform.
    x = encode(torch.rand(2, 3, 13, 9, dtype=torch.float64))
    assert torch.equal(mul(x, expand_as(factors, x)).coefficients, x.coefficients * factors)


def test_a_rearranged_map_answers_like_a_tensor():
    pixels = torch.randn(2, 3, 13, 9, dtype=torch.float64)
    x, tensor = permute(encode(pixels), 0, 2, 3, 1), pixels.permute(0, 2, 3, 1)
    assert isinstance(x, Activation)
    assert (x.shape, x.size(), x.size(1), x.dim(), x.ndim) == (tensor.shape, tensor.shape, 13, 4, 4)
    assert (x.dtype, x.device, len(x)) == (tensor.dtype, tensor.device, 2)
    assert repr(x) == "Activation(shape=(2, 13, 9, 3), axes=(1, 2), dtype=torch.float64, device=cpu)"
    torch.testing.assert_close(decode(x), tensor)


@pytest.mark.parametrize("axes", [(0, 1), (2, 1), (1, 4), (-2, -1)])
def test_a_rearranged_map_lies_on_its_extents_blocks(axes):
    with pytest.raises(ExtentMismatchError, match=r"need the size \(16, 16\) along the axes"):
        Activation(torch.zeros(2, 16, 16, 3), (13, 9), axes)
