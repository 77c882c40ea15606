"""Channels of photographs, in the folder named by JPEGDOMAIN_DATA."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain.frequency import frequency_channels, published
from jpegdomain.preprocess import Compose, RandomHorizontalFlip, RandomResizedCrop

from .naive import channels_of_images, channels_of_pixels

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif("JPEGDOMAIN_DATA" not in os.environ, reason="JPEGDOMAIN_DATA names no folder"),
]


@pytest.fixture(scope="module")
def images():
    """256 photographs in 4:2:0, of all classes."""
    with tarfile.open(Path(os.environ["JPEGDOMAIN_DATA"]) / "imagenette-160.tar") as tar:
        members = [m for m in tar if m.isfile() and m.name.removeprefix("./").startswith("imagenette-160/val/")]
        # Evenly spread over all files.
        files = [tar.extractfile(member).read() for member in members[:: len(members) // 300]]
    return [image for image in jd.read_jpegs(files) if len(image.components) == 3][:256]


def test_exact_channels(images):
    some = images[::16]
    whole = frequency_channels(jd.collate(some, dtype=torch.float64))
    np.testing.assert_allclose(whole.numpy(), channels_of_images(some), rtol=0, atol=1e-9)
    cropped = Compose([RandomResizedCrop(112), RandomHorizontalFlip()])
    batch = jd.collate(some, preprocess=cropped, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    reference = channels_of_pixels(jd.decode_rgb(batch).numpy())[:, list(published("24S").indices)]
    np.testing.assert_allclose(frequency_channels(batch, published("24S")).numpy(), reference, rtol=0, atol=1e-9)


def test_nearest_chroma_is_as_far_off_as_its_documentation_says(images):
    squares = variance = 0
    for start in range(0, len(images), 32):
        batch = jd.collate(images[start : start + 32], dtype=torch.float64)
        exact = frequency_channels(batch)
        squares = squares + (frequency_channels(batch, chroma="nearest") - exact).square().mean((0, 2, 3))
        variance = variance + exact.var((0, 2, 3))
    ratio = (squares / variance).sqrt().view(3, 8, 8)
    assert ratio[0].max() == 0
    assert ((ratio[1:, 0, 0] > 0.25) & (ratio[1:, 0, 0] < 0.35)).all()
    others = ratio[1:, :4, :4].flatten(1)[:, 1:]
    assert others.min() > 1
    assert others.max() < 7.5
