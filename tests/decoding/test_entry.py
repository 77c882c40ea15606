"""The entry against a decoder written out in plain numpy, and against Pillow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from jpegdomain.decoding import Entry, to_activation, to_pixels
from jpegdomain.decoding.whole import upsample
from jpegdomain.errors import InputError

from ..codec.oracle import FIXTURES, decoded, jpeg, noise
from ..preprocess.pictures import ycbcr

RGB_FROM_YCBCR = np.array([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])

FILES = {
    "4:4:4": dict(subsampling="4:4:4"),
    "4:2:2": dict(subsampling="4:2:2"),
    "4:2:0": dict(subsampling="4:2:0"),
    "progressive": dict(subsampling="4:2:0", progressive=True),
    "rgb": dict(keep_rgb=True),
}
SIZES = [(224, 224), (160, 213), (97, 131), (33, 8), (7, 5), (1, 1), (16, 2), (3, 33)]


def made(name, size, seed=0):
    """Return a file whose samples stay away from 0 and 255, so that nothing is clamped."""
    pixels = 64 + noise(*size, channels=1 if name == "gray" else 3, seed=seed) // 2
    return jpeg(pixels, quality=80, **FILES.get(name, {}))


def naive_rgb(image):
    """Return the unclamped RGB of a JpegImage, one line for each step of the standard, in numpy."""
    planes = decoded(image)
    if image.color == "gray":
        return planes.repeat(3, axis=2)
    if image.color == "rgb":
        return planes
    return (planes - [0, 128, 128]) @ RGB_FROM_YCBCR.T


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", [*FILES, "gray"])
def test_decode_rgb_equals_a_decoder_written_out(name, size):
    image = jd.read_jpeg(made(name, size))
    expected = naive_rgb(image).transpose(2, 0, 1)
    result = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(result, expected, atol=1e-4)  # the matrix above is rounded to nine digits


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", [*FILES, "gray"])
def test_decode_rgb_equals_pillow_except_for_rounding_and_clamping(name, size):
    data = made(name, size)
    with Image.open(io.BytesIO(data)) as file:
        expected = np.asarray(file.convert("RGB")).astype(float)
    levels = jd.decode_rgb(jd.collate([jd.read_jpeg(data)], dtype=torch.float64))[0].permute(1, 2, 0)
    difference = np.abs(np.clip(levels.numpy(), 0, 255) - expected)
    # Pillow rounds each component, its upsampled samples and the colour sum to integers.
    assert difference.mean() < 0.6
    assert difference.max() < 4


@pytest.mark.parametrize("name", ["4:4:4", "4:2:0", "rgb", "gray"])
def test_one_channel_is_luma(name):
    data = made(name, (33, 40))
    with Image.open(io.BytesIO(data)) as file:
        expected = np.asarray(file.convert("L")).astype(float)
    luma = jd.decode_luma(jd.collate([jd.read_jpeg(data)], dtype=torch.float64))[0, 0].numpy()
    assert np.abs(np.clip(luma, 0, 255) - expected).mean() < 1


def test_a_batch_may_mix_samplings_tables_and_colours_and_keeps_its_order():
    names = ["4:2:0", "gray", "4:4:4", "rgb", "4:2:0", "4:2:2", "gray"]
    images = [jd.read_jpeg(made(name, (97, 131), seed)) for seed, name in enumerate(names)]
    images += [jd.read_jpeg(FIXTURES / "sampled" / f"{name}-97x131.jpg") for name in ("440", "411")]
    together = jd.decode_rgb(jd.collate(images, dtype=torch.float64))
    for position, image in enumerate(images):
        alone = naive_rgb(image).transpose(2, 0, 1)
        np.testing.assert_allclose(together[position].numpy(), alone, atol=1e-4)


SAMPLED = sorted((FIXTURES / "sampled").glob("*.jpg"))


@pytest.mark.parametrize("path", SAMPLED, ids=lambda path: path.stem)
def test_samplings_that_pillow_cannot_write(path):
    image = jd.read_jpeg(path)
    with Image.open(path) as file:
        expected = np.asarray(file.convert("RGB")).astype(float)
    levels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(levels, naive_rgb(image), atol=1e-4)
    assert np.abs(levels - expected).mean() < 0.6
    assert np.abs(levels - expected).max() < 4


@pytest.mark.parametrize("name", ["4:2:0", "4:4:4", "gray"])
@pytest.mark.parametrize("channels", [1, 3])
def test_entry_folds_mean_and_std(name, channels):
    batch = jd.collate([jd.read_jpeg(made(name, (19, 21)))], dtype=torch.float64)
    mean, std = torch.rand(channels).tolist(), (torch.rand(channels) + 0.5).tolist()
    entry = Entry(channels, mean, std)
    levels = jd.decode_rgb(batch) if channels == 3 else jd.decode_luma(batch)
    shape = (1, channels, 1, 1)
    wide = [torch.tensor(values, dtype=torch.float64).view(shape) for values in (mean, std)]
    expected = (levels / 255 - wide[0]) / wide[1]
    torch.testing.assert_close(jd.decode(entry(batch)), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(entry.normalised_pixels(batch), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 255e-4)])
@pytest.mark.parametrize("size", [(97, 131), (33, 8), (1, 1)], ids=str)
@pytest.mark.parametrize("name", [*FILES, "gray"])
def test_y_cb_and_cr_come_from_the_file_or_from_its_rgb(name, size, dtype, tolerance):
    image = jd.read_jpeg(made(name, size))
    planes = decoded(image).transpose(2, 0, 1)
    if name == "gray":
        planes = np.concatenate([planes, np.full((2, *size), 128.0)])
    expected = ycbcr(planes) if name == "rgb" else planes
    np.testing.assert_allclose(expected, ycbcr(naive_rgb(image).transpose(2, 0, 1)), atol=1e-4)
    batch = jd.collate([image], dtype=dtype)
    for result in (to_pixels(batch, "ycbcr"), jd.decode(to_activation(batch, "ycbcr"))):
        assert result.dtype == dtype
        np.testing.assert_allclose(result[0].numpy(), expected, atol=tolerance)


def test_entry_defaults():
    assert Entry(3).mean.tolist() == [0.485, 0.456, 0.406]
    assert Entry(3).std.tolist() == [0.229, 0.224, 0.225]
    assert (Entry(1).mean.tolist(), Entry(1).std.tolist()) == ([0.0], [1.0])


def test_entry_leaves_no_pixels_outside_the_image():
    batch = jd.collate([jd.read_jpeg(made("4:2:0", (9, 10)))], dtype=torch.float64)
    activation = Entry(3)(batch)
    again = jd.encode(jd.decode(activation))
    torch.testing.assert_close(activation.coefficients, again.coefficients, rtol=0, atol=1e-12)


def test_entry_refuses_what_it_cannot_take():
    batch = jd.collate([jd.read_jpeg(made("gray", (8, 8)))])
    with pytest.raises(InputError, match=r"jpegdomain\.collate.*got Tensor"):
        Entry(3)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError, match="4 channels"):
        Entry(4)(batch)
    with pytest.raises(ValueError, match="mean must be one number or 3"):
        Entry(3, mean=[0.5, 0.5])
    with pytest.raises(ValueError, match="std must not contain a zero"):
        Entry(3, std=[1, 0, 1])


def test_upsample_by_hand():
    row = torch.tensor([[[[0.0, 4.0, 8.0]]]])
    assert upsample(row, (1, 2)).flatten().tolist() == [0, 1, 3, 5, 7, 8]
    assert upsample(row[..., :2], (1, 2)).flatten().tolist() == [0, 0, 4, 4]
    assert upsample(row, (1, 4)).flatten().tolist() == [0] * 4 + [4] * 4 + [8] * 4
    assert upsample(row.transpose(2, 3), (2, 1)).flatten().tolist() == [0, 1, 3, 5, 7, 8]
