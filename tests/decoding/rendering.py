"""Random images through random maps, in a separate process: ``python -m tests.decoding.rendering SEED COUNT``."""

import sys

import numpy as np

from jpegdomain.decoding.cpu import render
from jpegdomain.decoding.works import _scratch
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import BandedMatrix, SeparableMap
from jpegdomain.preprocess.component_map import component_maps, turn_of
from jpegdomain.preprocess.image_geometry import ImageGeometry

from ..preprocess.pictures import SAMPLINGS, expected, limited, picture


def any_map(size, out, generator):
    """Bands in any order, of any width, some of zeros."""
    taps = int(generator.integers(1, min(size, 40) + 1))
    starts = generator.integers(0, size - taps + 1, out)
    order = generator.integers(4)
    if order < 2:
        starts = np.sort(starts)[:: 1 - 2 * order]
    weights = generator.normal(0, 1 / taps, (out, taps)) * (generator.random((out, 1)) < 0.9)
    return BandedMatrix(size, np.ascontiguousarray(starts, dtype=np.int32), weights)


def any_side(generator):
    return int(generator.choice([generator.integers(1, 9), generator.integers(1, 40), generator.integers(1, 150)]))


def check(seed):
    """Compare one random batch with its images' dense maps."""
    generator = np.random.default_rng([11, seed])
    # The workspace of another image may be larger than this one's, which would hide accesses beyond it.
    _scratch.clear()
    out = any_side(generator), any_side(generator)
    target = str(generator.choice(["luma", "rgb", "ycbcr"]))
    channels = 1 if target == "luma" else 3
    images, geometries = [], []
    for number in range(int(generator.integers(1, 4))):
        keep = int(generator.choice([8, 8, generator.integers(1, 8)]))
        used = int(generator.choice([keep, generator.integers(1, keep + 1)]))
        sampling = str(generator.choice(list(SAMPLINGS)))
        image = picture(sampling, (any_side(generator), any_side(generator)), seed + 1000 * number, keep=keep)
        maps = [any_map(size, length, generator) for size, length in zip(image.extent, out, strict=True)]
        placement = SeparableMap(*maps)
        extents = tuple(component.extent for component in image.components)
        made = component_maps(placement, extents, image.upsampling, turn_of(1), passing=True)
        images.append(image)
        geometries.append(ImageGeometry(placement, turn_of(1), made, used, passing=bool(generator.integers(2))))
    scale, shift = generator.normal(0, 0.02, channels), generator.normal(0, 1, channels)
    results = render(images, geometries, target, scale, shift, channels_last=bool(generator.integers(2))).numpy()
    for image, geometry, result in zip(images, geometries, results, strict=True):
        assert result.shape[1:] == Extent(*out)
        reference = expected(limited(image, geometry.keep), geometry.map, scale, shift, target)
        # Relative to 255 levels, and to sums that random weights make as large as that.
        assert np.abs(result - reference).max() < 1e-5 * 255 * np.abs(scale).max() + 1e-6 * np.abs(shift).max(), seed


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:])
    for seed in range(first, first + count):
        check(seed)
    print(count)
