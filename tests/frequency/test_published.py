"""The sets of Xu et al., number by number as their released code and tables have them."""

import itertools

import pytest
import torch

from jpegdomain.errors import InputError
from jpegdomain.frequency import LEARNED_24, ChannelSet, all_channels, published, square, top, triangle

SIZES = [6, 12, 24, 32, 48, 64]

# fmt: off
SQUARES = {
    6: ([0, 1, 8, 9], [0]),
    12: ([0, 1, 2, 8, 9, 10, 16, 17], [0, 1]),
    24: ([0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27], [0, 1, 8, 9]),
    32: ([0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 16, 17, 18, 19, 20, 24, 25, 26, 27, 32, 33, 34], [0, 1, 2, 8, 9]),
    48: (
        [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29, 32, 33, 34, 35,
         40, 41, 42, 43],
        [0, 1, 2, 8, 9, 10, 16, 17],
    ),
    64: (
        [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29,
         32, 33, 34, 35, 36, 37, 40, 41, 42, 43, 44, 45, 48, 49, 50, 51, 52, 53],
        [0, 1, 2, 8, 9, 10, 16, 17, 24, 25],
    ),
}
# T.81 figure A.6: row-major numbers in zigzag order.
ZIGZAG = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
]
# fmt: on


def stacked(y, cb, cr):
    return (*y, *(64 + f for f in cb), *(128 + f for f in cr))


@pytest.mark.parametrize("size", SIZES)
def test_squares_are_those_of_the_released_code(size):
    luma, chroma = SQUARES[size]
    found = published(f"{size}S")
    assert found.indices == stacked(luma, chroma, chroma)
    assert found == square(size)
    assert (len(found), found.name, found.order) == (size, f"{size}S", "row-major")


@pytest.mark.parametrize("size", SIZES)
def test_triangles_take_the_lowest_spatial_frequencies_with_the_squares_shares(size):
    found = published(f"{size}T")
    assert found == triangle(size)
    assert (len(found), found.name, found.order) == (size, f"{size}T", "row-major")
    for kept, taken in zip(found.components, square(size).components, strict=True):
        assert len(kept) == len(taken)
        # By α+β; within a diagonal as the figure has it.
        by_sum = sorted(range(64), key=lambda f: (f // 8 + f % 8, ZIGZAG.index(f)))
        assert by_sum == ZIGZAG
        assert set(kept) == set(by_sum[: len(kept)])
        largest = max(f // 8 + f % 8 for f in kept)
        assert all(f in kept for f in range(64) if f // 8 + f % 8 < largest)


def test_the_learned_set_is_that_of_the_released_code():
    y = (0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 24, 32)
    chroma = (0, 1, 3, 8, 24)
    assert LEARNED_24.indices == stacked(y, chroma, chroma)
    assert LEARNED_24.components == (y, chroma, chroma)
    assert published("24D") is LEARNED_24
    assert len(LEARNED_24) == 24


def test_dct_192_keeps_everything():
    for found in (published("DCT-192"), all_channels(), square(192), triangle(192)):
        assert found.indices == tuple(range(192))
        assert found.name == "DCT-192"


@pytest.mark.parametrize("maker", [square, triangle])
def test_smaller_sets_are_part_of_larger_ones(maker):
    sets = [set(maker(size).indices) for size in (*SIZES, 192)]
    assert all(one < two for one, two in itertools.pairwise(sets))


@pytest.mark.parametrize(
    ("name", "scale", "size"),
    # Tables 1 (ResNet-50) and 2 (MobileNetV2), the normalised input size.
    [
        ("DCT-192", 2, 4.0),
        *((f"{channels}{shape}", 2, size) for channels, size in [(24, 0.5), (48, 1.0), (64, 1.3)] for shape in "ST"),
        ("24D", 2, 0.5),
        ("6S", 4, 0.5),
        ("12S", 4, 1.0),
        ("24S", 4, 2.0),
        ("32S", 4, 2.7),
    ],
)
def test_relative_sizes_are_those_of_the_tables(name, scale, size):
    found = published(name).relative_size(scale)
    assert round(found, 1) == size
    side = 8 * 28
    assert found == pytest.approx(len(published(name)) * (scale * side // 8) ** 2 / (3 * side * side))


def test_relative_size_is_by_default_that_of_resnet():
    assert published("24S").relative_size() == 0.5
    assert published("DCT-192").relative_size(1) == 1


@pytest.mark.parametrize("order", ["row-major", "zigzag"])
def test_top_keeps_the_highest_scores(order):
    scores = torch.rand(192, generator=torch.Generator().manual_seed(0))
    found = top(scores, 10, order, "mine")
    best = sorted(range(192), key=lambda i: -scores[i].item())[:10]
    expected = [64 * (i // 64) + (ZIGZAG[i % 64] if order == "zigzag" else i % 64) for i in best]
    assert sorted(found.indices) == sorted(expected)
    assert (found.order, found.name, len(found)) == (order, "mine", 10)


def test_equal_scores_go_to_the_lower_number():
    scores = torch.zeros(192)
    scores[100] = 1
    assert top(scores, 3) == ChannelSet((0, 1), (36,))
    assert top(torch.ones(192), 192) == all_channels()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: square(7), "sets of 6, 12, 24, 32, 48, 64 and 192 channels, got 7"),
        (lambda: triangle(23), "sets of 6, 12, 24, 32, 48, 64 and 192 channels, got 23"),
        (lambda: published("24X"), "got '24X'"),
        (lambda: published("S"), "got 'S'"),
        (lambda: published(""), "DCT-192, 24D, or one of 6, 12, 24, 32, 48, 64 followed by S or T"),
        (lambda: published("25T"), "sets of 6, 12, 24, 32, 48, 64 and 192 channels, got 25"),
        (lambda: top(torch.zeros(3, 64), 5), r"192 channels, got the shape \(3, 64\)"),
        (lambda: top(torch.zeros(192), 0), "1…192, got 0"),
        (lambda: top(torch.zeros(192), 193), "1…192, got 193"),
        (lambda: top(torch.zeros(192), 2.5), "1…192, got 2.5"),
        (lambda: top(torch.full((192,), float("nan")), 3), "scores must be numbers, got NaN for 192 channels"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
