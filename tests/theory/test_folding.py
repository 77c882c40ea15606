"""The three forms of Ξ: against eqs. (11) to (13) in loops, against torch, and against each other."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain import functional
from jpegdomain.errors import UnsupportedFoldError
from jpegdomain.functional import encode
from jpegdomain.geometry import Extent, Window
from jpegdomain.testing import assert_commutes
from jpegdomain.theory.folding import dense, dense_of, stencil
from jpegdomain.theory.tensors import to_zigzag
from tests import oracle

TOLERANCE = 1e-10

# kernel, stride, padding, dilation, channels in, channels out, groups
LAYERS = {
    "3x3": (3, 1, 1, 1, 3, 4, 1),
    "3x3 valid": (3, 1, 0, 1, 2, 3, 1),
    "3x3 stride 2": (3, 2, 1, 1, 2, 3, 1),
    "3x3 stride 2 valid": (3, 2, 0, 1, 2, 1, 1),
    "7x7 stride 2": (7, 2, 3, 1, 2, 2, 1),
    "1x1": (1, 1, 0, 1, 3, 2, 1),
    "1x1 padded": (1, 1, 1, 1, 2, 2, 1),
    "1x1 stride 2": (1, 2, 0, 1, 3, 2, 1),
    "2x2 stride 2": (2, 2, 0, 1, 2, 2, 1),
    "5x2 stride (3, 1)": ((5, 2), (3, 1), (2, 1), 1, 2, 2, 1),
    "wide padding": (3, 1, (11, 9), 1, 1, 2, 1),
    "asymmetric": ((3, 4), (2, 1), ((0, 1), (3, 0)), 1, 2, 2, 1),
    "asymmetric wide": (3, 3, ((9, 0), (1, 12)), 1, 1, 2, 1),
    "same": (3, 1, "same", 1, 2, 2, 1),
    "same, even": ((4, 2), 1, "same", 1, 2, 2, 1),
    "same, even, dilated": ((2, 4), 1, "same", (3, 1), 2, 2, 1),
    "dilated": (3, 1, 2, 2, 2, 2, 1),
    "dilated stride 2": (3, 2, (4, 1), (4, 1), 1, 2, 1),
    "groups": (3, 1, 1, 1, 4, 6, 2),
    "groups stride 2": (3, 2, 1, 1, 6, 3, 3),
    "depthwise": (3, 1, 1, 1, 4, 4, 4),
    "depthwise, two each": (3, 2, 1, 1, 3, 6, 3),
    "stride 9": (1, 9, 4, 1, 2, 2, 1),
}
EXTENTS = [(7, 5), (33, 8), (97, 131), (28, 28), (14, 14), (7, 7), (1, 1), (16, 24)]
DENSE_LIMIT = 4_000_000
"""Entries of a dense Ξ that a test may build."""


def random_layer(name, seed=0):
    kernel, stride, padding, dilation, inputs, outputs, groups = LAYERS[name]
    generator = torch.Generator().manual_seed(seed)
    window = Window.of(kernel, stride, padding, dilation)
    weight = torch.randn(outputs, inputs // groups, *window.kernel, generator=generator, dtype=torch.float64)
    bias = torch.randn(outputs, generator=generator, dtype=torch.float64)
    return window, weight, bias, groups


def spatial(pixels, window, weight, bias, groups):
    """Convolve with torch, after padding with zeros."""
    (top, bottom), (left, right) = window.padding
    padded = F.pad(pixels, (left, right, top, bottom))
    return F.conv2d(padded, weight, bias, window.stride, 0, window.dilation, groups)


def forms(extent, window, weight, bias, groups):
    """Return each form that fits into the test's memory, as a layer."""
    yield lambda x: functional.conv2d(x, weight, bias, window.stride, window.padding, window.dilation, groups)
    block_stencil = stencil(weight, window, groups=groups)
    yield lambda x: functional.conv2d_stencil(x, block_stencil, bias, window, groups)
    output, channels = window.output(extent), groups * weight.shape[1]
    if channels * np.prod(extent.canvas) * len(weight) * np.prod(output.canvas) <= DENSE_LIMIT:
        whole = dense(weight, window, extent, groups=groups)
        yield lambda x: functional.conv2d_dense(x, whole, bias, output)


def cases():
    for name, (kernel, _, padding, dilation, *_) in LAYERS.items():
        window = Window.of(kernel, 1, padding, dilation)
        for extent in EXTENTS:
            if all(extent[a] + sum(window.padding[a]) > window.dilation[a] * (window.kernel[a] - 1) for a in (0, 1)):
                yield pytest.param(name, Extent(*extent), id=f"{name} on {extent[0]}x{extent[1]}")


@pytest.mark.parametrize(("name", "extent"), list(cases()))
def test_every_form_is_the_spatial_convolution(name, extent):
    window, weight, bias, groups = layer = random_layer(name)
    for form in forms(extent, window, weight, bias, groups):
        assert_commutes(
            form,
            lambda pixels: spatial(pixels, *layer),
            extent,
            channels=groups * weight.shape[1],
            tolerance=TOLERANCE,
        )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", [name for name, layer in LAYERS.items() if layer[2] == "same"])
def test_padding_same_is_torchs(name):
    _, stride, padding, dilation, inputs, *_ = LAYERS[name]
    window, weight, bias, groups = random_layer(name)
    for form in forms(Extent(9, 12), window, weight, bias, groups):
        assert_commutes(
            form, lambda pixels: F.conv2d(pixels, weight, bias, stride, padding, dilation), (9, 12), channels=inputs
        )


@pytest.mark.parametrize("name", LAYERS)
def test_the_forms_agree_coefficient_by_coefficient(name):
    extent = Extent(17, 14)
    window, weight, bias, groups = random_layer(name, seed=1)
    pixels = torch.randn(1, groups * weight.shape[1], *extent, dtype=torch.float64)
    expected = oracle.encode(spatial(pixels, window, weight, bias, groups).numpy())
    results = [form(encode(pixels)).coefficients for form in forms(extent, window, weight, bias, groups)]
    assert len(results) == 3
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "extent"),
    [
        ("3x3", (7, 5)),
        ("3x3 stride 2", (9, 12)),
        ("7x7 stride 2", (8, 16)),
        ("asymmetric", (5, 9)),
        ("dilated", (8, 8)),
        ("groups", (3, 8)),
        ("depthwise, two each", (8, 4)),
    ],
)
def test_dense_is_eqs_11_to_13(name, extent):
    window, weight, _, groups = random_layer(name)
    operator = oracle.convolution(weight.numpy(), *extent, window.stride, window.padding, window.dilation, groups)
    expected = oracle.folded(operator, np.ones((8, 8)))
    built = to_zigzag(dense(weight, window, Extent(*extent), groups=groups))
    # The output's end, in the middle, in the paper's order too.
    built = to_zigzag(built.permute(0, 3, 4, 5, 6, 1, 2)).permute(0, 5, 6, 7, 1, 2, 3, 4)
    np.testing.assert_allclose(built, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "span"),
    [(3, 1, 1, 3), (3, 2, 1, 3), (7, 2, 3, 4), (1, 2, 0, 2), (1, 1, 0, 1), (3, 1, 0, 2), (11, 4, 2, 6)],
)
def test_stencil_spans(kernel, stride, padding, span):
    weight = torch.randn(5, 2, kernel, kernel)
    folded = stencil(weight, Window.of(kernel, stride, padding))
    assert folded.shape == (64 * 5, 64 * 2, span, span)


def test_stencil_channels_are_pixel_unshuffles():
    """A stencil that picks coefficient (2, 5) of channel 1 responds only to that one."""
    weight = torch.randn(1, 2, 1, 1, dtype=torch.float64)
    folded = stencil(weight, Window.of(1))
    expected = torch.zeros(64, 2, 64, dtype=torch.float64)
    for k in range(64):
        expected[k, :, k] = weight.view(2)
    torch.testing.assert_close(folded.view(64, 2, 64), expected)
    blocks = F.pixel_unshuffle(torch.arange(2 * 64.0).view(1, 2, 8, 8), 8)
    assert blocks[0, 64 + 8 * 2 + 5].item() == 64 + 8 * 2 + 5


@pytest.mark.parametrize("extent", [(7, 5), (8, 16)])
def test_dense_of_is_the_dense_form(extent):
    window, weight, _, groups = random_layer("groups")
    built = dense_of(lambda pixels: spatial(pixels, window, weight, None, groups), 4, Extent(*extent))
    torch.testing.assert_close(built, dense(weight, window, Extent(*extent), groups=groups), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "operation",
    [lambda x: x.flip(3), lambda x: F.avg_pool2d(x, 3, 2, 1), lambda x: F.interpolate(x, scale_factor=2)],
    ids=["flip", "pool", "resize"],
)
def test_dense_of_any_linear_operation(operation):
    extent = Extent(9, 6)
    whole = dense_of(operation, 2, extent)
    output = Extent(*operation(torch.zeros(1, 2, *extent)).shape[2:])
    layer = lambda x: functional.conv2d_dense(x, whole, None, output)  # noqa: E731
    assert_commutes(layer, operation, extent, channels=2, tolerance=TOLERANCE)


def test_dense_of_refuses_a_constant_part():
    with pytest.raises(UnsupportedFoldError, match="not linear: it does not map the zero image to zero"):
        dense_of(lambda pixels: pixels + 1, 1, Extent(8, 8))
    with pytest.raises(UnsupportedFoldError, match="not linear"):
        dense_of(torch.relu, 1, (8, 8))


def test_weights_that_are_no_kernels_are_refused():
    for build in (
        lambda w, g: stencil(w, Window.of(3), groups=g),
        lambda w, g: dense(w, Window.of(3), (8, 8), groups=g),
    ):
        with pytest.raises(UnsupportedFoldError, match=r"groups=2; got the shape \(3, 2, 3, 3\)"):
            build(torch.zeros(3, 2, 3, 3), 2)
        with pytest.raises(UnsupportedFoldError, match=r"got the shape \(3, 3\)"):
            build(torch.zeros(3, 3), 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_folding_keeps_the_dtype_and_shares_nothing(dtype):
    weight = torch.randn(2, 1, 3, 3, dtype=dtype)
    for build in (stencil, lambda w, window: dense(w, window, Extent(8, 8))):
        first = build(weight, Window.of(3, 1, 1))
        assert first.dtype == dtype
        kept = first.clone()
        first.zero_()
        assert torch.equal(build(weight, Window.of(3, 1, 1)), kept)


@pytest.mark.parametrize("form", [0, 1, 2], ids=["factored", "stencil", "dense"])
@pytest.mark.parametrize("name", ["3x3 stride 2", "asymmetric", "groups"])
def test_gradients_are_torchs(form, name):
    extent = Extent(9, 12)
    window, *parameters, groups = random_layer(name)
    pixels = torch.randn(2, groups * parameters[0].shape[1], *extent, dtype=torch.float64, requires_grad=True)
    inputs = [pixels, *(tensor.requires_grad_() for tensor in parameters)]
    expected = spatial(pixels, window, *parameters, groups)
    factors = torch.randn_like(expected)
    result = functional.decode(list(forms(extent, window, *parameters, groups))[form](encode(pixels)))
    for one, two in zip(
        torch.autograd.grad(result, inputs, factors), torch.autograd.grad(expected, inputs, factors), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=0, atol=TOLERANCE * two.abs().max().item())
