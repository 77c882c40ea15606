"""Half precision: as close to float32 as the spatial model is, under autocast and as whole models."""

import copy

import pytest
import torch

import jpegdomain as jd

from .nets import PLANS, loss_and_gradients, net, pixels


def deviation(got, exact):
    return ((got.double() - exact).norm() / exact.norm()).item()


def under_autocast(function, *args):
    with torch.autocast("cpu", torch.bfloat16):
        return function(*args)


@pytest.mark.parametrize("plan", PLANS)
def test_inference_under_autocast(plan):
    model = net(torch.float32)
    x = pixels(32, dtype=torch.float32)
    with torch.no_grad():
        exact = net()(x.double())
        spatial = deviation(under_autocast(model, x), exact)
        got = under_autocast(jd.convert(model, plan=plan), jd.encode(x))
    assert got.dtype == torch.bfloat16
    assert 0 < deviation(got, exact) <= 2 * spatial


@pytest.mark.parametrize("plan", PLANS)
def test_masks_under_autocast(plan):
    """If rounding flips a sign near zero, a whole pixel changes: allow a few times the spatial deviation."""
    converted = jd.convert(net(torch.float32), plan=plan, frequencies=6)
    x = pixels(32, dtype=torch.float32)
    with torch.no_grad():
        exact = copy.deepcopy(converted).double()(jd.encode(x.double()))
        assert 0 < deviation(under_autocast(converted, jd.encode(x)), exact) <= 0.03


@pytest.mark.parametrize("plan", PLANS)
def test_training_under_autocast(plan):
    model = net(torch.float32).train()
    x = pixels(32, dtype=torch.float32)
    exact = loss_and_gradients(net().train(), x.double())
    spatial = deviation(under_autocast(loss_and_gradients, model, x), exact)
    converted = jd.convert(net(torch.float32), plan=plan).train()
    got = under_autocast(loss_and_gradients, converted, jd.encode(x))
    assert 0 < deviation(got, exact) <= 2 * spatial


def test_transforms_keep_their_dtype_under_autocast():
    x = pixels(dtype=torch.float32)
    expected = jd.encode(x)
    got = under_autocast(jd.encode, x)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got.coefficients, expected.coefficients)
    assert under_autocast(jd.decode, got).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("plan", PLANS)
def test_whole_models_in_half_precision(plan, dtype):
    x = pixels(32)
    exact = net()(x)
    converted, spatial = jd.convert(net(torch.float32), plan=plan).to(dtype), net().to(dtype)
    with torch.no_grad():
        got, expected = converted(jd.encode(x).to(dtype)), spatial(x.to(dtype))
    assert got.dtype == dtype
    assert deviation(got, exact) <= 4 * deviation(expected, exact)
    with pytest.raises(jd.errors.InputError, match=r"the input is torch.float64, but the model"):
        converted(jd.encode(x))
