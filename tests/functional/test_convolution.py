"""The convolution's three functional forms; test_folding.py runs them over many kernels and extents."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain.errors import ExtentMismatchError
from jpegdomain.functional import conv2d, conv2d_dense, conv2d_stencil, decode, encode
from jpegdomain.geometry import Extent, Window
from jpegdomain.testing import assert_commutes
from jpegdomain.theory.folding import dense, stencil
from tests import oracle


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 1, 1, 1), (2, 1, 1, 1), ((1, 2), (0, 2), (2, 1), 1), (1, "same", 1, 1), (1, "valid", 2, 1), (2, 1, 1, 3)],
)
@pytest.mark.parametrize("channels", [3, 9])
@pytest.mark.parametrize("biased", [True, False])
def test_conv2d_takes_torchs_arguments(stride, padding, dilation, groups, channels, biased):
    weight, bias = random(12, channels // groups, 3, 3), random(12, seed=1) if biased else None
    for extent in ((13, 9), (16, 24)):
        assert_commutes(
            lambda x: conv2d(x, weight, bias, stride, padding, dilation, groups),
            lambda x: F.conv2d(x, weight, bias, stride, padding, dilation, groups),
            extent,
            channels=channels,
        )


@pytest.mark.parametrize("padding", [((0, 1), (2, 3)), ((4, 0), (0, 0)), ((1, 1), (0, 2))])
def test_conv2d_pads_each_side_by_its_own(padding):
    weight, (rows, columns) = random(2, 3, 3, 2), padding
    assert_commutes(
        lambda x: conv2d(x, weight, None, 2, padding),
        lambda x: F.conv2d(F.pad(x, (*columns, *rows)), weight, None, 2),
        (11, 14),
    )


def test_conv2d_is_the_convolution_in_loops():
    pixels, weight = random(1, 4, 9, 10), random(6, 2, 3, 2)
    operator = oracle.convolution(weight.numpy(), 9, 10, (2, 1), ((1, 1), (1, 1)), (1, 2), 2)
    expected = np.einsum("PHWphw,nphw->nPHW", operator, pixels.numpy())
    result = conv2d(encode(pixels), weight, None, (2, 1), 1, (1, 2), 2)
    np.testing.assert_allclose(result.coefficients, oracle.encode(expected), atol=1e-12)


@pytest.mark.parametrize("extent", [(16, 8), (13, 9), (1, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_pointwise_kernel_mixes_coefficients_as_pixels(extent, groups):
    weight, bias = random(6, 4 // groups, 1, 1), random(6, seed=1)
    with torch.no_grad():
        assert_commutes(
            lambda x: conv2d(x, weight, bias, groups=groups),
            lambda x: F.conv2d(x, weight, bias, groups=groups),
            extent,
            channels=4,
        )


@pytest.mark.parametrize("extent", [(16, 8), (13, 9)])
@pytest.mark.parametrize("kernel", [1, 3])
def test_biases_stay_inside_the_extent_in_every_form(extent, kernel):
    weight, bias, window, extent = (
        random(2, 3, kernel, kernel),
        torch.tensor([1e3, -1e3]).double(),
        kernel,
        Extent(*extent),
    )
    window = Window.of(kernel, 1, "same")
    for form in (
        lambda x: conv2d(x, weight, bias, 1, "same"),
        lambda x: conv2d_stencil(x, stencil(weight, window), bias, window),
        lambda x: conv2d_dense(x, dense(weight, window, extent), bias, window.output(extent)),
    ):
        for recording in (True, False):
            with torch.set_grad_enabled(recording):
                assert_commutes(form, lambda x: F.conv2d(x, weight, bias, 1, "same"), extent)


def test_the_input_and_the_map_stay_as_they_were():
    weight, bias, window = random(8, 8, 3, 3), random(8), Window.of(3, 1, 1)
    x, folded, whole = encode(random(1, 8, 9, 8)), stencil(weight, window), dense(weight, window, Extent(9, 8))
    tensors = [weight, bias, x.coefficients, folded, whole]
    kept = [tensor.clone() for tensor in tensors]
    with torch.no_grad():
        conv2d(x, weight, bias, padding=1)
        conv2d(x, weight[:, :, :1, :1], bias)
        conv2d_stencil(x, folded, bias, window)
        conv2d_dense(x, whole, bias, Extent(9, 8))
    assert all(torch.equal(one, two) for one, two in zip(tensors, kept, strict=True))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("channels", [3, 8])
def test_gradients_are_torchs(kernel, channels):
    pixels, weight, bias = random(2, channels, 13, 9), random(8, channels, kernel, kernel), random(8, seed=1)
    inputs = [tensor.requires_grad_() for tensor in (pixels, weight, bias)]
    factors = random(2, 8, 14 - kernel, 10 - kernel, seed=3)
    expected = torch.autograd.grad(F.conv2d(pixels, weight, bias), inputs, factors)
    result = torch.autograd.grad(decode(conv2d(encode(pixels), weight, bias)), inputs, factors)
    for one, two in zip(result, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


def test_a_kernel_that_does_not_fit():
    for layer in (
        lambda x: conv2d_stencil(x, torch.zeros(64, 64, 2, 2), None, Window.of(9)),
        lambda x: conv2d_dense(x, torch.zeros(1, 8, 8, 1, 8, 8), None, Window.of(9).output(x.extent)),
    ):
        with pytest.raises(ExtentMismatchError, match="a window of 9 samples does not fit into 7 samples"):
            layer(encode(torch.zeros(1, 1, 7, 7)))
