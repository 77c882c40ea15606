"""J and J̃ in place, the constant image and the cut, against loops; both where gradients are recorded and where not."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from jpegdomain import Activation
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.functional import affine, apx_relu, asm_relu, constant_image, cut, decode, encode, low_pass
from jpegdomain.functional.pixels import map_pixels
from jpegdomain.geometry import Extent
from jpegdomain.testing import assert_commutes
from tests import oracle

EXTENTS = [(8, 8), (16, 24), (7, 5), (33, 8), (1, 1), (28, 13)]
CHANNELS = [1, 3, 8, 17]
MANY = (2, 64, 97, 131)
"""So many elements that no implementation takes them in one piece."""


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(actual, expected):
    np.testing.assert_allclose(actual.detach(), expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


@pytest.fixture(params=[True, False], ids=["recording", "no_grad"])
def gradients(request):
    with torch.set_grad_enabled(request.param):
        yield request.param


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.usefixtures("gradients")
def test_encode_and_decode_are_the_standards_formulas(extent, channels):
    pixels = random(2, channels, *extent)
    kept = pixels.clone()
    activation = encode(pixels)
    assert activation.extent == extent
    assert activation.shape == pixels.shape
    close(activation.coefficients, oracle.encode(pixels.numpy()))
    close(decode(activation), pixels.numpy())
    assert torch.equal(pixels, kept)


@pytest.mark.parametrize("requires_grad", [True, False])
def test_many_elements(requires_grad):
    pixels = random(*MANY).requires_grad_(requires_grad)
    activation = encode(pixels)
    close(activation.coefficients, oracle.encode(pixels.detach().numpy()))
    close(decode(activation), pixels.detach().numpy())


@pytest.mark.parametrize("frequencies", range(1, 16))
def test_decode_of_the_lowest_frequencies(frequencies):
    pixels = random(1, 2, 12, 17)
    close(decode(encode(pixels), frequencies=frequencies), oracle.truncated(pixels.numpy(), frequencies))


@pytest.mark.parametrize("channels", [3, 8])
def test_memory_formats(channels):
    pixels = random(2, channels, 16, 9)
    expected = oracle.encode(pixels.numpy())
    for same in (
        pixels.contiguous(memory_format=torch.channels_last),
        pixels.transpose(2, 3).contiguous().transpose(2, 3),
        pixels.repeat(1, 2, 1, 1)[:, :channels],
        pixels[:, :, :, ::1].flip(0).flip(0),
    ):
        close(encode(same).coefficients, expected)
        close(decode(Activation(encode(same).coefficients.contiguous(), Extent(16, 9))), pixels.numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtypes_are_kept(dtype):
    pixels = random(1, 8, 9, 9).to(dtype)
    assert encode(pixels).dtype == dtype
    assert decode(encode(pixels)).dtype == dtype
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 0.1}[dtype]
    torch.testing.assert_close(decode(encode(pixels)), pixels, atol=tolerance, rtol=0)


@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.usefixtures("gradients")
def test_an_empty_batch_gives_an_empty_batch(channels):
    assert decode(encode(torch.zeros(0, channels, 9, 8))).shape == (0, channels, 9, 8)


@pytest.mark.parametrize("channels", [2, 8])
def test_gradients_of_encode_and_decode(channels):
    pixels = random(1, channels, 7, 9).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: encode(x).coefficients, pixels)
    coefficients = encode(pixels).coefficients.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: decode(Activation(x, Extent(7, 9)), frequencies=6), coefficients)


@pytest.mark.parametrize("value", [torch.zeros(8), torch.zeros(1, 1, 8, 8, dtype=torch.uint8), [[1.0]]])
def test_encode_takes_floating_point_images_only(value):
    with pytest.raises(InputError, match=r"encode takes a floating-point tensor \(n, c, h, w\), got "):
        encode(value)


def test_decode_takes_activations_only():
    with pytest.raises(InputError, match=r"decode takes an Activation, got a tensor of shape \(1, 1, 8, 8\)"):
        decode(torch.zeros(1, 1, 8, 8))


def test_an_activation_lies_on_its_extents_grid():
    with pytest.raises(ExtentMismatchError, match=r"extent 9×8 need the size \(16, 8\) along the axes \(-2, -1\)"):
        Activation(torch.zeros(1, 1, 8, 8), Extent(9, 8))


def test_low_pass_keeps_the_published_counts():
    ones = torch.ones(1, 1, 16, 8)
    counts = [int(low_pass(ones, n).sum()) // 2 for n in range(1, 16)]
    assert counts == [1, 3, 6, 10, 15, 21, 28, 36, 43, 49, 54, 58, 61, 63, 64]
    assert low_pass(ones, 15) is ones
    for n in (0, 16):
        with pytest.raises(ValueError, match=f"frequencies must be 1…15, got {n}"):
            low_pass(ones, n)


@pytest.mark.parametrize("extent", EXTENTS)
def test_constant_image(extent):
    image = constant_image(Extent(*extent), dtype=torch.float64, device=torch.device("cpu"))
    close(image, oracle.encode(np.ones((1, 1, *extent)))[0, 0])
    if Extent(*extent).whole:
        image[::8, ::8] -= 8
        close(image, np.zeros(image.shape))


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("recorded", [False, True])
def test_pixels_take_the_place_of_their_coefficients(recorded, channels, extent):
    """Only where they fit, and autograd does not need the coefficients."""
    pixels = random(2, channels, *extent)
    x = encode(pixels.contiguous(memory_format=torch.channels_last))
    coefficients = x.coefficients
    before = coefficients.clone()
    with torch.set_grad_enabled(recorded):
        coefficients.requires_grad_(recorded)
        found = decode(x, inplace=True)
    close(found, pixels.numpy())
    if recorded:
        close(coefficients, before.numpy())
    elif channels >= 8:
        assert (found.data_ptr() == coefficients.data_ptr()) is (Extent(*extent).canvas == extent)


@pytest.mark.parametrize("extent", [(16, 8), (13, 9)])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.usefixtures("gradients")
def test_affine_scales_and_shifts_pixels(extent, inplace, scaled, shifted):
    pixels, scale, shift = random(2, 3, *extent), random(3, seed=1), random(3, seed=2)
    coefficients = encode(pixels).coefficients
    kept = coefficients.clone()
    a, b = scale if scaled else None, shift if shifted else None
    result = affine(coefficients, Extent(*extent), a, b, inplace=inplace)
    expected = pixels * (scale.view(-1, 1, 1) if scaled else 1) + (shift.view(-1, 1, 1) if shifted else 0)
    close(result, oracle.encode(expected.numpy()))
    if not inplace or torch.is_grad_enabled():
        assert torch.equal(coefficients, kept)


@pytest.mark.parametrize("extent", [(16, 8), (13, 9), (1, 7)])
def test_cut_zeroes_the_pixels_outside(extent):
    inside = Extent(*extent)
    coefficients = random(2, 3, *inside.canvas)
    result = cut(coefficients, inside)
    close(result, oracle.encode(oracle.decode(coefficients.numpy(), *extent)))
    assert (result is coefficients) == inside.whole


@pytest.mark.parametrize("shape", [(2, 3, 13, 9), (3, 8, 13, 9), (2, 9, 16, 8), (2, 8, 40, 17), MANY])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.usefixtures("gradients")
def test_map_pixels(shape, inplace):
    function = lambda exact, low: torch.cos(exact) + low * exact  # noqa: E731
    pixels = random(*shape)
    low = torch.from_numpy(oracle.truncated(pixels.numpy(), 5))
    activation = encode(pixels)
    kept = activation.coefficients.clone()
    result = map_pixels(activation, function, frequencies=(15, 5), inplace=inplace)
    close(result.coefficients, oracle.encode(function(pixels, low).numpy()))
    if not inplace or torch.is_grad_enabled():
        assert torch.equal(activation.coefficients, kept)


def test_assert_commutes_on_the_identity():
    assert_commutes(lambda x: x, lambda x: x, (9, 9))


INFERENCE_FIRST = """
import torch
from jpegdomain import encode, decode
from jpegdomain.functional import asm_relu, batch_norm, conv2d_stencil
from jpegdomain.theory.folding import stencil
from jpegdomain.geometry import Window
from jpegdomain.nn import Conv2d

def run(weight):
    x = batch_norm(encode(torch.ones(2, 8, 12, 9)), None, None, training=True)
    window = Window.of(3, 2, 1)
    x = conv2d_stencil(asm_relu(x, 5), stencil(weight, window), weight[:, 0, 0, 0], window)
    return decode(x).square().sum()

layer = Conv2d(8, 2, 3, form="stencil").eval()
with torch.inference_mode():
    run(torch.ones(2, 8, 3, 3))
    layer(encode(torch.ones(2, 8, 12, 9)))
weight = torch.ones(2, 8, 3, 3, requires_grad=True)
run(weight).backward()
assert weight.grad is not None
x = torch.ones(2, 8, 12, 9, requires_grad=True)
layer.weight.requires_grad_(False)
decode(layer(encode(x))).square().sum().backward()
assert x.grad is not None
layer.train().weight.requires_grad_()
decode(layer(encode(x))).square().sum().backward()
assert layer.weight.grad is not None
"""


def test_constants_made_under_inference_mode_serve_training():
    subprocess.run([sys.executable, "-c", INFERENCE_FIRST], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("channels", [3, 8])
def test_transform_on_a_cuda_device(channels):
    pixels = random(2, channels, 13, 9)
    activation = encode(pixels.cuda())
    assert activation.device.type == "cuda"
    close(activation.coefficients.cpu(), oracle.encode(pixels.numpy()))
    close(decode(activation, frequencies=5).cpu(), oracle.truncated(pixels.numpy(), 5))
    ones = constant_image(Extent(13, 9), dtype=torch.float32, device=torch.device("cuda"))
    assert (ones.device.type, ones.dtype) == ("cuda", torch.float32)


@pytest.mark.parametrize("channels", [2, 9])
def test_the_number_of_frequencies_may_be_numpys(channels):
    x = Activation(torch.randn(1, channels, 16, 8, dtype=torch.float64), Extent(16, 8))
    five = np.int64(5)
    with torch.no_grad():
        for function in (
            lambda n: decode(x, frequencies=n),
            lambda n: asm_relu(x, n).coefficients,
            lambda n: apx_relu(x, n).coefficients,
        ):
            torch.testing.assert_close(function(five), function(5), rtol=0, atol=0)
            assert not torch.equal(function(five), function(15))
        with pytest.raises(ValueError, match="frequencies must be 1…15, got 16"):
            decode(x, frequencies=np.int64(16))


def test_the_number_of_frequencies_may_be_a_tensor():
    """One number for each of several networks under one vmap; 15 keeps everything there, too."""
    x = torch.randn(3, 2, 16, 8, dtype=torch.float64)
    numbers = torch.tensor([1, 6, 15])
    found = torch.func.vmap(lambda x, n: low_pass(x[None], n)[0])(x, numbers)
    for given, n, result in zip(x, (1, 6, 15), found, strict=True):
        torch.testing.assert_close(result, low_pass(given[None], n)[0], rtol=0, atol=0)
    pixels = decode(Activation(x, Extent(16, 8)), frequencies=numbers[1])
    torch.testing.assert_close(pixels, decode(Activation(x, Extent(16, 8)), frequencies=6), rtol=0, atol=0)
