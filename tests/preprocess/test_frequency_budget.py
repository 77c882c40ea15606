"""The low-frequency option: what it leaves out, which m it chooses, and the bound on the change."""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import idct

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.errors import InputError
from jpegdomain.preprocess.component_axis import from_frequencies, gains
from jpegdomain.preprocess.resampling import resampling

from ..codec.oracle import jpeg, noise
from .test_banded_matrix import random_map

SMALL = ours.Compose([ours.Resize(24), ours.CenterCrop(20)])
LOW = ours.Compose([ours.Resize(24), ours.CenterCrop(20)], low_frequencies=True)


@pytest.fixture(scope="module")
def data():
    return jpeg(noise(300, 410), quality=85)


@pytest.mark.parametrize("keep", [1, 3, 8])
@pytest.mark.parametrize("axis", [random_map(29, 6, 11, 0), random_map(7, 3, 2, 1), resampling(50, 9)], ids=repr)
def test_from_frequencies_is_the_map_of_the_inverse_transform(axis, keep):
    blocks = -(-axis.size // 8)
    generator = np.random.default_rng(0)
    kept = generator.normal(size=(blocks, keep))
    samples = idct(np.pad(kept, [(0, 0), (0, 8 - keep)]), norm="ortho").reshape(-1)[: axis.size]
    result = from_frequencies(axis, keep)
    np.testing.assert_allclose(result.apply(kept.reshape(-1)), axis.dense() @ samples, atol=1e-12)
    assert (result.starts % keep == 0).all()


def test_gains_are_the_norms_of_the_responses():
    axis = resampling(96, 13)
    responses = []
    for frequency in range(8):
        energy = 0.0
        for block in range(12):
            spectrum = np.zeros((12, 8))
            spectrum[block, frequency] = 1
            energy += np.square(axis.dense() @ idct(spectrum, norm="ortho").reshape(-1)).sum()
        responses.append(np.sqrt(energy))
    np.testing.assert_allclose(gains(axis), np.array(responses) / responses[0], atol=1e-12)


@pytest.mark.parametrize("keep", range(1, 9))
def test_the_result_is_that_of_the_image_without_the_other_frequencies(data, keep, monkeypatch):
    monkeypatch.setattr(ours.component_map.ComponentMap, "keep", keep)
    # This test has its own preprocess, since what is cached for it would be wrong for others.
    low = ours.Compose([ours.Resize(24), ours.CenterCrop(20), ours.Resize((20, 20 + keep))], low_frequencies=True)
    exact = ours.Compose(low.transforms)
    image = jd.read_jpeg(data)
    result = jd.decode_rgb(jd.collate([image], preprocess=low, dtype=torch.float64))
    again = jd.decode_rgb(jd.collate([jd.read_jpeg(data, keep=keep)], preprocess=low, dtype=torch.float64))
    assert torch.equal(result, again)
    expected = jd.decode_rgb(jd.collate([truncated(image, keep)], preprocess=exact, dtype=torch.float64))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)


def truncated(image, keep):
    """The same image with zeros for its higher frequencies."""
    parts = []
    for part in image.components:
        grid = part.extent.blocks
        blocks = part.coefficients.reshape(*grid, 8, 8).copy()
        blocks[:, :, keep:] = 0
        blocks[:, :, :, keep:] = 0
        parts.append(
            jd.codec.Component(part.identifier, blocks.reshape(*grid, 64), part.table, part.factors, part.extent)
        )
    return jd.JpegImage(tuple(parts), image.extent, image.color, 1, False, image.source)


def test_keep_follows_the_scale():
    image = jd.read_jpeg(jpeg(noise(512, 640)))
    keeps = [
        ours.keep_for(ours.Compose([ours.Resize(size)], low_frequencies=True), image)
        for size in (8, 32, 64, 128, 256, 512)
    ]
    assert keeps == sorted(keeps)
    assert keeps[0] == 1
    assert 1 < keeps[2] < 8
    assert keeps[-1] == 8
    assert ours.keep_for(ours.Resize(16), image) == 8


def test_the_header_is_enough_to_choose_m(data):
    header, image = jd.codec.read_header(data), jd.read_jpeg(data)
    assert ours.keep_for(LOW, header) == ours.keep_for(LOW, image) < 8
    kept = jd.read_jpeg(data, keep=ours.keep_for(LOW, header))
    assert torch.equal(
        jd.decode_rgb(jd.collate([kept], preprocess=LOW)), jd.decode_rgb(jd.collate([image], preprocess=LOW))
    )


def test_random_crops_keep_enough_for_every_draw(data):
    steps = ours.Compose([ours.RandomResizedCrop(12, (0.3, 1)), ours.RandomHorizontalFlip()], low_frequencies=True)
    keep = ours.keep_for(steps, jd.codec.read_header(data))
    assert 1 < keep < 8
    image = jd.read_jpeg(data, keep=keep)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        (group,) = jd.collate([image], preprocess=steps, generator=generator).groups
        assert group.planes[0].keep <= keep


@pytest.mark.parametrize("size", [(160, 1600), (1600, 160)], ids=str)
def test_the_middle_of_a_long_image_is_a_draw_too(size):
    """No rectangle of half the area has these ratios, so all draws give the middle, which is smaller."""
    ratio = (0.5, 0.6) if size[0] < size[1] else (1 / 0.6, 2)
    steps = ours.Compose([ours.RandomResizedCrop(size_of(size), (0.5, 1), ratio)], low_frequencies=True)
    image = jd.read_jpeg(jpeg(noise(*size)))
    (group,) = jd.collate([image], preprocess=steps).groups
    assert 1 < group.planes[0].keep <= ours.keep_for(steps, image)


def size_of(extent):
    """Return the size of an output whose long side is along the image's long side."""
    return (8, 40) if extent[0] < extent[1] else (40, 8)


def test_random_crops_of_padded_images_are_not_padding_alone(data):
    image = jd.read_jpeg(data)
    whole = ours.keep_for(ours.Compose([ours.Resize(60)], low_frequencies=True), image)
    for padding in (0, 16, (16, 0, 90, 0), (90, 0, 3, 16)):
        steps = ours.Compose([ours.Resize(60), ours.RandomCrop(16, padding)], low_frequencies=True)
        assert ours.keep_for(steps, image) == whole > 1


def test_random_draws_leave_nothing_in_the_cache(data):
    """Their maps will not be needed again."""
    steps = ours.Compose([ours.RandomResizedCrop(12, (0.3, 1))], low_frequencies=True)
    place = jd.collate([jd.read_jpeg(data)], preprocess=steps).records.geometries[0]
    maps = [weakref.ref(axis) for part in place.components for axis in (part.rows, part.columns)]
    del place
    gc.collect()
    assert all(axis() is None for axis in maps)


@pytest.mark.parametrize(
    "case", [lambda: (LOW, dict(keep=3)), lambda: (ours.RandomCrop(20), {})], ids=["not whole", "random"]
)
def test_the_bound_is_of_whole_images_and_fixed_steps(data, case):
    steps, options = case()
    with pytest.raises(InputError, match="the bound needs a preprocess without randomness"):
        ours.low_frequency_bound(jd.read_jpeg(data, **options), steps, 2)


def test_too_few_frequencies_are_refused(data):
    few = jd.read_jpeg(data, keep=1)
    with pytest.raises(InputError, match=r"uses all frequencies.*keep=1.*low_frequencies"):
        jd.collate([few], preprocess=SMALL)
    with pytest.raises(InputError, match=r"uses 2×2 frequencies of an image of 300×410.*keep=1.*keep_for"):
        jd.collate([few], preprocess=LOW)


@pytest.mark.parametrize("keep", [1, 2, 4])
def test_the_bound_holds_and_is_the_definition(keep):
    image = jd.read_jpeg(jpeg(noise(60, 90), quality=95))
    steps = ours.Compose([ours.Resize(20), ours.CenterCrop((12, 16))])
    exact = jd.decode_rgb(jd.collate([image], preprocess=steps, dtype=torch.float64))
    part = jd.decode_rgb(jd.collate([truncated(image, keep)], preprocess=steps, dtype=torch.float64))
    bound = ours.low_frequency_bound(image, steps, keep)
    change = (exact - part).abs()
    assert 0 < change.max() <= bound.largest
    assert change.mean() <= bound.mean
    # One coefficient left out: the bound is met.
    only = lone_coefficient(image)
    exact, part = (
        jd.decode_rgb(jd.collate([one], preprocess=steps, dtype=torch.float64)) for one in (only, truncated(only, keep))
    )
    assert ours.low_frequency_bound(only, steps, keep).largest == pytest.approx((exact - part).abs().max().item())


def lone_coefficient(image):
    """All zero but for one luma coefficient."""
    parts = []
    for number, part in enumerate(image.components):
        zeros = np.zeros_like(part.coefficients)
        if number == 0:
            zeros[3, 5, 8 * 1 + 4] = 30
        parts.append(jd.codec.Component(part.identifier, zeros, part.table, part.factors, part.extent))
    return jd.JpegImage(tuple(parts), image.extent, image.color, 1, False, image.source)


@pytest.mark.shared
@pytest.mark.skipif("JPEGDOMAIN_DATA" not in os.environ, reason="JPEGDOMAIN_DATA names no folder")
def test_photographs_change_by_less_than_half_a_level():
    steps = [ours.Resize(64), ours.CenterCrop(56)]
    changes = []
    for path in sorted((Path(os.environ["JPEGDOMAIN_DATA"]) / "imagenet-samples").glob("*.JPEG")):
        image = jd.read_jpeg(path)
        exact, low = (jd.decode_rgb(jd.collate([image], preprocess=ours.Compose(steps, low))) for low in (False, True))
        changes.append((exact - low).abs().mean().item())
    assert len(changes) == 62
    assert np.mean(changes) < 0.2
    assert max(changes) < 0.5
    assert np.count_nonzero(changes) > 50


def test_low_frequencies_of_a_nested_composition_hold_for_the_whole(data):
    image = jd.read_jpeg(data)
    nested = ours.Compose([ours.Compose([ours.Resize(24)], low_frequencies=True), ours.CenterCrop(20)])
    assert nested.low_frequencies
    assert ours.keep_for(nested, image) == ours.keep_for(LOW, image) < 8
    assert not ours.Compose([SMALL]).low_frequencies
