"""assert_commutes itself: it must pass right layers and fail wrong ones, whatever is wrong with them."""

import pytest
import torch
import torch.nn.functional as F

from jpegdomain import Activation, decode, encode
from jpegdomain.functional import affine, asm_relu, global_avg_pool2d
from jpegdomain.geometry import Extent
from jpegdomain.testing import TOLERANCE, assert_commutes


def scaled(factor):
    return lambda x: Activation(x.coefficients * factor, x.extent)


def transposed(x):
    """Vertical and horizontal frequencies mixed up."""
    return encode(decode(x).unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 5).flatten(4).flatten(2, 3))


def test_right_layers_pass():
    assert_commutes(lambda x: x, lambda x: x, (13, 9))
    assert_commutes(asm_relu, torch.relu, (13, 9))
    assert_commutes(global_avg_pool2d, lambda x: F.adaptive_avg_pool2d(x, 1), (13, 9))
    assert_commutes(scaled(0.0), torch.zeros_like, (13, 9))


def test_the_tolerances_are_the_laws():
    assert TOLERANCE[torch.float64] == 1e-9
    assert TOLERANCE[torch.float32] == 1e-4


@pytest.mark.parametrize(
    "layer",
    [
        scaled(1 + 1e-8),
        lambda x: encode(decode(x).roll(1, 3)),
        lambda x: encode(decode(x) + 1e-7 * (torch.arange(9) == 4)),
        lambda x: Activation(x.coefficients.flip(1), x.extent),
        decode,
        lambda x: encode(decode(x, frequencies=14)),
    ],
)
def test_wrong_values_fail(layer):
    expected = (lambda x: x + 1e-7) if layer is decode else lambda x: x
    with pytest.raises(AssertionError, match="the layers disagree"):
        assert_commutes(layer, expected, (13, 9))


def test_mixed_up_frequencies_fail():
    with pytest.raises(AssertionError, match="the layers disagree"):
        assert_commutes(transposed, lambda x: x, (16, 16))


def test_pixels_outside_the_extent_fail():
    """Right inside, but a bias on the whole blocks: DC alone."""
    biased = lambda x: Activation(affine(x.coefficients, Extent(16, 16), None, torch.ones(3)), x.extent)  # noqa: E731
    with pytest.raises(AssertionError, match="pixels outside the extent 13×9 are not zero"):
        assert_commutes(biased, lambda x: x + 1, (13, 9))
    assert_commutes(biased, lambda x: x + 1, (16, 16))


def test_wrong_shapes_fail():
    with pytest.raises(AssertionError, match=r"shapes differ: \(2, 1, 13, 9\), expected \(2, 3, 13, 9\)"):
        assert_commutes(lambda x: Activation(x.coefficients[:, :1], x.extent), lambda x: x, (13, 9))
    with pytest.raises(AssertionError, match=r"shapes differ: \(2, 3, 13, 8\), expected \(2, 3, 13, 9\)"):
        assert_commutes(lambda x: encode(decode(x)[..., :8]), lambda x: x, (13, 9))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_fail(value):
    for layer in (scaled(value), lambda x: decode(x) * value):
        with pytest.raises(AssertionError):
            assert_commutes(layer, lambda x: x, (13, 9))
    with pytest.raises(AssertionError):
        assert_commutes(lambda x: x, lambda x: x * value, (13, 9))


def test_the_message_says_where_and_how_far():
    def off(x):
        pixels = decode(x).clone()
        pixels[1, 2, 12, 5] += 0.5
        return encode(pixels)

    with pytest.raises(AssertionError, match=r"\|difference\| 0\.5 > .* at \(1, 2, 12, 5\), extent 13×9"):
        assert_commutes(off, lambda x: x, (13, 9))


def test_the_tolerance_is_relative_to_what_is_expected():
    for size in (1e-6, 1e6):
        assert_commutes(scaled(size * (1 + 1e-10)), lambda x, size=size: size * x, (13, 9))
        with pytest.raises(AssertionError):
            assert_commutes(scaled(size * (1 + 1e-8)), lambda x, size=size: size * x, (13, 9))
        assert_commutes(scaled(size * (1 + 1e-8)), lambda x, size=size: size * x, (13, 9), tolerance=1e-7)


def test_dtype_batch_channels_and_seed_are_used():
    seen = []
    for seed in (0, 0, 1):
        assert_commutes(
            lambda x: x,
            lambda x: seen.append(x) or x,
            (5, 6),
            channels=4,
            batch=7,
            dtype=torch.float32,
            seed=seed,
        )
    assert all((x.shape, x.dtype) == ((7, 4, 5, 6), torch.float32) for x in seen)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    with pytest.raises(AssertionError):
        assert_commutes(scaled(1.001), lambda x: x, (5, 6), dtype=torch.float32)
    assert_commutes(scaled(1.00001), lambda x: x, (5, 6), dtype=torch.float32)
