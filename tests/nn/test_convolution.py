"""The convolution module: its forms, and that a cached Ξ is never older than the kernel."""

import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jpegdomain import nn
from jpegdomain.functional import decode, encode
from jpegdomain.geometry import Extent
from jpegdomain.testing import assert_commutes

EXTENT = Extent(13, 9)
FOLDED = ["stencil", "dense"]


def layer_of(form, **options):
    torch.manual_seed(0)
    return nn.Conv2d(3, 2, 3, 2, 1, form=form, dtype=torch.float64, **options)


def assert_current(layer, extent=EXTENT):
    """The layer must give what its parameters give now."""
    assert_commutes(
        layer,
        lambda x: F.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding),
        extent,
        dtype=layer.weight.dtype,
    )


@pytest.fixture(params=FOLDED)
def cached(request):
    """A layer whose Ξ has been built, outside autograd."""
    layer = layer_of(request.param).eval()
    with torch.no_grad():
        assert_current(layer)
        yield layer


@pytest.mark.parametrize("form", [*FOLDED, "factored", "auto"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("recording", [True, False])
def test_every_form_in_every_mode(form, training, recording):
    layer = layer_of(form).train(training)
    with torch.set_grad_enabled(recording):
        for extent in (EXTENT, (16, 24), (1, 1), EXTENT):
            assert_current(layer, extent)


@pytest.mark.parametrize("form", [*FOLDED, "factored", "auto"])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_torchs(form, training):
    layer = layer_of(form).train(training)
    pixels = torch.randn(2, 3, *EXTENT, dtype=torch.float64, requires_grad=True)
    inputs = [pixels, layer.weight, layer.bias]
    expected = F.conv2d(*inputs, 2, 1)
    factors = torch.randn_like(expected)
    for _ in range(2):
        results = torch.autograd.grad(decode(layer(encode(pixels))), inputs, factors)
        for one, two in zip(results, torch.autograd.grad(expected, inputs, factors, retain_graph=True), strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


def test_the_map_is_kept(cached):
    assert cached.folded(EXTENT, cached.form) is cached.folded(EXTENT, cached.form)
    assert list(cached.state_dict()) == ["weight", "bias"]
    assert not cached.folded(EXTENT, cached.form).requires_grad


def test_train_drops_the_map(cached):
    kept = weakref.ref(cached.folded(EXTENT, cached.form))
    assert kept() is not None
    cached.train()(encode(torch.randn(1, 3, *EXTENT, dtype=torch.float64)))
    assert kept() is None


def test_the_map_goes_with_its_kernel(cached):
    kept = weakref.ref(cached.folded(EXTENT, cached.form))
    cached.weight = torch.nn.Parameter(cached.weight.detach().clone())
    assert kept() is None


def test_a_dense_map_is_of_its_extent(cached):
    for extent in ((7, 5), EXTENT, (16, 8)):
        assert_current(cached, extent)


def test_another_form(cached):
    for form in ("stencil", "dense", "factored", "auto", "stencil"):
        cached.form = form
        assert_current(cached)


def test_a_kernel_changed_in_place(cached):
    cached.weight.mul_(2)
    assert_current(cached)
    cached.weight[0, 0, 0, 0] = 7
    assert_current(cached)


def test_a_kernel_changed_without_autograds_knowledge(cached):
    cached.weight.data.mul_(2)
    assert_current(cached)


def test_an_optimisers_step(cached):
    with torch.enable_grad():
        F.conv2d(torch.ones(1, 3, 9, 9).double(), cached.weight).sum().backward()
    torch.optim.SGD([cached.weight], lr=1.0).step()
    assert_current(cached)


def test_a_kernel_loaded(cached):
    cached.load_state_dict(nn.Conv2d(3, 2, 3, dtype=torch.float64).state_dict())
    assert_current(cached)
    cached.load_state_dict(nn.Conv2d(3, 2, 3, dtype=torch.float64).state_dict(), assign=True)
    assert_current(cached)


@pytest.fixture
def memory():
    """Return memory for kernels in the same place, one after another, as an allocator may reuse it, but reliably."""
    place = np.zeros((2, 3, 3, 3))

    def kernel(seed):
        place[:] = np.random.default_rng(seed).normal(size=place.shape)
        return torch.from_numpy(place)

    return kernel


def test_a_kernel_replaced(cached, memory):
    for seed in range(3):
        cached.weight = torch.nn.Parameter(memory(seed))
        assert_current(cached)


def test_kernel_data_replaced(cached, memory):
    for seed in range(3):
        cached.weight.data = memory(seed)
        assert_current(cached)


def test_another_dtype(cached):
    for dtype in (torch.float32, torch.float64):
        cached.to(dtype)
        assert_current(cached)
        assert cached.folded(EXTENT, cached.form).dtype == dtype


def test_another_dtype_and_back_rounds_the_kernel(cached):
    cached.to(torch.float32)
    cached.to(torch.float64)
    assert_current(cached)


@pytest.mark.parametrize("form", FOLDED)
def test_a_kernel_of_inference_mode(form):
    with torch.inference_mode():
        layer = layer_of(form).eval()
        assert_current(layer)
        layer.weight.mul_(2)
        assert_current(layer)


def test_no_map_is_kept_while_the_kernel_is_trained():
    layer = layer_of("stencil").eval()
    one, two = layer.folded(EXTENT, "stencil"), layer.folded(EXTENT, "stencil")
    assert one is not two
    assert one.requires_grad
    layer.weight.requires_grad_(False)
    assert layer.folded(EXTENT, "stencil") is layer.folded(EXTENT, "stencil")


def test_the_planner_chooses_for_auto():
    tiny = nn.Conv2d(1, 1, 3, padding=1)
    assert tiny.train().chosen_form(1, Extent(8, 8)) == "factored"
    with torch.no_grad():
        assert tiny.eval().chosen_form(1, Extent(8, 8)) == "dense"
        assert tiny.chosen_form(64, Extent(224, 224)) == "factored"
        assert nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular").eval().chosen_form(1, Extent(8, 8)) == "factored"
        tiny.form = "stencil"
        assert tiny.chosen_form(1, Extent(8, 8)) == "stencil"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("form", FOLDED)
def test_another_device(form):
    layer = layer_of(form).eval()
    with torch.no_grad():
        x = encode(torch.randn(1, 3, *EXTENT, dtype=torch.float64))
        expected = layer(x).coefficients
        for device in ("cuda", "cpu", "cuda"):
            result = layer.to(device)(x.to(device)).coefficients
            assert result.device.type == device
            torch.testing.assert_close(result.cpu(), expected, rtol=0, atol=1e-10)
