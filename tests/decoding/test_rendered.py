"""Batches on the CPU that are rendered from their records: the same numbers as by tensors, and the exceptions."""

import copy
import pickle

import pytest
import torch

import jpegdomain as jd
from jpegdomain.decoding import affine, to_activation, to_pixels
from jpegdomain.functional import decode
from jpegdomain.preprocess import CenterCrop, Compose, Resize

from ..preprocess.pictures import picture

SCALE, SHIFT = torch.tensor([0.017, 0.018, 0.019]), torch.tensor([-2.1, -2.0, -1.8])
PREPROCESS = Compose([Resize(24), CenterCrop(20)])


def batch(**options):
    extents = [(40, 50), (31, 60), (25, 25)] if "preprocess" in options else [(40, 50)] * 3
    kinds = zip(["4:2:0", "gray", "4:4:4"], extents, strict=True)
    return jd.collate([picture(*kind, seed) for seed, kind in enumerate(kinds)], **options)


@pytest.fixture
def calls(monkeypatch):
    made = []
    render = affine.render
    monkeypatch.setattr(affine, "render", lambda *given, **options: made.append(1) or render(*given, **options))
    return made


@pytest.mark.parametrize("options", [{}, {"preprocess": PREPROCESS}], ids=["whole", "placed"])
@pytest.mark.parametrize("target", ["luma", "rgb", "ycbcr"])
def test_the_same_numbers_as_by_tensors(options, target, calls):
    channels = 1 if target == "luma" else 3
    scale, shift = SCALE[:channels], SHIFT[:channels]
    exact = to_pixels(batch(dtype=torch.float64, **options), target, scale, shift)
    assert not calls
    pixels = to_pixels(batch(**options), target, scale, shift)
    assert calls == [1]
    assert pixels.dtype == torch.float32
    assert (pixels - exact).abs().max() < 1e-5 * 255 * SCALE.max()
    activation = to_activation(batch(**options), target, scale, shift)
    assert calls == [1, 1]
    assert (decode(activation) - exact).abs().max() < 2e-5 * 255 * SCALE.max()
    levels = to_pixels(batch(**options), target)
    assert (levels - to_pixels(batch(dtype=torch.float64, **options), target)).abs().max() < 1e-5 * 255


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_channels_last_with_both_renderers(dtype):
    last = to_pixels(batch(dtype=dtype), "rgb", SCALE, SHIFT, channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last)
    first = to_pixels(batch(dtype=dtype), "rgb", SCALE, SHIFT)
    assert first.is_contiguous()
    assert torch.equal(first, last)


def test_half_precision_is_rounded_at_the_end(calls):
    exact = to_pixels(batch(dtype=torch.float64), "rgb", SCALE, SHIFT)
    half = to_pixels(batch(dtype=torch.bfloat16), "rgb", SCALE, SHIFT)
    assert calls == [1]
    assert torch.equal(half, exact.float().to(torch.bfloat16)) or (half - exact).abs().max() < 0.02


def test_records_stay_on_the_cpu(calls):
    here = batch()
    assert here.to("cpu") is here
    assert here.to(torch.float64).records is here.records
    assert here.to("meta").records is None
    sent = pickle.loads(pickle.dumps(here))
    assert (sent.records, len(sent), sent.device, sent.extent) == (None, 3, here.device, here.extent)
    assert copy.deepcopy(here).groups[0].images == here.groups[0].images


@pytest.mark.parametrize("learned", [SCALE, SHIFT], ids=["scale", "shift"])
def test_gradients_use_tensors(learned, calls):
    values = [each.clone().requires_grad_(each is learned) for each in (SCALE, SHIFT)]
    to_pixels(batch(preprocess=PREPROCESS), "rgb", *values).sum().backward()
    assert not calls
    assert next(value.grad for value in values if value.requires_grad).abs().min() > 0
    with torch.no_grad():
        to_pixels(batch(), "rgb", *values)
    assert calls
