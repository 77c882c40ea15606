"""ASM and APX: against torch where they are exact, against the pixel-by-pixel definition where they are not."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain import functional, nn, tensors
from jpegdomain.functional import decode, encode
from jpegdomain.testing import assert_commutes
from tests import oracle
from tests.oracle import TABLE

# A layer of torch.nn, its arguments, and the piece that a pixel gets: (value, value that decides) → result.
FUNCTIONS = {
    "ReLU": ((), lambda x, a: x if a > 0 else 0.0),
    "ReLU6": ((), lambda x, a: 6.0 if a >= 6 else x if a > 0 else 0.0),
    "Hardtanh": ((-0.3, 0.7), lambda x, a: 0.7 if a >= 0.7 else x if a > -0.3 else -0.3),
    "LeakyReLU": ((0.2,), lambda x, a: x if a > 0 else 0.2 * x),
    "PReLU": ((1, 0.25), lambda x, a: x if a > 0 else 0.25 * x),
    "RReLU": ((0.1, 0.5), lambda x, a: x if a > 0 else 0.3 * x),
    "Threshold": ((0.4, -2.0), lambda x, a: x if a > 0.4 else -2.0),
    "Hardshrink": ((0.4,), lambda x, a: x if abs(a) > 0.4 else 0.0),
    "Softshrink": ((0.4,), lambda x, a: x - 0.4 if a > 0.4 else x + 0.4 if a < -0.4 else 0.0),
    "Hardsigmoid": ((), lambda x, a: 1.0 if a >= 3 else x / 6 + 0.5 if a > -3 else 0.0),
}
SPREAD = 4.0
"""Factor of the random pixels, so that every piece of every function is met."""
SHAPES = [(2, 3, 13, 9), (1, 9, 16, 17)]


def random(*shape, seed=0):
    return SPREAD * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairs(name, **settings):
    arguments, _ = FUNCTIONS[name]
    spatial = getattr(torch.nn, name)(*arguments).double().eval()
    return getattr(nn, name)(*arguments, **settings).double().eval(), spatial


@pytest.fixture(params=[True, False], ids=["recording", "no_grad"])
def gradients(request):
    with torch.set_grad_enabled(request.param):
        yield request.param


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("method", ["asm", "apx"])
@pytest.mark.parametrize("channels", [3, 9])
@pytest.mark.usefixtures("gradients")
def test_15_frequencies_are_torchs_function(name, method, channels):
    layer, spatial = pairs(name, method=method)
    for extent in ((13, 9), (16, 24), (1, 1)):
        assert_commutes(
            lambda x: layer(functional.mul(x, SPREAD)),
            lambda x: spatial(SPREAD * x),
            extent,
            channels=channels,
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_masks_from_the_exact_value_give_the_function(name):
    layer, spatial = pairs(name)
    edges = torch.tensor([0.0, -0.0, 0.4, -0.4, -0.3, 0.7, 3, -3, 6, 1e300, -1e300], dtype=torch.float64)
    pixels = torch.cat([random(2, 1, 9, 7).flatten(), edges, torch.nextafter(edges, edges + 1)]).view(1, 1, 1, -1)
    pieces = layer.pieces(encode(pixels))
    torch.testing.assert_close(pieces.by_masks(pixels, pixels), spatial(pixels), rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(pieces.function(pixels), spatial(pixels), rtol=0, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("gradients")
def test_fewer_frequencies_choose_each_pixels_piece(name, shape):
    _, piece = FUNCTIONS[name]
    pixels = random(*shape)
    for n in (1, 4, 9, 14):
        low = oracle.truncated(pixels.numpy(), n)
        expected = {
            "asm": np.vectorize(piece, otypes=[float])(pixels.numpy(), low),
            "apx": np.vectorize(piece, otypes=[float])(low, low),
        }
        for method, values in expected.items():
            layer, _ = pairs(name, frequencies=n, method=method)
            result = layer(encode(pixels))
            np.testing.assert_allclose(result.coefficients.detach(), oracle.encode(values), rtol=0, atol=1e-11)


@pytest.mark.parametrize("frequencies", range(1, 16))
def test_asm_is_the_contraction_with_the_harmonic_mixing_tensor(frequencies):
    """Eqs. (18) to (20): quantised coefficients, the nonnegative mask of the truncated block, and H."""
    pixels = random(2, 3, 16, 8)
    steps = torch.from_numpy(TABLE)
    quantised = encode(pixels).coefficients.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)) / steps.view(8, 1, 8)
    blocks = tensors.to_zigzag(quantised.flatten(2, 3).flatten(3))
    masks = torch.from_numpy(oracle.truncated(pixels.numpy(), frequencies) > 0).double()
    masks = masks.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    mixed = tensors.from_zigzag(torch.einsum("bcxyk,kmnl,bcxymn->bcxyl", blocks, tensors.H(TABLE), masks))
    mixed = mixed * steps.repeat(2, 1)
    result = functional.asm_relu(encode(pixels), frequencies).coefficients
    torch.testing.assert_close(result, mixed, rtol=0, atol=1e-11)


@pytest.mark.parametrize("frequencies", [1, 6, 15])
def test_relu_by_name_is_the_layer(frequencies):
    pixels = random(1, 2, 9, 8)
    low = oracle.truncated(pixels.numpy(), frequencies)
    asm = functional.asm_relu(encode(pixels), frequencies)
    apx = functional.apx_relu(encode(pixels), frequencies)
    np.testing.assert_allclose(decode(asm), np.where(low > 0, pixels.numpy(), 0), atol=1e-12)
    np.testing.assert_allclose(decode(apx), np.maximum(low, 0), atol=1e-12)


@pytest.mark.parametrize("extent", [(13, 9), (16, 8)])
def test_pixels_are_multiplied_by_a_mask(extent):
    """Eq. (16)."""
    mask = random(3, *extent) > 0
    assert_commutes(lambda x: functional.mul(x, mask), lambda x: x * mask, extent)


@pytest.mark.parametrize("function", [torch.sigmoid, F.silu, F.gelu, torch.cos, lambda x: x + 1, F.hardswish])
@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.usefixtures("gradients")
def test_pointwise_functions_are_exact(function, channels):
    for extent in ((13, 9), (16, 8)):
        assert_commutes(lambda x: functional.pointwise(x, function), function, extent, channels=channels)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("channels", [3, 8])
def test_gradients_are_torchs(name, channels):
    layer, spatial = pairs(name)
    one = random(2, channels, 13, 9).requires_grad_()
    two = one.detach().clone().requires_grad_()
    factors = random(2, channels, 13, 9, seed=1)
    (decode(layer(encode(one))) * factors).sum().backward()
    (spatial(two) * factors).sum().backward()
    torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=1e-11)
    for mine, theirs in zip(layer.parameters(), spatial.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-11, atol=0)


@pytest.mark.parametrize("frequencies", [4, 15])
@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.parametrize("recording", [True, False])
def test_prelu_has_a_slope_per_channel(frequencies, channels, recording):
    layer = nn.PReLU(channels, frequencies=frequencies).double()
    layer.weight.data = torch.linspace(-1, 2, channels, dtype=torch.float64)
    pixels, slopes = random(2, channels, 13, 9), layer.weight.detach().view(-1, 1, 1)
    positive = torch.from_numpy(oracle.truncated(pixels.numpy(), frequencies)) > 0
    expected = torch.where(positive, pixels, slopes * pixels)
    with torch.set_grad_enabled(recording):
        result = decode(layer(encode(pixels)))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-11)
    if recording:
        result.sum().backward()
        per_channel = torch.where(positive, 0, pixels).sum(dim=(0, 2, 3))
        torch.testing.assert_close(layer.weight.grad, per_channel, rtol=1e-10, atol=0)


@pytest.mark.parametrize("frequencies", [4, 15])
@pytest.mark.parametrize("channels", [3, 9])
@pytest.mark.usefixtures("gradients")
def test_rrelu_draws_slopes_in_training(frequencies, channels):
    layer = nn.RReLU(0.2, 0.6, frequencies=frequencies)
    pixels = random(2, channels, 13, 9)
    positive = torch.from_numpy(oracle.truncated(pixels.numpy(), frequencies)) > 0
    ratios = decode(layer(encode(pixels))) / pixels
    torch.testing.assert_close(ratios[positive], torch.ones_like(ratios[positive]))
    slopes = ratios[~positive]
    assert slopes.min() >= 0.2 - 1e-9
    assert slopes.max() <= 0.6 + 1e-9
    assert slopes.std() == pytest.approx(0.4 / 12**0.5, rel=0.2)
    assert slopes.mean() == pytest.approx(0.4, rel=0.1)


def test_rrelus_gradient_is_the_slope_drawn():
    pixels = random(2, 3, 13, 9).requires_grad_()
    result = decode(nn.RReLU(0.2, 0.6)(encode(pixels)))
    result.sum().backward()
    torch.testing.assert_close(pixels.grad * pixels.detach(), result.detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("function", [functional.asm_relu, functional.apx_relu])
@pytest.mark.parametrize("frequencies", [0, 16])
@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.usefixtures("gradients")
def test_frequencies_outside_1_to_15(function, frequencies, channels):
    with pytest.raises(ValueError, match=f"frequencies must be 1…15, got {frequencies}"):
        function(encode(torch.zeros(1, channels, 8, 8)), frequencies)
