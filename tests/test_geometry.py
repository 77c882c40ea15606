"""Extents, windows and sampling factors, by counting."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from jpegdomain.errors import ExtentMismatchError
from jpegdomain.geometry import (
    Extent,
    Window,
    block_count,
    component_extent,
    padded_size,
    pair,
    window_output,
)

from .oracle import output_size


@pytest.mark.parametrize(
    ("size", "blocks", "padded"), [(1, 1, 8), (7, 1, 8), (8, 1, 8), (9, 2, 16), (28, 4, 32), (224, 28, 224)]
)
def test_blocks_of_a_size(size, blocks, padded):
    assert block_count(size) == blocks
    assert padded_size(size) == padded


def test_extent():
    extent = Extent(33, 8)
    assert extent.blocks == (5, 1)
    assert extent.canvas == (40, 8)
    assert not extent.whole
    assert Extent(40, 8).whole
    assert not Extent(40, 9).whole
    assert str(extent) == "33×8"
    assert extent == (33, 8)


def test_pair():
    assert pair(3) == (3, 3)
    assert pair((4,)) == (4, 4)
    assert pair([5, 6]) == (5, 6)
    assert pair(torch.Size((2, 1))) == (2, 1)


@pytest.mark.parametrize(
    ("factors", "largest", "expected"),
    [
        ((2, 2), (2, 2), (227, 149)),
        ((1, 1), (2, 2), (114, 75)),
        ((1, 1), (1, 2), (227, 75)),
        ((1, 1), (2, 1), (114, 149)),
        ((1, 1), (1, 4), (227, 38)),
        ((2, 1), (4, 3), (114, 50)),
    ],
)
def test_component_extent_by_t81_a11(factors, largest, expected):
    assert component_extent(Extent(227, 149), factors, largest) == expected


def test_window_output_is_the_number_of_places():
    sizes = itertools.product([1, 7, 8, 9, 33], [1, 2, 3, 7], [1, 2, 3], [(0, 0), (1, 1), (3, 2), (0, 4)], [1, 2])
    checked = 0
    for size, kernel, stride, padding, dilation in sizes:
        expected = output_size(size, kernel, stride, padding, dilation)
        if expected:
            assert window_output(size, kernel, stride, padding, dilation) == expected
            checked += 1
        else:
            with pytest.raises(ExtentMismatchError, match="too small for this network"):
                window_output(size, kernel, stride, padding, dilation)
    assert checked > 300


def test_a_window_that_does_not_fit_says_by_how_much():
    with pytest.raises(
        ExtentMismatchError, match="a window of 7 samples does not fit into 3 samples padded by 1 and 2"
    ):
        Window.of(4, padding=((1, 2), (1, 2)), dilation=2).output(Extent(3, 30))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 5)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("padding", [0, 2, (1, 3), "same", "valid"])
def test_window_reads_its_arguments_as_torch_does(kernel, dilation, padding):
    pixels, weight = torch.randn(1, 1, 17, 19), torch.randn(1, 1, *kernel)
    expected = F.conv2d(pixels, weight, padding=padding, dilation=dilation)
    window = Window.of(kernel, 1, padding, dilation)
    (top, bottom), (left, right) = window.padding
    same = F.conv2d(F.pad(pixels, (left, right, top, bottom)), weight, dilation=window.dilation)
    torch.testing.assert_close(same, expected)
    assert window.output(Extent(17, 19)) == expected.shape[2:]


def test_window_takes_a_padding_of_one_number_in_a_sequence():
    assert Window.of(3, padding=(1,)) == Window.of(3, padding=1)


def test_window_takes_four_paddings():
    assert Window.of(3, padding=((0, 1), (2, 3))).padding == ((0, 1), (2, 3))


def test_window_refuses_unknown_paddings():
    with pytest.raises(ValueError, match="'same' or 'valid'; got 'full'"):
        Window.of(3, padding="full")
    with pytest.raises(ValueError, match="padding='same' needs a stride of 1"):
        Window.of(3, (1, 2), "same")


def test_pointwise_and_symmetric():
    assert Window.of(1, dilation=3).pointwise
    assert not Window.of(1, stride=2).pointwise
    assert not Window.of(1, padding=1).pointwise
    assert not Window.of((1, 2)).pointwise
    assert Window.of(3, padding=(1, 2)).symmetric_padding == (1, 2)
    assert Window.of(3, padding=((1, 1), (1, 2))).symmetric_padding is None
    assert Window.of(3, padding=((0, 1), (1, 1))).symmetric_padding is None


@pytest.mark.parametrize(
    ("kernel", "stride"), [(1, 1), (1, 2), (2, 2), (3, 1), (3, 2), (7, 2), (5, 3), (9, 1), (11, 4)]
)
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (3, 3), (2, 0), (9, 1)])
@pytest.mark.parametrize("dilation", [1, 3])
def test_reach_is_every_block_that_a_tap_falls_on(kernel, stride, padding, dilation):
    window = Window((1, kernel), (1, stride), ((0, 0), padding), (1, dilation))
    x = 5
    touched = {
        (stride * (8 * x + u) + dilation * t - padding[0]) // 8 - stride * x for u in range(8) for t in range(kernel)
    }
    assert window.reach(1) == (min(touched), max(touched))
    assert window.reach(0) == (0, 0)
