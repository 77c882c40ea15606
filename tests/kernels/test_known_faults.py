"""The library never runs a kernel that is known to be faulty, and its replacements compute the same."""

import itertools
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.functional.faulty_kernels import adds_safely, check_windows, conv2d_on_pixels, own_dilation

from .stress import guarded


@pytest.mark.parametrize(
    "isa", ["AVX2", pytest.param("AVX", marks=pytest.mark.slow), pytest.param("DEFAULT", marks=pytest.mark.slow)]
)
def test_training_with_guarded_memory(isa, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.kernels.training"],
        check=False,
        env=guarded(tmp_path, isa),
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = ran.stdout.splitlines()
    assert (ran.returncode, lines[-1:]) == (0, ["done"]), f"crashed in: {lines[-1:]}\n{ran.stderr[-2000:]}"


class Strided(TorchDispatchMode):
    """Counts the backward passes of strided 1×1 convolutions with 2 to 7 input channels."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.convolution_backward.default:
            _, x, weight, _, stride, padding, *_ = args
            few = 1 < x.shape[1] < 8 and tuple(weight.shape[2:]) == (1, 1)
            self.seen += few and any(s != 1 for s in stride) and not any(padding)
        return function(*args, **(kwargs or {}))


def test_the_counter_sees_what_torch_does():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 1, 1, requires_grad=True)
    with Strided() as strided:
        F.conv2d(x, weight, stride=2).sum().backward()
    assert strided.seen == 1


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("training", [True, False])
def test_converted_models(plan, training):
    model = jd.convert(jd.models.three_block_net(3, 10, (2, 3, 4)).train(training), plan=plan)
    with Strided() as strided:
        model(jd.encode(torch.randn(2, 3, 16, 16))).sum().backward()
    assert strided.seen == 0


@pytest.mark.parametrize("settings", [{}, {"padding": "valid"}, {"padding_mode": "circular", "padding": 1}])
@pytest.mark.parametrize("stride", [2, (1, 3)])
def test_layers(stride, settings):
    layer = jd.nn.Conv2d(3, 5, 1, stride, form="factored", **settings)
    pixels = torch.randn(2, 3, 16, 16)
    with Strided() as strided:
        layer(jd.encode(pixels)).coefficients.sum().backward()
        layer(pixels).sum().backward()
    assert strided.seen == 0


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("channels", [2, 4, 6, 8])
@pytest.mark.parametrize(("stride", "size"), [(1, (4, 5)), (2, (8, 6)), (2, (7, 5)), ((2, 1), (5, 4)), (3, (1, 9))])
def test_strided_convolution_is_the_sum_that_defines_it(stride, size, channels, groups, channels_last):
    torch.manual_seed(0)
    x = torch.randn(3, channels, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, channels // groups, 1, 1, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)
    given = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    found = conv2d_on_pixels(given, weight, bias, stride, groups=groups)
    down, right = (stride, stride) if isinstance(stride, int) else stride
    expected = torch.zeros_like(found)
    for i, j in itertools.product(range(found.shape[2]), range(found.shape[3])):
        read = x[:, :, down * i, right * j].unflatten(1, (groups, -1))
        products = torch.einsum("ngc,goc->ngo", read, weight[:, :, 0, 0].unflatten(0, (groups, -1)))
        expected[:, :, i, j] = products.flatten(1) + bias
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    against = torch.randn_like(found)
    ours, right = (torch.autograd.grad(out, (x, weight, bias), against) for out in (found, expected))
    for one, other in zip(ours, right, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.parametrize("settings", [(2, 1), (2, "valid"), (1, "same"), (2, 0, 2)])
def test_all_other_settings_are_torchs(channels, settings):
    x = torch.randn(2, channels, 9, 8, dtype=torch.float64)
    for kernel in (1, 3):
        weight = torch.randn(4, channels, kernel, kernel, dtype=torch.float64)
        torch.testing.assert_close(conv2d_on_pixels(x, weight, None, *settings), F.conv2d(x, weight, None, *settings))


@pytest.mark.parametrize("size", [(1, 3), (3, 1), (1, 1), (2, 2)])
def test_sides_of_one_pixel_have_no_dilation(size):
    assert own_dilation(size, (2, 3)) == tuple(1 if k == 1 else d for k, d in zip(size, (2, 3), strict=True))
    x, weight = torch.randn(2, 3, 9, 8, dtype=torch.float64), torch.randn(4, 3, *size, dtype=torch.float64)
    expected = F.conv2d(x, weight, None, 2, 1, (2, 3))
    torch.testing.assert_close(conv2d_on_pixels(x, weight, None, 2, 1, (2, 3)), expected)


@pytest.mark.parametrize(("channels", "groups", "safe"), [(6, 6, False), (16, 16, True), (6, 1, True), (6, 3, True)])
def test_which_sums_are_fused(channels, groups, safe):
    assert adds_safely(channels, groups) is safe


def test_windows_without_a_pixel_are_found():
    count = 0
    for side, k, s, d, ceil_mode in itertools.product(range(1, 7), range(1, 5), (1, 2, 3), range(1, 5), (False, True)):
        for p in range(k * d // 2 + 1):
            window = (k, 1), (s, 1), (p, 0), (d, 1), ceil_mode
            try:
                empty = bool(F.max_pool2d(torch.zeros(1, 1, side, 1), *window).isinf().any())
            except RuntimeError:
                continue  # More padding than torch allows, or no result at all.
            count += empty
            try:
                check_windows((side, 1), *window)
                found = False
            except InputError:
                found = True
            assert found is empty, (side, window)
    assert count > 20


def test_pooling_names_such_a_window():
    layer = jd.nn.MaxPool2d(2, 2, padding=1, dilation=2)
    with pytest.raises(InputError, match=r"1×14 pixels .* windows that hold no pixel"):
        layer(jd.encode(torch.randn(1, 1, 1, 14)))
