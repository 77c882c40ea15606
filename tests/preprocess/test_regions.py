"""The region of a drawn map: what is outside does not matter, what is inside does."""

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain.codec import Component, JpegHeader, JpegImage
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import ColorJitter, Compose, RandomHorizontalFlip, RandomResizedCrop, Transform, region_of
from jpegdomain.preprocess.component_map import UPRIGHT, turn_of

from .pictures import SAMPLINGS, picture


class Given(Transform):
    """A map that has been drawn."""

    def __init__(self, image_map):
        self.map = image_map

    @property
    def random(self):
        return True

    def place(self, so_far, generator=None):
        return self.map


def changed(image, region, seed=0):
    """Change the coefficients of each block all of whose pixels are outside the region."""
    generator = np.random.default_rng(seed)
    largest = [max(part.factors[axis] for part in image.components) for axis in (0, 1)]
    parts = []
    for part in image.components:
        rows, columns = part.coefficients.shape[:2]
        inside = []
        for axis, count in enumerate((rows, columns)):
            side = 8 * largest[axis] // part.factors[axis]
            first = side * np.arange(count)
            inside.append((first < region[axis] + region[axis + 2]) & (first + side > region[axis]))
        kept = inside[0][:, None, None] & inside[1][None, :, None]
        other = generator.integers(-50, 50, part.coefficients.shape).astype(np.int16)
        coefficients = np.where(kept, part.coefficients, other)
        parts.append(Component(part.identifier, coefficients, part.table, part.factors, part.extent))
    return JpegImage(tuple(parts), image.extent, image.color, image.orientation, False, image.source)


def pixels(image, image_map, orient):
    batch = jd.collate([image], preprocess=Given(image_map), orient=orient)
    return jd.decode_rgb(batch)


@pytest.mark.parametrize("sampling", ["gray", "4:4:4", "4:2:0", "4:2:2", "4:4:0", "4:1:1", "luma halved"])
@pytest.mark.parametrize("orientation", [None, 1, 3, 6, 7])
def test_what_is_outside_the_region_does_not_matter(sampling, orientation):
    image = picture(sampling, (90, 130))
    image = JpegImage(image.components, image.extent, image.color, orientation or 1, False, sampling)
    header = JpegHeader(image.extent, SAMPLINGS[sampling], image.orientation)
    orient = orientation is not None
    turn = turn_of(image.orientation) if orient else UPRIGHT
    step = Compose([RandomResizedCrop(16, scale=(0.02, 0.2)), RandomHorizontalFlip()])
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        image_map = step.place(turn.map(turn.extent(image.extent)), generator)
        region = region_of(image_map, header, orient=orient)
        height, width = region[2:]
        assert 0 < height * width < image.extent.height * image.extent.width
        expected = pixels(image, image_map, orient)
        assert torch.equal(pixels(changed(image, region), image_map, orient), expected)
        # And what lies inside does: a block less at one edge is noticed.
        narrower = (region[0], region[1], max(region[2] - 33, 1), region[3])
        assert not torch.equal(pixels(changed(image, narrower), image_map, orient), expected)


def test_a_file_is_read_as_far_as_the_crop_needs():
    image = picture("4:2:0", (200, 240))
    data = jd.write_jpeg(image)
    header = jd.codec.read_header(data)
    crop = RandomResizedCrop(32, scale=(0.05, 0.1))(header.extent, torch.Generator().manual_seed(1))
    part = jd.read_jpeg(data, region=region_of(crop, header), index=jd.codec.index_jpeg(data))
    assert part.extent.height * part.extent.width < 0.3 * 200 * 240
    top, left = (offset // 8 for offset in part.offset)
    rows, columns = part.components[0].coefficients.shape[:2]
    expected = image.components[0].coefficients[top : top + rows, left : left + columns]
    np.testing.assert_array_equal(part.components[0].coefficients, expected)


def test_a_mean_of_the_image_needs_all_of_it():
    header = JpegHeader(Extent(90, 130), SAMPLINGS["4:2:0"], 1)
    step = Compose([RandomResizedCrop(16, scale=(0.02, 0.2)), ColorJitter(contrast=(0.5, 0.6))])
    assert region_of(step(header.extent, torch.Generator().manual_seed(0)), header) == (0, 0, 90, 130)
