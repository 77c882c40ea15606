"""Indexing, splitting and stacking, against torch on pixels."""

import pytest
import torch

from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.functional import (
    chunk,
    encode,
    getitem,
    kept_axes,
    permute,
    pixel_index,
    split,
    stack,
    takes_pixels,
    unbind,
    unsqueeze,
)
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9)]

# Index and where the pixel axes are afterwards, if the coefficients stay as they are.
DIRECT = [
    ((slice(None), 0), (1, 2)),
    ((1, slice(1, 3)), (1, 2)),
    ((0, -1), (0, 1)),
    (1, (1, 2)),
    (None, (3, 4)),
    ((slice(None), None, slice(1)), (3, 4)),
    ((..., None), (2, 3)),
    ((0, ..., slice(None)), (1, 2)),
    ((slice(None), slice(None), slice(None), None, slice(None)), (2, 4)),
    ((slice(1, None), 2, None), (2, 3)),
]


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(
    "index",
    [
        slice(1),
        (slice(None), slice(1, 3)),
        (slice(None), slice(None, None, 2)),
        (slice(1, 2), slice(2), slice(None), slice(None)),
        (slice(None), slice(None), slice(None, None, 2), slice(1, None, 2)),
        (slice(None), slice(None), slice(3, 5)),
        (..., slice(2, 7)),
        (..., slice(1, 4), slice(None)),
        torch.tensor([1, 0, 1]),
        (slice(None), torch.tensor([2, 0])),
        ...,
    ],
    ids=str,
)
def test_indexing(extent, index):
    assert_commutes(lambda x: getitem(x, index), lambda x: x[index], extent)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(("index", "axes"), DIRECT, ids=str)
def test_indexing_of_images_and_channels_keeps_the_coefficients(extent, index, axes):
    assert kept_axes(index) == axes
    assert_commutes(lambda x: getitem(x, index), lambda x: x[index], extent)
    x = encode(torch.randn(2, 3, *extent))
    assert getitem(x, index).coefficients.untyped_storage().data_ptr() == x.coefficients.untyped_storage().data_ptr()


def test_indexing_a_rearranged_map():
    assert_commutes(lambda x: getitem(unsqueeze(x, 1), (slice(None), 0, 1)), lambda x: x[:, 1], (13, 9))
    # Pixels are taken as an island.
    index = (slice(None), 0, slice(None), slice(2, 9), slice(None, None, 2))
    assert_commutes(lambda x: getitem(unsqueeze(x, 1), index), lambda x: x[:, :, 2:9, ::2], (13, 9))


@pytest.mark.parametrize("index", [(..., 3), (slice(None), 0, 1), (slice(None), slice(None), -1, slice(2))], ids=str)
def test_rows_and_columns_are_no_feature_maps(index):
    assert takes_pixels(index)
    assert kept_axes(index) is None
    assert_commutes(lambda x: pixel_index(x, index), lambda x: x[index], (13, 9))
    left = torch.zeros(2, 3, 9, 9)[index].dim()
    with pytest.raises(InputError, match=f"leaves {left} of the feature map's 4 axes: decode it first"):
        getitem(encode(torch.zeros(2, 3, 9, 9)), index)


@pytest.mark.parametrize("index", [0, slice(2), (slice(None), 1), ..., (..., slice(1, 3))], ids=str)
def test_other_indices_take_no_row_or_column(index):
    assert not takes_pixels(index)


def assert_parts_commute(mine, theirs, extent, channels, batch):
    tensor = torch.zeros(batch, channels, *extent)
    count = len(theirs(tensor))
    assert len(mine(encode(tensor))) == count
    for i in range(count):
        assert_commutes(lambda x, i=i: mine(x)[i], lambda x, i=i: theirs(x)[i], extent, channels=channels, batch=batch)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_chunks(extent, dim, parts):
    assert_parts_commute(lambda x: chunk(x, parts, dim), lambda x: x.chunk(parts, dim), extent, 7, 4)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(("sizes", "dim"), [(3, 1), ([1, 4, 2], -3), (1, 0), (5, 3), (4, 2)])
def test_splits(extent, sizes, dim):
    assert_parts_commute(lambda x: split(x, sizes, dim), lambda x: x.split(sizes, dim), extent, 7, 2)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("dim", [0, 1, -3])
def test_unbinding_and_stacking(extent, dim):
    assert_parts_commute(lambda x: unbind(x, dim), lambda x: x.unbind(dim), extent, 2, 2)
    for place in (dim, 2, 4, -1):
        assert_commutes(lambda x, p=place: stack([x, x], p), lambda x, p=place: torch.stack([x, x], p), extent)
    assert_commutes(lambda x: stack(unbind(x, 1), 1), lambda x: x, extent)
    channels_last = permute(encode(torch.randn(2, 3, *extent)), 0, 2, 3, 1)
    assert unbind(channels_last, -1)[0].shape == (2, *extent)


def test_only_maps_with_equal_axes_and_extents_are_stacked():
    one, two = encode(torch.zeros(1, 3, 8, 8)), encode(torch.zeros(1, 3, 7, 8))
    with pytest.raises(ExtentMismatchError, match="different extents cannot be stacked: 7×8, 8×8"):
        stack([one, two])
    for other in (torch.zeros(1, 3, 8, 8), permute(one, 0, 2, 3, 1), unsqueeze(one, 0)):
        with pytest.raises(InputError, match="stack takes feature maps with the same axes"):
            stack([one, other])
