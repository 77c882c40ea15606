"""Regions: bit for bit the whole image's coefficients, with and without entry points, by one thread and several."""

import re
from pathlib import Path

import numpy as np
import pytest

from jpegdomain.codec import index_jpeg, read_jpeg, write_jpeg
from jpegdomain.errors import InputError, JpegTooLargeError, TruncatedJpegError, UnsupportedJpegError

from . import libjpeg
from .made import made
from .oracle import jpeg, noise, pillow

MADE = range(160)


def unit(factors):
    return [8 * max(pair[axis] for pair in factors) for axis in (0, 1)]


def ceil(number, divisor):
    return -(-number // divisor)


def assert_is_part(record, coefficients, factors, whole, region):
    """The record holds the MCUs around the region, and of each component what the whole image has there."""
    down, across = unit(factors)
    top, left = region[0] // down * down, region[1] // across * across
    bottom = min(ceil(region[0] + region[2], down) * down, whole[0])
    right = min(ceil(region[1] + region[3], across) * across, whole[1])
    assert record.offset == (top, left)
    assert record.whole == tuple(whole)
    assert record.extent == (bottom - top, right - left)
    for component, all_of_it, (vertical, horizontal) in zip(record.components, coefficients, factors, strict=True):
        # Samples of the component, then blocks.
        rows = ceil(ceil((bottom - top) * 8 * vertical, down), 8)
        columns = ceil(ceil((right - left) * 8 * horizontal, across), 8)
        first = (top * vertical // down, left * horizontal // across)
        expected = all_of_it[first[0] : first[0] + rows, first[1] : first[1] + columns]
        np.testing.assert_array_equal(component.coefficients, expected)


def any_region(generator, extent):
    top, left = (int(generator.integers(side)) for side in extent)
    height, width = int(generator.integers(1, extent[0] - top + 1)), int(generator.integers(1, extent[1] - left + 1))
    return top, left, height, width


def index_of(data, generator):
    try:
        return index_jpeg(data, every=int(generator.choice([1, 2, 3, 7, 100])))
    except UnsupportedJpegError:
        return None


@pytest.mark.parametrize("number", MADE)
def test_a_region_has_the_coefficients_that_libjpeg_finds_there(number):
    generator = np.random.default_rng(number)
    file = made(number)
    whole = libjpeg.read(file.twin).coefficients
    extent = read_jpeg(file.data).extent
    factors = [part.factors for part in read_jpeg(file.data).components]
    index = index_of(file.data, generator)
    for _ in range(4):
        region = any_region(generator, extent)
        assert_is_part(read_jpeg(file.data, region=region), whole, factors, extent, region)
        if index is not None:
            assert_is_part(read_jpeg(file.data, region=region, index=index), whole, factors, extent, region)
            threads = int(generator.integers(2, 5))
            record = read_jpeg(file.data, region=region, index=index, threads=threads)
            assert_is_part(record, whole, factors, extent, region)


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3}], ids=str)
@pytest.mark.parametrize("keep", [1, 3, 8])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_only_what_is_needed_is_decoded(options, keep, subsampling, monkeypatch):
    data = jpeg(noise(150, 170), subsampling=subsampling, **options)
    region, index = (70, 41, 60, 33), index_jpeg(data, every=4)
    whole = read_jpeg(data, keep=keep)
    coefficients = [part.coefficients for part in whole.components]
    factors = [part.factors for part in whole.components]
    # From here on, reading the whole file would fail.
    monkeypatch.setattr("jpegdomain.codec.region_reading.decode", None)
    for how in ({}, {"threads": 3}, {"index": index}, {"index": index, "threads": 3}):
        assert_is_part(read_jpeg(data, keep=keep, region=region, **how), coefficients, factors, whole.extent, region)
    for how in ({"index": index}, {"index": index, "threads": 3}):
        everything = read_jpeg(data, keep=keep, **how)
        assert (everything.offset, everything.whole, everything.extent) == ((0, 0), None, whole.extent)
        for one, two in zip(everything.components, coefficients, strict=True):
            np.testing.assert_array_equal(one.coefficients, two)


def test_what_comes_after_a_region_may_be_missing():
    data = jpeg(noise(200, 64))
    cut = data[: len(data) // 2]
    with pytest.raises(TruncatedJpegError):
        read_jpeg(cut)
    part = read_jpeg(cut, region=(0, 0, 40, 64))
    assert part.extent == (48, 64)
    np.testing.assert_array_equal(part.components[0].coefficients, read_jpeg(data).components[0].coefficients[:6])
    with pytest.raises(TruncatedJpegError, match="ends inside the compressed data"):
        read_jpeg(cut, region=(120, 0, 80, 64))


@pytest.mark.parametrize("options", [{"progressive": True}, {}])
def test_a_record_says_what_is_left_of_a_damaged_region(options):
    data = jpeg(noise(200, 64), restart_marker_rows=1, **options)
    at = len(data) * 2 // 3
    damaged = data[:at] + b"\xff\xd9"
    whole = read_jpeg(damaged, on_error="keep")
    part = read_jpeg(damaged, on_error="keep", region=(96, 17, 104, 20))
    assert part.damage == whole.damage
    for one, two in zip(part.components, whole.components, strict=True):
        step = 96 // 8 * one.factors[0] // 2
        left = 16 // 8 * one.factors[1] // 2
        across = one.coefficients.shape[1]
        np.testing.assert_array_equal(one.coefficients, two.coefficients[step:, left : left + across])
        if two.arrived is not None:
            np.testing.assert_array_equal(one.arrived, two.arrived[step:, left : left + across])
    sound = read_jpeg(damaged, on_error="keep", region=(0, 0, 9, 9))
    assert sound.components[0].arrived is None or options


def test_a_path_is_read_in_pieces(tmp_path, monkeypatch):
    data = jpeg(noise(160, 160))
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    index = index_jpeg(path, every=5)
    monkeypatch.setattr(Path, "read_bytes", None)
    part = read_jpeg(path, region=(33, 65, 30, 40), index=index)
    assert part.source == str(path)
    for one, two in zip(part.components, read_jpeg(data, region=(33, 65, 30, 40)).components, strict=True):
        np.testing.assert_array_equal(one.coefficients, two.coefficients)


def test_a_region_can_be_written_as_a_file_of_its_own():
    data = jpeg(noise(64, 96), subsampling="4:4:4", quality=95)
    part = write_jpeg(read_jpeg(data, region=(8, 16, 40, 48)))
    np.testing.assert_array_equal(pillow(part, "YCbCr"), pillow(data, "YCbCr")[8:48, 16:64])


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ((0, 0, 20, 31), "reaches beyond the image, 20×30"),
        ((19, 29, 2, 1), "reaches beyond the image"),
        ((-1, 0, 2, 2), "at least one pixel"),
        ((0, 0, 0, 2), "at least one pixel"),
        ((0, 0, 2), "(top, left, height, width)"),
        ((0, 0, 2.5, 2), "(top, left, height, width)"),
        (5, "(top, left, height, width)"),
    ],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_invalid_regions_are_refused(region, words, progressive):
    data = jpeg(noise(20, 30), progressive=progressive)
    with pytest.raises(InputError, match=re.escape(words)):
        read_jpeg(data, region=region)


def test_the_limit_of_pixels_holds_for_what_is_read():
    data = jpeg(noise(64, 64))
    assert read_jpeg(data, region=(0, 0, 16, 16), max_pixels=256).extent == (16, 16)
    with pytest.raises(JpegTooLargeError, match="16×32 pixels are more than max_pixels, 256"):
        read_jpeg(data, region=(0, 0, 16, 17), max_pixels=256)
    with pytest.raises(JpegTooLargeError, match="64×64 pixels"):
        read_jpeg(data, max_pixels=256, index=index_jpeg(data))


def test_a_record_says_where_its_region_is():
    part = read_jpeg(jpeg(noise(64, 80)), region=(17, 40, 3, 3))
    assert repr(part) == "JpegImage('<bytes>', 16×16 at (16, 32) of 64×80, ycbcr 4:2:0)"
    assert read_jpeg(jpeg(noise(64, 80), progressive=True), region=(17, 40, 3, 3)).offset == (16, 32)
