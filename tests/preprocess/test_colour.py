"""Colours and erased rectangles against ``torchvision.transforms.v2`` on decoded float64 images, drawn alike."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise
from .pictures import picture, ycbcr

FLOAT = torch.float64


def pale(extent=(46, 61), *, seed=0, channels=3, **options):
    """Return a file of low contrast, so that torchvision clamps nothing; the channels differ."""
    pixels = 70 + 0.3 * noise(*extent, channels, seed=seed) + 10 * np.arange(channels)
    return jd.read_jpeg(jpeg(pixels.astype(np.uint8), quality=92, **options))


def levels(image, orient=False):
    return jd.decode_rgb(jd.collate([image], orient=orient, dtype=FLOAT))[0]


PAIRS = {
    "brightness": lambda m: m.ColorJitter(brightness=0.3),
    "contrast": lambda m: m.ColorJitter(contrast=(0.4, 1.5)),
    "saturation": lambda m: m.ColorJitter(saturation=0.7),
    "jitter": lambda m: m.ColorJitter(0.2, 0.3, 0.4),
    "jitter twice": lambda m: m.Compose([m.ColorJitter(0.1, 0.3, 0.4), m.ColorJitter(0.2, (1.1, 1.3))]),
    "gray": lambda m: m.RandomGrayscale(0.5),
    "inverted": lambda m: m.RandomInvert(),
    "permuted": lambda m: m.RandomChannelPermutation(),
    "training": lambda m: m.Compose(
        [
            m.RandomResizedCrop(24, scale=(0.3, 1)),
            m.RandomHorizontalFlip(),
            m.ColorJitter(0.2, 0.3, 0.4),
            m.RandomGrayscale(0.5),
            m.RandomErasing(0.9, value=0.5 if m is v2 else 127.5),
        ]
    ),
    "colours, then geometry": lambda m: m.Compose(
        [
            m.ColorJitter(0.1, 0.3, 0.4),
            m.RandomInvert(),
            m.Pad((1, 2, 3, 4), fill=[0.5, 0.25, 0.75] if m is v2 else [127.5, 63.75, 191.25]),
            m.ColorJitter(contrast=0.3),
            m.CenterCrop((52, 50)),
            m.Resize((20, 30)),
            m.ColorJitter(contrast=0.3),
        ]
    ),
    "erased": lambda m: m.Compose(
        [
            m.RandomErasing(0.8, value=(0.125, 0.25, 0.5) if m is v2 else (31.875, 63.75, 127.5)),
            m.RandomErasing(0.8, scale=(0.2, 0.3), ratio=(1, 1)),
            m.RandomInvert(),
        ]
    ),
    "erased by noise": lambda m: m.RandomErasing(1.0, value="random") if m is v2 else m.RandomErasing(1.0, noise=255),
}

IMAGES = {
    "4:2:0": lambda: pale(subsampling=2),
    "4:4:4": lambda: pale((40, 48), seed=1, subsampling=0),
    "gray": lambda: pale(channels=1),
    "turned": lambda: replace(pale(subsampling=1), orientation=6),
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", PAIRS)
def test_colours_are_torchvisions(name, kind):
    image = IMAGES[kind]()
    theirs, mine = PAIRS[name](v2), PAIRS[name](ours)
    mean, std = torch.tensor([0.4, 0.5, 0.6], dtype=FLOAT), torch.tensor([0.2, 0.3, 0.25], dtype=FLOAT)
    for seed in range(3):
        torch.manual_seed(seed)
        expected = theirs(levels(image, orient=True) / 255)
        # Nothing was clamped, except by noise.
        assert "noise" in name or (expected.min() >= 0 and expected.max() <= 1)
        torch.manual_seed(seed)
        batch = jd.collate([image], preprocess=mine, orient=True, dtype=FLOAT)
        torch.testing.assert_close(jd.decode_rgb(batch)[0], 255 * expected, rtol=0, atol=1e-9)
        luma = torch.from_numpy(ycbcr(255 * expected.numpy())[:1])
        torch.testing.assert_close(jd.decode_luma(batch)[0], luma, rtol=0, atol=1e-9)
        normalised = (expected - mean[:, None, None]) / std[:, None, None]
        for entered in (batch, pickle.loads(pickle.dumps(batch)), batch.as_tensors()):
            pixels = Entry(3, mean, std, "pixels")(entered)[0]
            torch.testing.assert_close(pixels, normalised, rtol=0, atol=1e-9)
            activation = Entry(3, mean, std, "transform")(entered)
            torch.testing.assert_close(jd.decode(activation)[0], normalised, rtol=0, atol=1e-9)
        # The compiled renderer.
        single = batch.to(torch.float32)
        for entered in (single, pickle.loads(pickle.dumps(single))):
            pixels = Entry(3, mean, std, "pixels")(entered)[0]
            torch.testing.assert_close(pixels, normalised.float(), rtol=0, atol=2e-5)
        torch.testing.assert_close(jd.decode_luma(batch.to(torch.float32))[0], luma.float(), rtol=0, atol=2e-3)


def test_images_of_one_batch_have_their_own_colours():
    images = [pale(seed=i, subsampling=i % 3) for i in range(5)] + [pale(channels=1)]
    mine, theirs = ours.ColorJitter(0.2, 0.3, 0.4), v2.ColorJitter(0.2, 0.3, 0.4)
    steps = ours.Compose([ours.Resize((30, 31)), mine])
    torch.manual_seed(7)
    resized = [v2.functional.resize(levels(image) / 255, [30, 31]) for image in images]
    expected = torch.stack([255 * theirs(one) for one in resized])
    torch.manual_seed(7)
    batch = jd.collate(images, preprocess=steps, dtype=FLOAT)
    torch.testing.assert_close(jd.decode_rgb(batch), expected, rtol=0, atol=1e-9)
    single = batch.to(torch.float32)
    for entered in (single, pickle.loads(pickle.dumps(single))):
        torch.testing.assert_close(jd.decode_rgb(entered), expected.float(), rtol=0, atol=2e-3)
    again = jd.collate(images, preprocess=steps, generator=torch.Generator().manual_seed(7), dtype=FLOAT)
    assert torch.equal(jd.decode_rgb(again), jd.decode_rgb(batch))


@pytest.mark.parametrize("orientation", [1, 8])
@pytest.mark.parametrize("color", ["cmyk", "ycck"])
def test_four_components(color, orientation):
    factors = ((1, 1),) * 4 if color == "cmyk" else ((2, 2), (1, 1), (1, 1), (2, 2))
    image = replace(picture(factors, (30, 41), color=color), orientation=orientation)
    theirs, mine = v2.ColorJitter(contrast=0.5, saturation=0.5), ours.ColorJitter(contrast=0.5, saturation=0.5)
    given = levels(image, orient=True)
    torch.manual_seed(1)
    # Between 0.3 and 0.7, and back: contrast and saturation commute with that.
    low, high = given.min(), given.max()
    squeezed = 255 * theirs(0.3 + 0.4 * (given - low) / (high - low))
    gray = 255 * 0.3 * (1 - 0.9999)
    torch.manual_seed(1)
    batch = jd.collate([image], preprocess=mine, orient=True, dtype=FLOAT)
    pixels = 255 * 0.3 + 0.4 * 255 * (jd.decode_rgb(batch)[0] - low) / (high - low)
    # torchvision's weights of gray add up to 0.9999.
    assert (pixels - squeezed).abs().max() < 3 * gray


def test_hue_turns_by_thirds_as_torchvisions_does():
    image = pale()
    for third in (-1, 1):
        matrix = ours.ColorJitter(hue=(third / 3, third / 3))
        batch = jd.collate([image], preprocess=matrix, dtype=FLOAT)
        expected = 255 * v2.functional.adjust_hue(levels(image) / 255, third / 3)
        torch.testing.assert_close(jd.decode_rgb(batch)[0], expected, rtol=0, atol=1e-4)
    turned = ours.ColorJitter(hue=(0.1, 0.1))(image.extent).colors
    np.testing.assert_allclose(turned @ np.ones(3), np.ones(3), atol=1e-12)
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)


def test_a_colour_matrix():
    matrix, shift = [[0.5, 0.2, 0], [0, 1, 0], [0.1, 0, -1]], (1, 2, 300)
    image = pale()
    batch = jd.collate([image], preprocess=ours.ColorMatrix(matrix, shift), dtype=FLOAT)
    expected = np.einsum("ck,khw->chw", matrix, levels(image).numpy()) + np.array(shift)[:, None, None]
    np.testing.assert_allclose(jd.decode_rgb(batch)[0].numpy(), expected, atol=1e-9)
    batch = jd.collate([image], preprocess=ours.Grayscale(), dtype=FLOAT)
    expected = v2.Grayscale(3)(levels(image))
    torch.testing.assert_close(jd.decode_rgb(batch)[0], expected, rtol=0, atol=1e-9)


def test_impossible_arguments_are_refused():
    with pytest.raises(InputError, match="Resize moves pixels: put it before RandomErasing"):
        ours.Compose([ours.Compose([ours.RandomErasing(1), ours.Grayscale()]), ours.Resize(20)])
    with pytest.raises(ValueError, match="put RandomErasing after all steps"):
        ours.Resize(20).place(ours.RandomErasing(1)((40, 50)))
    with pytest.raises(InputError, match="depends on the image"):
        ours.ColorJitter(contrast=(0.5, 0.5))((9, 9)).constants()
    for make, message in (
        (lambda: ours.ColorJitter(hue=0.6), "hue must be two ascending"),
        (lambda: ours.ColorJitter(brightness=-1), "brightness must be a number"),
        (lambda: ours.ColorMatrix([[1, 0], [0, 1]]), "matrix must be 3×3"),
        (lambda: ours.RandomErasing(value=(1, 2)), "value must be one level"),
        (lambda: ours.RandomErasing(scale=(0.5, 2)), "scale must be two ascending"),
        (lambda: ours.RandomGrayscale(2), "probability"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_equal_maps_with_other_colours_from_a_worker():
    # Without randomness, maps are compared by value: those of two permutations are equal except for the colours.
    images, orders = [pale(seed=i) for i in range(2)], np.eye(3)[[[1, 2, 0], [2, 0, 1]]]
    for order in orders:
        batch = jd.collate(images, preprocess=ours.ColorMatrix(order))
        expected = np.einsum("ck,nkhw->nchw", order, np.stack([levels(image).numpy() for image in images]))
        arrived = jd.decode_rgb(pickle.loads(pickle.dumps(batch)))
        np.testing.assert_allclose(arrived.numpy(), expected, atol=2e-3)
