"""Taking apart and stacking, against torch on pixels."""

import pytest
import torch

from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.functional import chunk, encode, permute, split, stack, unbind, unsqueeze
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9)]


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


def test_only_maps_alike_are_stacked():
    one, two = encode(torch.zeros(1, 3, 8, 8)), encode(torch.zeros(1, 3, 7, 8))
    with pytest.raises(ExtentMismatchError, match="different extents cannot be stacked: 7×8, 8×8"):
        stack([one, two])
    for other in (torch.zeros(1, 3, 8, 8), permute(one, 0, 2, 3, 1), unsqueeze(one, 0)):
        with pytest.raises(InputError, match="stack takes feature maps with the same axes only"):
            stack([one, other])
