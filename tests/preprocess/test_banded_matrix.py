"""Maps of one axis against numpy on dense matrices and lines of samples."""

import pickle

import numpy as np
import pytest

from jpegdomain.errors import InputError
from jpegdomain.preprocess import BandedMatrix


def random_map(size, out, taps, seed):
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, size - taps + 1, out).astype(np.int32)
    return BandedMatrix(size, starts, generator.normal(size=(out, taps)))


def matrix(axis):
    """One entry at a time."""
    result = np.zeros((axis.out, axis.size))
    for o in range(axis.out):
        for t in range(axis.taps):
            result[o, axis.starts[o] + t] += axis.weights[o, t]
    return result


MAPS = [random_map(13, 7, 4, 0), random_map(9, 20, 1, 1), random_map(5, 6, 5, 2), BandedMatrix.identity(8)]


@pytest.mark.parametrize("axis", MAPS, ids=repr)
def test_dense_apply_and_sums_are_the_definition(axis):
    line = np.random.default_rng(3).normal(size=axis.size)
    np.testing.assert_allclose(axis.dense(), matrix(axis), atol=1e-15)
    np.testing.assert_allclose(axis.apply(line), matrix(axis) @ line, atol=1e-12)
    np.testing.assert_allclose(axis.sums(), matrix(axis).sum(1), atol=1e-12)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (random_map(7, 5, 3, 4), MAPS[0]),
        (random_map(20, 4, 9, 5), MAPS[1]),
        (random_map(6, 9, 2, 6), MAPS[2]),
        (random_map(8, 3, 8, 7), BandedMatrix.identity(8)),
        (random_map(4, 3, 2, 8), BandedMatrix.identity(9).crop(3, 5)),
        (random_map(6, 9, 2, 9), MAPS[0].flip()),
        (random_map(11, 9, 4, 10), MAPS[0].pad(2, 2)),
    ],
)
def test_composition_is_the_product_of_the_matrices(outer, inner):
    expected = matrix(outer) @ matrix(inner)[: outer.size]
    np.testing.assert_allclose(matrix(outer @ inner), expected, atol=1e-12)


def test_composition_needs_enough_samples():
    with pytest.raises(InputError, match="needs more samples"):
        _ = BandedMatrix.identity(8) @ BandedMatrix.identity(7)


@pytest.mark.parametrize("axis", MAPS, ids=repr)
@pytest.mark.parametrize(("start", "length"), [(0, 3), (2, 4), (-2, 5), (3, 30), (-40, 3), (-3, 60)])
def test_crop_is_zero_outside(axis, start, length):
    expected = np.zeros((length, axis.size))
    for row in range(length):
        if 0 <= start + row < axis.out:
            expected[row] = matrix(axis)[start + row]
    np.testing.assert_array_equal(matrix(axis.crop(start, length)), expected)


@pytest.mark.parametrize("axis", MAPS, ids=repr)
def test_flip_reverses_the_rows(axis):
    np.testing.assert_array_equal(matrix(axis.flip()), matrix(axis)[::-1])


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 1), (0, 4), (-1, 2), (-2, -1)])
def test_pad_is_numpys(mode, before, after):
    axis = MAPS[0]
    padded = np.pad(matrix(axis), [(max(before, 0), max(after, 0)), (0, 0)], mode)
    expected = padded[max(-before, 0) : len(padded) - max(-after, 0)]
    np.testing.assert_array_equal(matrix(axis.pad(before, after, mode)), expected)


def test_pad_refuses_what_numpy_would_repeat():
    with pytest.raises(ValueError, match="7 samples by 7, at most by 6"):
        MAPS[0].pad(7, 0, "reflect")
    with pytest.raises(ValueError, match="'circular'"):
        MAPS[0].pad(1, 0, "circular")


def test_outputs_that_read_nothing_do_not_widen_the_window():
    axis = BandedMatrix.identity(100).crop(60, 20).pad(5, 5)
    assert axis.window() == (60, 80)
    assert (random_map(30, 4, 3, 0) @ axis).window()[0] >= 60
    line = np.random.default_rng(0).normal(size=100)
    np.testing.assert_array_equal(axis.within(60, 20).apply(line[60:80]), axis.apply(line))


def test_arrays_cannot_be_written_and_are_checked():
    again = pickle.loads(pickle.dumps(MAPS[0]))
    np.testing.assert_array_equal(again.dense(), MAPS[0].dense())
    with pytest.raises(ValueError, match="read-only"):
        again.weights[0] = 1
    with pytest.raises(InputError, match="reaches outside the input of 3"):
        BandedMatrix(3, np.array([1], np.int32), np.ones((1, 3)))
    with pytest.raises(InputError, match="int32"):
        BandedMatrix(3, np.array([1]), np.ones((1, 3)))
    with pytest.raises(InputError, match="none empty"):
        BandedMatrix(3, np.zeros(0, np.int32), np.ones((0, 3)))
