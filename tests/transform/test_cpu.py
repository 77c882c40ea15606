"""The compiled transforms against matrices in float64: every path between pixels and coefficients, every edge."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from jpegdomain import Activation
from jpegdomain.functional import PiecewiseLinear, apx, asm, decode, encode, piecewise_on_pixels
from jpegdomain.geometry import Extent
from jpegdomain.transform import Clamp, Mask, backend, cpu, forward, inverse, reference, threads
from tests import oracle

EXTENTS = [(8, 8), (16, 24), (7, 5), (33, 8), (1, 1), (28, 13)]
CHANNELS = [8, 9, 17, 130]

RELU = PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)
HARDTANH = PiecewiseLinear(
    (0.25, 0.5), (0.0, 1.0, 0.0), (0.25, 0.0, 0.5), (False, True), lambda x: torch.nn.functional.hardtanh(x, 0.25, 0.5)
)
"""Zero lies outside its pieces: what is outside the extent must stay zero nevertheless."""
LEAKY = PiecewiseLinear((0.0,), (0.1, 1.0), (0.0, 0.0), (False,), lambda x: torch.nn.functional.leaky_relu(x, 0.1))


def random(*shape, seed=0, dtype=torch.float64):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def close(actual, expected, tolerance=1e-12):
    expected = np.asarray(expected)
    np.testing.assert_allclose(actual.detach(), expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


def clipped(function, deciding, value):
    """The pieces in numpy."""
    if function is RELU:
        return np.where(deciding > 0, value, 0)
    if function is LEAKY:
        return np.where(deciding > 0, value, 0.1 * value)
    return np.where(deciding <= 0.25, 0.25, np.where(deciding >= 0.5, 0.5, value))


@pytest.fixture(params=[1, 2])
def in_threads(request, monkeypatch):
    """Run with this many threads, with work for each."""
    monkeypatch.setattr(cpu, "_A_THREADS_WORTH", 1)
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
@pytest.mark.usefixtures("in_threads")
def test_transforms_and_their_inverses(extent, channels, dtype, tolerance):
    pixels = random(3, channels, *extent, dtype=dtype)
    kept = pixels.clone()
    assert cpu.supports(pixels)
    coefficients = forward(pixels)
    close(coefficients, oracle.encode(pixels.numpy()), tolerance)
    assert coefficients.is_contiguous(memory_format=torch.channels_last)
    back = inverse(coefficients, Extent(*extent))
    close(back, pixels, tolerance)
    assert back.shape == pixels.shape
    assert torch.equal(pixels, kept)


@pytest.mark.parametrize("frequencies", range(1, 16))
def test_from_the_lowest_frequencies(frequencies):
    pixels = random(2, 17, 12, 17)
    found = inverse(forward(pixels), Extent(12, 17), frequencies)
    close(found, oracle.truncated(pixels.numpy(), frequencies))


@pytest.mark.parametrize("way", ["coefficients", "pixels"])
@pytest.mark.parametrize("function", [RELU, HARDTANH, LEAKY], ids=["relu", "hardtanh", "leaky"])
@pytest.mark.parametrize("method", ["asm", "apx"])
@pytest.mark.parametrize("frequencies", [15, 6])
@pytest.mark.parametrize(
    ("channels", "extent", "inplace"),
    [(17, (12, 9), False), (16, (16, 8), True), (70, (3, 24), False), (3, (9, 9), True)],
)
def test_piecewise_functions(way, function, method, frequencies, channels, extent, inplace):
    pixels = random(2, channels, *extent)
    approximation = oracle.truncated(pixels.numpy(), frequencies)
    expected = clipped(function, approximation, pixels.numpy() if method == "asm" else approximation)
    x = encode(pixels)
    kept = x.coefficients.clone()
    with torch.no_grad():
        if way == "pixels":
            close(piecewise_on_pixels(pixels.clone(), function, frequencies, method), expected, 1e-11)
        else:
            result = (asm if method == "asm" else apx)(x, function, frequencies, inplace)
            close(result.coefficients, oracle.encode(expected), 1e-11)
    if not inplace:
        assert torch.equal(x.coefficients, kept)


@pytest.mark.parametrize("frequencies", [15, 6])
@pytest.mark.parametrize("clamp", [Clamp(low=0.0, below=0.0), Clamp(0.25, 0.5, 0.25, 0.5)])
@pytest.mark.parametrize("extent", EXTENTS)
def test_the_backends_compute_the_same(extent, clamp, frequencies):
    value, mask_source = (forward(random(2, 9, *extent, seed=seed)) for seed in (0, 1))
    assert backend(value) is cpu
    there = Extent(*extent)
    close(cpu.inverse(value, there, frequencies), reference.inverse(value, there, frequencies))
    for source in (mask_source, value, None):
        mask = Mask(source, clamp, frequencies)
        close(cpu.masked(value, mask, there), reference.masked(value, mask, there))


@pytest.mark.parametrize("frequencies", [15, 6])
def test_piecewise_functions_of_pixels_have_gradients(frequencies):
    pixels = random(1, 8, 9, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: piecewise_on_pixels(x, RELU, frequencies), pixels)


@pytest.mark.parametrize("extent", [(16, 16), (9, 16)])
def test_the_source_can_be_overwritten(extent):
    pixels = random(2, 17, *extent)
    expected = oracle.encode(pixels.numpy())
    address = pixels.data_ptr()
    with torch.no_grad():
        found = forward(pixels, inplace=True)
        close(found, expected)
        assert (found.data_ptr() == address) == Extent(*extent).whole
        again = asm(Activation(found, Extent(*extent)), RELU, 6, inplace=True)
        assert again.coefficients.data_ptr() == found.data_ptr()


def test_overwriting_is_seen_by_autograd():
    pixels = random(1, 8, 8, 8)
    weight = torch.ones(1, requires_grad=True)
    product = (weight * pixels).sum()
    with torch.no_grad():
        forward(pixels, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


@pytest.mark.parametrize("recording", [True, False])
def test_nothing_is_overwritten_while_gradients_are_recorded(recording):
    pixels = random(1, 8, 8, 8)
    kept = pixels.clone()
    with torch.set_grad_enabled(recording):
        forward(pixels, inplace=True)
    assert torch.equal(pixels, kept) == recording


def test_memory_in_any_order():
    pixels = random(2, 9, 11, 10)
    expected = oracle.encode(pixels.numpy())
    wide = random(2, 30, 20, 21, seed=1)
    wide[:, 4:13, 3:14, 5:15] = pixels
    stretched = torch.zeros(2, 9, 22, 20, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    stretched[:, :, ::2, ::2] = pixels
    for same in (
        pixels.contiguous(),
        pixels.transpose(2, 3).contiguous().transpose(2, 3),
        wide[:, 4:13, 3:14, 5:15],
        stretched[:, :, ::2, ::2],
    ):
        close(forward(same), expected)
    row = random(1, 9, 1, 10)
    close(forward(row.expand(2, -1, 12, -1)), oracle.encode(row.expand(2, -1, 12, -1).numpy()))


@pytest.mark.parametrize("shape", [(0, 8, 9, 9), (0, 17, 8, 8)])
def test_an_empty_batch(shape):
    pixels = random(*shape)
    assert cpu.supports(pixels)
    coefficients = forward(pixels)
    assert coefficients.shape == (0, shape[1], *Extent(*shape[2:]).canvas)
    assert inverse(coefficients, Extent(*shape[2:])).shape == shape


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own forward mode
@pytest.mark.parametrize("extent", [(8, 8), (9, 7)])
def test_gradients_of_any_order(extent):
    there = Extent(*extent)
    pixels = random(1, 8, *extent).requires_grad_()
    coefficients = encode(pixels).coefficients.detach().requires_grad_()
    for run, x in (
        (forward, pixels),
        (lambda x: inverse(x, there, 6), coefficients),
        (lambda x: asm(Activation(x, there), RELU, 15).coefficients, coefficients),
        (lambda x: asm(Activation(x, there), HARDTANH, 6).coefficients, coefficients),
        (lambda x: apx(Activation(x, there), RELU, 6).coefficients, coefficients),
    ):
        assert "Backward" in type(run(x).grad_fn).__name__
        assert torch.autograd.gradcheck(run, x, check_forward_ad=True, fast_mode=True)
        assert torch.autograd.gradgradcheck(run, x, fast_mode=True)


def test_a_batch_of_gradients():
    """vmap over the backward pass: there, torch's own operations run."""
    pixels = random(1, 8, 9, 7).requires_grad_()
    for result in (
        encode(pixels).coefficients,
        decode(encode(pixels)),
        asm(encode(pixels), RELU, 6).coefficients,
        asm(encode(pixels), RELU, 15).coefficients,
    ):
        many = (
            random(3, *result.shape).reshape(3, *result.shape)
            if result.dim() < 4
            else torch.randn(3, *result.shape).double()
        )
        (found,) = torch.autograd.grad(result, pixels, many, is_grads_batched=True, retain_graph=True)
        for one, gradient in zip(found, many, strict=True):
            close(one, torch.autograd.grad(result, pixels, gradient, retain_graph=True)[0])


def test_nan_stays_nan():
    pixels = random(1, 8, 8, 16)
    pixels[0, 3, 2, 2] = torch.nan
    with torch.no_grad():
        result = asm(encode(pixels), RELU).coefficients
    assert result[0, 3, :, :8].isnan().all()
    assert not result[0, 3, :, 8:].isnan().any()
    assert not result[0, [0, 1, 2, 4, 5, 6, 7]].isnan().any()


def test_inputs_for_which_the_compiled_transforms_do_not_run():
    x = random(1, 8, 8, 8)
    assert cpu.supports(x)
    assert not cpu.supports(x, x.bfloat16())
    assert not cpu.supports(x.to("meta"))
    assert not cpu.supports(x[:, :7])
    assert not cpu.supports(torch.complex(x, x).conj().imag)
    seen = []
    torch.func.vmap(lambda one: seen.append(cpu.supports(one)) or one)(x[None])
    assert seen == [False]
    with FlopCounterMode(display=False) as counter:
        encode(x)
    assert counter.get_total_flops() == 2 * 2 * 8 * x.numel()


def test_autocast_does_not_affect_the_transforms():
    x = random(1, 8, 9, 9, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert encode(x).dtype == torch.float32
    close(encode(x).coefficients, oracle.encode(x.numpy()), 2e-6)


def test_own_threads_where_torch_has_no_openmp(monkeypatch, in_threads):
    monkeypatch.setattr(threads, "_torchs_own", lambda: None)
    pixels = random(3, 9, 33, 17)
    for _ in range(20):
        close(forward(pixels), oracle.encode(pixels.numpy()))


GUARDED = """
import ctypes, mmap
import torch
from jpegdomain.transform.cpu import launch
from jpegdomain.transform import Clamp
from jpegdomain.geometry import Extent

libc = ctypes.CDLL(None, use_errno=True)
held = []

def guarded(shape, dtype, at_end):
    "Zeros of channels-last memory, that ends or begins at a page that nobody may touch."
    n, c, h, w = shape
    size = n * c * h * w * dtype.itemsize
    pages = -(-size // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 2) * mmap.PAGESIZE)
    held.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    offset = mmap.PAGESIZE + (pages * mmap.PAGESIZE - size if at_end else 0)
    flat = torch.frombuffer(memory, dtype=dtype, count=n * c * h * w, offset=offset)
    for page in (0, pages + 1):
        assert libc.mprotect(ctypes.c_void_p(start + page * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
    return flat.view(n, h, w, c).permute(0, 3, 1, 2)

for dtype in (torch.float32, torch.float64):
    for c in (8, 9, 15, 17, 65):
        for extent in (Extent(8, 8), Extent(9, 3)):
            for from_pixels in (False, True):
                for to_pixels in (False, True):
                    for at_end in (False, True):
                        shapes = [
                            (1, c, *(tuple(extent) if pixels else extent.canvas)) for pixels in (from_pixels, to_pixels)
                        ]
                        source, out = (guarded(shape, dtype, at_end) for shape in shapes)
                        for frequencies in (15, 6):
                            for mask_source in (None, source):
                                launch(
                                    source, extent, (from_pixels, to_pixels), out=out,
                                    frequencies=frequencies, clamp=Clamp(0.0, 1.0, 0.0, 1.0), mask_source=mask_source,
                                )
print("untouched")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are guarded by mprotect")
@pytest.mark.slow
def test_memory_beside_the_tensors_is_neither_read_nor_written():
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "untouched\n"), done.stderr


@pytest.mark.parametrize("channels", [9, 16, 33])
@pytest.mark.parametrize("to_pixels", [False, True])
def test_memory_between_the_rows_is_not_written(channels, to_pixels):
    """The target lies inside a wider tensor."""
    extent = Extent(11, 10)
    height, width = tuple(extent) if to_pixels else extent.canvas
    wide = torch.full((2, height + 2, width + 3, channels + 5), 7.0, dtype=torch.float64).permute(0, 3, 1, 2)
    inside = (slice(None), slice(2, 2 + channels), slice(1, 1 + height), slice(2, 2 + width))
    pixels = random(2, channels, 11, 10)
    source = encode(pixels).coefficients if to_pixels else pixels
    cpu.launch(source, extent, (not to_pixels, to_pixels), out=wide[inside])
    close(wide[inside], pixels if to_pixels else oracle.encode(pixels.numpy()))
    wide[inside] = 7
    assert bool((wide == 7).all())
