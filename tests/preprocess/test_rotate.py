"""Transposition and rotations by 90° of files against NumPy on the decoded pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.preprocess import keep_for, low_frequency_bound

from .pictures import limited, picture

EXTENT = (46, 61)
IMAGES = {
    "4:2:0": lambda: picture("4:2:0", EXTENT),
    "4:2:2": lambda: picture("4:2:2", EXTENT),
    "turned": lambda: replace(picture("4:4:0", EXTENT), orientation=5),
    "cmyk": lambda: picture(((1, 1),) * 4, EXTENT, color="cmyk"),
    "ycck, turned": lambda: replace(picture(((2, 1), (1, 1), (1, 1), (2, 1)), EXTENT, color="ycck"), orientation=6),
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_rotations(kind, quarters):
    image = IMAGES[kind]()
    upright = jd.decode_rgb(jd.collate([image], orient=True, dtype=torch.float64))[0].numpy()
    expected = np.rot90(upright, -quarters, axes=(1, 2))
    batch = jd.collate([image], preprocess=ours.Rotate90(quarters), orient=True, dtype=torch.float64)
    np.testing.assert_allclose(jd.decode_rgb(batch)[0].numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(jd.decode_rgb(batch.as_tensors())[0].numpy(), expected, atol=1e-9)
    single = jd.decode_rgb(batch.to(torch.float32))[0].numpy()
    np.testing.assert_allclose(single, expected, atol=5e-3)
    theirs = v2.functional.rotate(torch.from_numpy(upright.copy()), -90.0 * quarters, expand=True)
    np.testing.assert_allclose(expected, theirs.numpy(), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_random_rotations_among_other_steps(seed):
    image = picture("4:2:0", EXTENT)
    steps = ours.Compose([ours.Pad(2, fill=(9, 8, 7)), ours.RandomRotate90(), ours.Resize((30, 40)), ours.Transpose()])
    torch.manual_seed(seed)
    quarters = torch.randint(4, ()).item()
    padded = v2.functional.pad(jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0], [2], fill=[9, 8, 7])
    turned = torch.rot90(padded, -quarters, (1, 2))
    expected = v2.functional.resize(turned, [30, 40]).mT
    batch = jd.collate([image], preprocess=steps, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(jd.decode_rgb(batch)[0], expected, rtol=0, atol=1e-9)


def test_low_frequencies_of_turned_and_recoloured_images():
    image = picture("4:2:0", (160, 240))
    inner = [ours.Rotate90(), ours.ColorMatrix([[0, 2, 0], [1, 0, 0], [0, 0, -1]]), ours.Resize((30, 20))]
    steps, whole = ours.Compose(inner, low_frequencies=True), ours.Compose(inner)
    keep = keep_for(steps, image)
    assert keep < 8
    fewer = jd.decode_rgb(jd.collate([image], preprocess=steps, dtype=torch.float64))
    exact = jd.decode_rgb(jd.collate([image], preprocess=whole, dtype=torch.float64))
    same = jd.decode_rgb(jd.collate([limited(image, keep)], preprocess=whole, dtype=torch.float64))
    torch.testing.assert_close(fewer, same, rtol=0, atol=1e-9)
    bound = low_frequency_bound(image, steps, keep)
    assert (fewer - exact).abs().max() <= bound.largest
    assert (fewer - exact).abs().mean() <= bound.mean
    # Which way an image is turned is not known when it is read.
    assert keep_for(ours.Compose([ours.RandomRotate90(), ours.Resize(9)], low_frequencies=True), image) == 8


def test_quarters_are_whole():
    with pytest.raises(ValueError, match="whole number"):
        ours.Rotate90(0.5)
