"""Preprocessed batches against ``torchvision.transforms.v2`` on the float decoding, image by image."""

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import to_activation, to_pixels

from ..codec.oracle import FIXTURES, jpeg, noise
from ..preprocess.pictures import ycbcr

STEPS = {
    "evaluation": lambda m: [m.Resize(40), m.CenterCrop(36)],
    "bicubic": lambda m: [m.Resize((40, 33), interpolation=InterpolationMode.BICUBIC)],
    "training": lambda m: [m.RandomResizedCrop(29), m.RandomHorizontalFlip(), m.RandomVerticalFlip()],
    "padded": lambda m: [m.Pad(4, fill=(200, 100, 50)), m.Resize((20, 40)), m.CenterCrop((44, 30))],
    "black around": lambda m: [m.Resize((20, 30)), m.CenterCrop((36, 33))],
    "whole blocks": lambda m: [m.RandomCrop(32, padding=20, pad_if_needed=True, padding_mode="edge")],
}


@pytest.fixture(scope="module")
def images():
    """Any sizes, samplings and colour models."""
    kinds = [
        ((97, 131), dict(subsampling="4:2:0")),
        ((61, 47), dict(subsampling="4:2:2")),
        ((64, 80), dict(subsampling="4:4:4")),
        ((45, 50), dict(keep_rgb=True)),
        ((97, 131), dict(subsampling="4:2:0", quality=40)),
        ((33, 5), dict(subsampling="4:2:0")),
        ((3, 3), dict(subsampling="4:2:0")),
    ]
    made = [jd.read_jpeg(jpeg(noise(*size, seed=i), **options)) for i, (size, options) in enumerate(kinds)]
    made += [jd.read_jpeg(jpeg(noise(50, 40, 1))), jd.read_jpeg(FIXTURES / "sampled" / "411-97x131.jpg")]
    return [*made, jd.read_jpeg(FIXTURES / "sampled" / "440-33x8.jpg")]


def expected_pixels(images, name, decode=jd.decode_rgb):
    """Return the expected pixels: the same seed, one image after another."""
    torch.manual_seed(7)
    theirs = v2.Compose(STEPS[name](v2))
    return torch.stack([theirs(decode(jd.collate([image], dtype=torch.float64))[0]) for image in images])


def batch_of(images, name, dtype=torch.float64):
    torch.manual_seed(7)
    return jd.collate(images, preprocess=ours.Compose(STEPS[name](ours)), dtype=dtype)


@pytest.mark.parametrize("name", STEPS)
def test_a_preprocessed_batch_is_torchvision_on_the_float_decoding(images, name):
    batch, expected = batch_of(images, name), expected_pixels(images, name)
    assert batch.preprocessed
    assert len(batch) == len(images)
    assert batch.extent == expected.shape[2:]
    torch.testing.assert_close(jd.decode_rgb(batch), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", STEPS)
def test_in_float32_within_a_10000th_of_the_range(images, name):
    result = jd.decode_rgb(batch_of(images, name, torch.float32))
    assert result.dtype == torch.float32
    assert (result - expected_pixels(images, name)).abs().max() < 255e-4


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 255e-4)])
@pytest.mark.parametrize("name", STEPS)
def test_luma(images, name, dtype, tolerance):
    batch = batch_of(images, name, dtype)
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    expected = torch.einsum("c,nchw->nhw", luma, expected_pixels(images, name))[:, None]
    torch.testing.assert_close(jd.decode_luma(batch).double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 255e-4)])
@pytest.mark.parametrize("name", STEPS)
def test_y_cb_and_cr_are_those_of_the_rgb_pixels(images, name, dtype, tolerance):
    batch = batch_of(images, name, dtype)
    expected = torch.from_numpy(ycbcr(expected_pixels(images, name)))
    result = to_pixels(batch, "ycbcr")
    assert result.dtype == dtype
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=tolerance)
    transformed = jd.decode(to_activation(batch, "ycbcr")).double()
    torch.testing.assert_close(transformed, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("target", ["luma", "rgb", "ycbcr"])
def test_the_activation_is_the_transform_of_the_pixels(images, name, target):
    batch = batch_of(images, name)
    channels = 1 if target == "luma" else 3
    scale, shift = torch.rand(2, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    pixels = to_pixels(batch, target, scale, shift)
    plain = to_pixels(batch, target)
    torch.testing.assert_close(pixels, plain * scale.view(-1, 1, 1) + shift.view(-1, 1, 1), rtol=0, atol=1e-9)
    activation = to_activation(batch, target, scale, shift)
    assert activation.extent == batch.extent
    torch.testing.assert_close(activation.coefficients, jd.encode(pixels).coefficients, rtol=0, atol=1e-9)


def test_only_the_needed_blocks_are_read():
    image = jd.read_jpeg(jpeg(noise(200, 300)))
    batch = jd.collate([image], preprocess=ours.CenterCrop((8, 16)))
    # Rows 96…103, columns 142…157: one row of luma blocks, three columns; of chroma, rows 47…52 and columns 70…79.
    assert [plane.quantised.shape[0] for plane in batch.groups[0].planes] == [3, 2 * 2, 2 * 2]


def test_memory_limits_the_images_at_a_time(images, monkeypatch):
    at_once = jd.decode_rgb(batch_of(images, "evaluation"))
    monkeypatch.setattr("jpegdomain.decoding.matrices._CANVAS_ELEMENTS", 20_000)
    torch.testing.assert_close(jd.decode_rgb(batch_of(images, "evaluation")), at_once, rtol=0, atol=1e-9)


def test_gradients_reach_scale_and_shift(images):
    batch = batch_of(images, "padded")
    scale, shift = torch.rand(2, 3, dtype=torch.float64).unbind()
    scale.requires_grad_()
    shift.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: to_pixels(batch, "rgb", a, b).mean((2, 3)), (scale, shift))
    assert torch.autograd.gradcheck(
        lambda a, b: to_activation(batch, "rgb", a, b).coefficients[:, :, ::8, ::8], (scale, shift)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("preprocess", [None, ours.Resize((24, 24))])
def test_half_precision_rounds_once(dtype, preprocess):
    images = [jd.read_jpeg(jpeg(noise(33, 40)))]
    exact = jd.decode_rgb(jd.collate(images, preprocess=preprocess, dtype=torch.float32))
    result = jd.decode_rgb(jd.collate(images, preprocess=preprocess, dtype=dtype))
    assert torch.equal(result, exact.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = jd.decode_rgb(jd.collate(images, preprocess=preprocess, dtype=torch.float32))
    assert torch.equal(again, exact)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", STEPS)
def test_cuda(images, name):
    batch = batch_of(images, name)
    there = batch.pin_memory().to("cuda", non_blocking=True)
    assert there.quantised.dtype == torch.int16
    torch.testing.assert_close(jd.decode_rgb(there).cpu(), jd.decode_rgb(batch), rtol=0, atol=1e-9)
    near = jd.decode_rgb(there.to(torch.float32)).double().cpu()
    assert (near - jd.decode_rgb(batch)).abs().max() < 255e-4


ORIENTATIONS = {
    1: lambda x: x,
    2: lambda x: x.flip(-1),
    3: lambda x: x.flip(-1, -2),
    4: lambda x: x.flip(-2),
    5: lambda x: x.mT,
    6: lambda x: x.mT.flip(-1),
    7: lambda x: x.mT.flip(-1, -2),
    8: lambda x: x.mT.flip(-2),
}


@pytest.mark.parametrize("size", [(37, 53), (64, 80), (21, 4)], ids=str)
@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orient_turns_images_upright(orientation, sampling, size):
    image = jd.read_jpeg(jpeg(noise(*size), subsampling=sampling, exif=exif(orientation)))
    assert image.orientation == orientation
    as_it_is = jd.decode_rgb(jd.collate([image], dtype=torch.float64))
    upright = ORIENTATIONS[orientation](as_it_is)
    turned = jd.collate([image], orient=True, dtype=torch.float64)
    torch.testing.assert_close(jd.decode_rgb(turned), upright, rtol=0, atol=1e-9)
    placed = jd.collate([image], orient=True, preprocess=ours.Resize((20, 24)), dtype=torch.float64)
    torch.testing.assert_close(jd.decode_rgb(placed), v2.Resize((20, 24))(upright), rtol=0, atol=1e-9)


def exif(orientation):
    """A TIFF header with one entry."""
    entry = (0x0112).to_bytes(2, "big") + (3).to_bytes(2, "big") + (1).to_bytes(4, "big")
    directory = (1).to_bytes(2, "big") + entry + orientation.to_bytes(2, "big") + bytes(6)
    return b"Exif\0\0MM\0*" + (8).to_bytes(4, "big") + directory


def test_the_oracle_of_orientations_is_pillows():
    from PIL import Image, ImageOps

    pixels = noise(5, 7)
    for orientation, turn in ORIENTATIONS.items():
        file = Image.fromarray(pixels)
        file.getexif()[0x0112] = orientation
        expected = np.asarray(ImageOps.exif_transpose(file))
        np.testing.assert_array_equal(turn(torch.from_numpy(pixels).permute(2, 0, 1)).permute(1, 2, 0), expected)
