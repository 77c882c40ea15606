"""The law of the whole library: converted(files) equals the spatial model on the float decoding."""

import numpy as np
import pytest
import torch

import jpegdomain as jd

from ..decoding.test_entry import naive_rgb
from ..twin import twin
from .models import SIZES, batch, files, network

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}

QUICK = [
    *(("three_block", size) for size in SIZES),
    *(("cifar_resnet20", size) for size in SIZES[1:]),
    *(("resnet18", size) for size in SIZES[1:]),
    ("resnet50", (33, 8)),
    ("resnext50_32x4d", (7, 5)),
]
SLOW = [
    (name, size)
    for name in (
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "wide_resnet50_2",
        "cifar_resnet20",
        "cifar_resnet32",
    )
    for size in SIZES
    if (name, size) not in QUICK
]
CASES = [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]


def spatial_logits(model, batched, dtype):
    """The torch model on decode_rgb, normalised by hand: nothing of the entry but the decoding."""
    mean, std = (torch.tensor(IMAGENET[key], dtype=torch.float64).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        return model(((jd.decode_rgb(batched).double() / 255 - mean) / std).to(dtype))


@pytest.mark.parametrize(("name", "size"), CASES, ids=str)
def test_converted_models_give_the_spatial_logits_on_jpeg_bytes(name, size):
    model, batched = network(name), batch(size)
    expected = spatial_logits(model, batched, torch.float64)
    with torch.no_grad():
        converted = jd.convert(model)
        logits = converted(batched)
        narrow = converted.float()(batched.to(torch.float32))
    assert expected.abs().max() > 1e-3
    assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()
    assert (narrow - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_converted_models_give_the_spatial_logits_on_a_decoding_in_plain_numpy():
    """One comparison in which nothing of the library is between the file's integers and the spatial network's input."""
    model = network("three_block")
    pixels = np.stack([naive_rgb(image) for image in files((97, 131))]).transpose(0, 3, 1, 2)
    mean, std = (torch.tensor(IMAGENET[key], dtype=torch.float64).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = model((torch.from_numpy(pixels) / 255 - mean) / std)
        logits = jd.convert(model)(batch((97, 131)))
    # The colour matrix there is rounded to nine places, and samples are clamped to 0…255.
    assert (logits - expected).abs().max() <= 1e-3 * expected.abs().max()


@pytest.mark.parametrize("form", ["dense", "stencil", "factored"])
def test_every_form_gives_the_same_logits(form):
    torch.manual_seed(1)
    model = jd.models.three_block_net(3, 10, (2, 3, 4)).double().eval()
    batched = batch((33, 8))
    with torch.no_grad():
        logits = jd.convert(model, form=form)(batched)
    expected = spatial_logits(model, batched, torch.float64)
    assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()


def test_activations_enter_as_normalised_pixels():
    model = network("three_block")
    pixels = torch.randn(2, 3, 33, 40, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(jd.convert(model)(jd.encode(pixels)), model(pixels), rtol=1e-9, atol=1e-9)


def test_one_channel_models_take_gray_and_colour_files():
    torch.manual_seed(2)
    model = jd.models.three_block_net(1, 10, (4, 4, 4)).double().eval()
    batched = batch((33, 8))
    with torch.no_grad():
        expected = model(jd.decode_luma(batched) / 255)
        logits = jd.convert(model)(batched)
    assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()


def test_mean_and_std_are_folded_into_the_entry():
    model, batched = network("three_block"), batch((33, 8))
    with torch.no_grad():
        std = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64).view(3, 1, 1)
        expected = model((jd.decode_rgb(batched) / 255 - 0.5) / std)
        logits = jd.convert(model, mean=0.5, std=[0.1, 0.2, 0.3])(batched)
    assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_fewer_frequencies_give_the_answers_of_the_low_pass_twin(plan):
    model, batched = network("three_block"), batch((97, 131))
    deviations = []
    with torch.no_grad():
        exact = spatial_logits(model, batched, torch.float64)
        for method in ("asm", "apx"):
            for n in (4, 10, 15):
                logits = jd.convert(model, frequencies=n, relu=method, plan=plan)(batched)
                expected = spatial_logits(twin(model, n, method), batched, torch.float64)
                assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()
                deviations.append((logits - exact).abs().max() / exact.abs().max())
    assert deviations[2] < 1e-9 > deviations[5]
    assert deviations[0] > deviations[1] > 1e-6
    assert deviations[3] > deviations[4] > 1e-6
    assert deviations[0] < deviations[3]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda():
    model, batched = network("resnet18"), batch((97, 131))
    expected = spatial_logits(model, batched, torch.float64)
    with torch.no_grad():
        logits = jd.convert(model).cuda()(batched.to("cuda")).cpu()
    assert (logits - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("recording", [False, True])
def test_autocast(training, recording):
    """Under autocast the converted model is as near to the float32 answer as bfloat16 is."""
    torch.manual_seed(0)
    model = jd.models.three_block_net(3, 10, (8, 8, 8))
    converted = jd.convert(model.train(training))
    pixels = torch.randn(4, 3, 40, 36)
    with torch.set_grad_enabled(recording):
        expected = model(pixels)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = converted(jd.encode(pixels))
    assert logits.dtype == torch.bfloat16
    assert (logits.float() - expected).abs().max() < 0.05 * expected.abs().max()


def test_16_bit_models():
    torch.manual_seed(0)
    model = jd.models.three_block_net(3, 10, (8, 8, 8)).eval()
    pixels = torch.randn(4, 3, 40, 36)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.no_grad():
            logits = jd.convert(model).to(dtype)(jd.encode(pixels.to(dtype)))
            expected = model(pixels)
        assert (logits.float() - expected).abs().max() < 0.05 * expected.abs().max()
