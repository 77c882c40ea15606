"""Channel sets: numbers in two orders, masks, JSON, print, and what is refused."""

import json
import pickle

import numpy as np
import pytest
import torch

from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, published

from .test_published import ZIGZAG

NAMES = ["6S", "12S", "24S", "32S", "48S", "64S", "6T", "12T", "24T", "32T", "48T", "64T", "24D", "DCT-192"]


def test_channels_are_stacked_by_component_in_rising_numbers_of_the_order():
    # Zigzag 0, 2, 3, 63 are the row-major 0, 8, 16, 63.
    zigzag = ChannelSet((63, 3, 2, 0), (3,), (2,), "zigzag")
    assert zigzag.components == ((0, 2, 3, 63), (3,), (2,))
    assert zigzag.indices == (0, 8, 16, 63, 64 + 16, 128 + 8)
    # Zigzag 5 is row-major 2, and comes after 4, which is row-major 9.
    assert ChannelSet((4, 5), order="zigzag").indices == (9, 2)
    assert ChannelSet((9, 2)).indices == (2, 9)
    assert ChannelSet((), (), (1,)).indices == (129,)


def test_every_zigzag_number_is_the_standards():
    for number, row_major in enumerate(ZIGZAG):
        assert ChannelSet((number,), order="zigzag").indices == (row_major,)
        assert ChannelSet((row_major,)).in_order("zigzag").y == (number,)


@pytest.mark.parametrize("name", NAMES)
def test_changing_the_order_and_back_keeps_the_channels(name):
    given = published(name)
    zigzag = given.in_order("zigzag")
    assert zigzag.order == "zigzag"
    assert set(zigzag.indices) == set(given.indices)
    assert list(zigzag.indices) == sorted(given.indices, key=lambda i: (i // 64, ZIGZAG.index(i % 64)))
    assert torch.equal(zigzag.mask(), given.mask())
    assert zigzag.in_order("row-major") == given
    assert zigzag.in_order("zigzag") == zigzag
    assert zigzag.name == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["row-major", "zigzag"])
def test_json_is_read_back(name, order):
    given = published(name).in_order(order)
    read = ChannelSet.from_dict(json.loads(json.dumps(given.to_dict())))
    assert read == given
    assert (read.name, read.indices) == (name, given.indices)
    assert pickle.loads(pickle.dumps(given)) == given


def test_json_names_the_order_and_the_components():
    described = {"name": "mine", "order": "zigzag", "Y": [0, 2], "Cb": [], "Cr": [5]}
    assert ChannelSet((2, 0), (), (5,), "zigzag", "mine").to_dict() == described
    del described["name"]
    assert ChannelSet.from_dict(described).name == ""


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.float64])
def test_masks_have_a_place_for_every_frequency(dtype):
    given = ChannelSet((1, 2), (7,), (63,), "zigzag")
    # Zigzag 1 is horizontal, 2 vertical, 7 is (1, 2).
    expected = np.zeros((3, 8, 8))
    for component, alpha, beta in [(0, 0, 1), (0, 1, 0), (1, 1, 2), (2, 7, 7)]:
        expected[component, alpha, beta] = 1
    mask = given.mask(dtype)
    assert mask.dtype == dtype
    np.testing.assert_array_equal(mask.numpy(), expected.astype(mask.numpy().dtype))
    assert mask.flatten().nonzero()[:, 0].tolist() == sorted(given.indices)


@pytest.mark.parametrize("order", ["row-major", "zigzag"])
def test_sets_are_made_from_channel_numbers(order):
    given = published("24D").in_order(order)
    numbers = [64 * c + f for c, kept in enumerate(given.components) for f in kept]
    for indices in (numbers, reversed(numbers), np.array(numbers), torch.tensor(numbers)):
        assert ChannelSet.of_indices(indices, order, "mine") == given
    assert ChannelSet.of_indices(numbers, order, "mine").name == "mine"


def test_equality_looks_at_channels_and_order_not_at_names():
    one, two = ChannelSet((0, 1), name="one"), ChannelSet((1, 0), name="two")
    assert one == two
    assert hash(one) == hash(two)
    # DC is 0 in both orders, but the sets stack by different ones.
    assert ChannelSet((0,)) != ChannelSet((0,), order="zigzag")
    assert ChannelSet((0,)) != ChannelSet((), (0,))
    assert one != "one"


def test_a_set_prints_as_three_grids():
    lines = str(published("24D")).splitlines()
    assert lines[0] == "24D: 24 of 192 channels, numbered row-major"
    assert lines[1] == " Y: 14              Cb: 5              Cr: 5"
    assert lines[2] == " ■ ■ ■ ■ ■ ■ · ·    ■ ■ · ■ · · · ·    ■ ■ · ■ · · · ·"
    assert lines[3] == " ■ ■ ■ · · · · ·    ■ · · · · · · ·    ■ · · · · · · ·"
    assert lines[6] == " ■ · · · · · · ·    · · · · · · · ·    · · · · · · · ·"
    assert len(lines) == 10
    assert str(ChannelSet((0,), order="zigzag")).startswith("1 of 192 channels, numbered zigzag\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChannelSet(()), "must keep at least one channel, got none"),
        (lambda: ChannelSet((0, 64)), r"of Y must be 0…63, got \[64\]"),
        (lambda: ChannelSet((), (-1,)), r"of Cb must be 0…63, got \[-1\]"),
        (lambda: ChannelSet((0,), (), (3, 4, 3)), "of Cr is repeated"),
        (lambda: ChannelSet((0.5,)), r"of Y must be whole numbers, got \(0.5,\)"),
        (lambda: ChannelSet((0,), ("1",)), "of Cb must be whole numbers"),
        (lambda: ChannelSet(5), "of Y must be whole numbers, got 5"),
        (lambda: ChannelSet((0,), order="raster"), "'row-major' or 'zigzag', got 'raster'"),
        (lambda: ChannelSet((0,)).in_order("raster"), "'row-major' or 'zigzag', got 'raster'"),
        (lambda: ChannelSet.of_indices([192]), "numbers must be 0…191, got 192"),
        (lambda: ChannelSet.of_indices([-1]), "numbers must be 0…191, got -1"),
        (lambda: ChannelSet.of_indices([2.5]), "numbers must be 0…191, got 2.5"),
        (lambda: ChannelSet.of_indices([65, 65]), "of Cb is repeated"),
        (lambda: ChannelSet.of_indices([]), "at least one channel"),
        (lambda: ChannelSet.of_indices([0], "raster"), "'row-major' or 'zigzag'"),
        (
            lambda: ChannelSet.from_dict({"order": "zigzag", "Y": [0], "Cb": []}),
            "a channel set needs order, Y, Cb and Cr",
        ),
        (lambda: ChannelSet.from_dict({"Y": [0], "Cb": [], "Cr": []}), "KeyError.*order"),
        (lambda: ChannelSet.from_dict({"order": "zigzag", "Y": 0, "Cb": [], "Cr": []}), "a channel set needs"),
        (lambda: ChannelSet.from_dict({"order": "zigzag", "Y": ["a"], "Cb": [], "Cr": []}), "whole numbers"),
        (lambda: ChannelSet.from_dict([1, 2]), "a channel set needs"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
