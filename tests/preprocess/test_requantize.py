"""Other quantisation tables, against NumPy, libjpeg's own tables and a file that libjpeg made from the pixels."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import InputError
from jpegdomain.preprocess import augmentation

from ..codec.oracle import forward, jpeg, noise, pillow, samples
from .pictures import picture


def pillows_tables(quality):
    """libjpeg's tables of a quality, row-major."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    tables = Image.open(buffer).quantization
    return [np.array(tables[number]).reshape(8, 8) for number in (0, 1)]


@pytest.mark.parametrize("quality", [1, 17, 50, 75, 100])
def test_coefficients_by_numpy(quality):
    image = picture("4:2:0", (46, 61))
    tables = pillows_tables(quality)
    torch.manual_seed(0)
    batch = jd.collate([image], preprocess=ours.JpegQuality(quality), dtype=torch.float64)
    steps = ours.Requantize(*tables)
    assert torch.equal(jd.decode_rgb(batch), jd.decode_rgb(jd.collate([image], preprocess=steps, dtype=torch.float64)))
    again = augmentation.requantize(image, *tables)
    for number, (one, other) in enumerate(zip(again.components, image.components, strict=True)):
        new = tables[min(number, 1)].reshape(-1)
        exact = other.coefficients.astype(np.float64) * other.table / new
        # Half away from zero.
        expected = np.sign(exact) * np.floor(np.abs(exact) + 0.5)
        np.testing.assert_array_equal(one.coefficients, expected)
        np.testing.assert_array_equal(one.table, new)
    expected = jd.decode_rgb(jd.collate([again], dtype=torch.float64))
    for entered in (batch, batch.as_tensors()):
        torch.testing.assert_close(jd.decode_rgb(entered), expected, rtol=0, atol=1e-9)


def test_it_agrees_with_libjpeg_on_the_pixels():
    # Gray, of whole blocks and in range, so libjpeg only adds the rounding of pixels to whole levels.
    data = jpeg((80 + 0.3 * noise(64, 96, 1)).astype(np.uint8), quality=90)
    given, (luma, _) = jd.read_jpeg(data), pillows_tables(40)
    buffer = io.BytesIO()
    Image.fromarray(pillow(data, "L")[..., 0]).save(buffer, "JPEG", quality=40)
    theirs, mine = jd.read_jpeg(buffer.getvalue()).components[0], augmentation.requantize(given, luma).components[0]
    np.testing.assert_array_equal(mine.table, theirs.table)
    different = mine.coefficients != theirs.coefficients
    assert np.abs(mine.coefficients - theirs.coefficients).max() <= 1
    assert different.mean() < 0.01
    # The ones that differ were close to a tie.
    part = given.components[0]
    own = forward(samples(part.coefficients, part.table, 64, 96)) / luma.reshape(-1)
    assert np.abs(np.abs(own - np.trunc(own)) - 0.5)[different].max() < 0.1


def test_torchvisions_draws():
    recipe = ours.from_torchvision(v2.Compose([v2.JPEG((5, 95)), v2.RandomHorizontalFlip()]))
    for seed in range(4):
        torch.manual_seed(seed)
        quality = torch.randint(5, 96, ()).item()
        torch.manual_seed(seed)
        image_map = recipe.transform((16, 24))
        np.testing.assert_array_equal(image_map.tables[0][0].reshape(8, 8), pillows_tables(quality)[0])
        np.testing.assert_array_equal(image_map.tables[0][1].reshape(8, 8), pillows_tables(quality)[1])


@pytest.mark.parametrize("color", ["gray", "rgb", "cmyk", "ycck"])
def test_which_component_has_which_table(color):
    count = {"gray": 1, "rgb": 3}.get(color, 4)
    image = picture(((1, 1),) * count, (16, 16), color=color)
    again = augmentation.requantize(image, np.full(64, 3), np.full((8, 8), 7))
    expected = {"ycck": [3, 7, 7, 3]}.get(color, [3] * count)
    assert [int(part.table[5]) for part in again.components] == expected


def test_requantising_with_few_frequencies_contrast_and_two_tables():
    image, small = picture("4:2:0", (40, 48)), picture("4:2:0", (40, 48), keep=3)
    again = augmentation.requantize(small, np.full(64, 20))
    for one, whole in zip(again.components, augmentation.requantize(image, np.full(64, 20)).components, strict=True):
        kept = whole.coefficients.reshape(*whole.coefficients.shape[:2], 8, 8)[..., :3, :3]
        np.testing.assert_array_equal(one.coefficients.reshape(kept.shape), kept)
    tables = [np.full(64, 40), np.full(64, 30)]
    contrast = ours.ColorJitter(contrast=(0.5, 0.5))
    steps = ours.Compose([*map(ours.Requantize, tables), contrast])
    twice = augmentation.requantize(augmentation.requantize(image, tables[0]), tables[1])
    torch.testing.assert_close(
        jd.decode_rgb(jd.collate([image], preprocess=steps, dtype=torch.float64)),
        jd.decode_rgb(jd.collate([twice], preprocess=contrast, dtype=torch.float64)),
    )


def test_impossible_arguments_are_refused():
    for make, message in (
        (lambda: ours.JpegQuality(0), "quality must be a whole number"),
        (lambda: ours.JpegQuality((80, 20)), "quality must be a whole number"),
        (lambda: ours.Requantize(np.zeros(64, int)), "quantisation table must be"),
        (lambda: ours.Requantize(np.ones(63, int)), "quantisation table must be"),
        (lambda: ours.Compose([ours.Resize(8), ours.JpegQuality(50)]), "JpegQuality changes .*put it first"),
        (lambda: ours.from_torchvision(v2.Compose([v2.CenterCrop(9), v2.JPEG(50)])), "put it first"),
        (
            lambda: ours.Compose([ours.RandomApply([ours.JpegQuality(30), ours.Resize(20)]), ours.JpegQuality(5)]),
            "put it first",
        ),
    ):
        with pytest.raises(InputError, match=message):
            make()
