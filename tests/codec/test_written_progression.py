"""Progressive files that are written: every coefficient comes back, by this library and by libjpeg."""

import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import jpegdomain as jd
from jpegdomain.codec import Component, JpegImage
from jpegdomain.codec.records import component_extents
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .made import made
from .oracle import FIXTURES, header_segments, jpeg, noise
from .written import assert_libjpeg_reads, assert_same_pixels, assert_same_record, gray

READABLE = sorted({*FIXTURES.rglob("*.jpg")} - {*FIXTURES.glob("refused/*")})


def assert_comes_back(image, **options):
    written = jd.write_jpeg(image, progressive=True, **options)
    read = jd.read_jpeg(written, strict=True)
    assert read.progressive
    assert_same_record(read, image)
    assert_libjpeg_reads(written, image)
    return written


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_fixtures_are_read_back_unchanged(path):
    assert_comes_back(jd.read_jpeg(path))


@pytest.mark.parametrize("restart", [None, "row", 1, 5])
@pytest.mark.parametrize("number", range(0, 60, 3))
def test_made_files_are_read_back_unchanged(number, restart):
    assert_comes_back(jd.read_jpeg(made(number).data), restart=restart)


FACTORS = st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (3, 1)])
LARGEST = np.array([1023] + [1023] * 63)


@st.composite
def records(draw):
    """Records of any size, sampling and colour model: blocks that are empty, sparse, full, and of extreme values."""
    count = draw(st.integers(1, 4))
    color = draw(st.sampled_from({1: ["gray"], 2: ["unknown"], 3: ["ycbcr", "rgb"], 4: ["cmyk", "ycck"]}[count]))
    extent = Extent(draw(st.integers(1, 70)), draw(st.integers(1, 70)))
    factors = [draw(FACTORS) for _ in range(count)]
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.01, 0.1, 0.6, 1.0]))
    scale = draw(st.sampled_from([1, 2, 3, 4, 9, 1023]))
    parts = []
    for number, own in enumerate(component_extents(extent, factors)):
        shape = (*own.blocks, 64)
        values = generator.integers(-scale, scale, shape, endpoint=True)
        values = np.where(generator.random(shape) < share, values, 0)
        extreme = generator.random(shape) < 0.01
        values = np.where(extreme & (share > 0), generator.choice([-1023, 1023], shape), values).astype(np.int16)
        parts.append(Component(number + 1, values, np.full(64, 1, np.uint16), factors[number], own))
    jfif, adobe = color in {"gray", "ycbcr"}, {"rgb": 0, "cmyk": 0, "ycck": 2}.get(color)
    return JpegImage(tuple(parts), extent, color, 1, False, "made", jfif=jfif, adobe=adobe)


@settings(max_examples=60, deadline=None)
@given(records(), st.sampled_from([None, "row", 1, 7]))
def test_any_record_is_read_back_unchanged(image, restart):
    assert_comes_back(image, restart=restart)


@pytest.mark.parametrize("restart", [None, "row"])
def test_runs_of_more_blocks_than_a_symbol_counts(restart):
    # 181² = 32761, 7·4681 = 32767, the longest run; 128·256 = 32768.
    for rows, columns in ((181, 181), (128, 256), (7, 4681), (250, 280)):
        blocks = np.zeros((rows, columns, 64), np.int16)
        assert_comes_back(gray(blocks.copy()), restart=restart)
        # Correction bits of a run come after its symbol: here those of all blocks.
        blocks[:, :, 63] = -5
        blocks[0, 0, 1] = 7
        assert_comes_back(gray(blocks.copy()), restart=restart)


def test_long_runs_of_zeros_between_coefficients_that_get_a_bit_more():
    generator = np.random.default_rng(0)
    blocks = generator.choice([0, 0, 0, 0, 0, 0, 1, -1, 2, -3], (30, 30, 64)).astype(np.int16)
    blocks[:, :, 1:20] = 0
    blocks[::2, :, 40:62] = 0
    blocks[::3, ::3, 63] = 1
    assert_comes_back(gray(blocks))


@pytest.mark.parametrize(("index", "value"), [(0, 2047), (0, -2047), (63, 1023), (1, -1023)])
def test_the_largest_legal_values(index, value):
    blocks = np.zeros((2, 3, 64), np.int16)
    blocks[1, 1, index] = value
    assert_comes_back(gray(blocks))


@pytest.mark.parametrize(("index", "value"), [(0, 2048), (0, -32768), (5, 1024), (63, -32768)])
def test_what_no_file_can_contain_is_refused(index, value):
    blocks = np.zeros((2, 3, 64), np.int16)
    blocks[1, 1, index] = value
    with pytest.raises(InputError, match="AC goes up to ±1023, and DC changes by at most ±2047"):
        jd.write_jpeg(gray(blocks), progressive=True)


def test_components_get_their_own_dc_scans_if_an_mcu_would_exceed_ten_blocks():
    components = [
        Component(index, np.full((2, 2, 64), index, np.int16), np.ones(64, np.uint16), (2, 2), Extent(16, 16))
        for index in (1, 2, 3)
    ]
    assert_comes_back(JpegImage(tuple(components), Extent(16, 16), "ycbcr", 1, False, "made", jfif=True))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_the_scans_are_libjpegs(mode):
    buffer = io.BytesIO()
    picture = Image.fromarray(noise(40, 50, 3)).convert(mode)
    picture.save(buffer, "JPEG", progressive=True)
    theirs = buffer.getvalue()
    ours = jd.write_jpeg(jd.read_jpeg(theirs), progressive=True)
    assert_same_pixels(ours, theirs)
    assert _scans(ours) == _scans(theirs)


def _scans(data):
    """Components, Ss, Se, Ah and Al of every scan, and how many bytes of code it has."""
    found = [match.start() for match in re.finditer(b"\xff[\xda\xc4\xd9]", data)]
    result = []
    for at, end in zip(found, [*found[1:], len(data)], strict=True):
        if data[at + 1] == 0xDA:
            count = data[at + 4]
            header = data[at + 5 : at + 5 + 2 * count]
            result.append((bytes(header[::2]), data[at + 5 + 2 * count : at + 8 + 2 * count], end - at))
    return result


def test_wide_steps_and_metadata_are_kept():
    image = jd.read_jpeg(jpeg(noise(20, 30), subsampling="4:2:0"))
    parts = tuple(dataclasses.replace(part, table=np.full(64, 300, np.uint16)) for part in image.components)
    image = dataclasses.replace(image, components=parts, icc=b"profile")
    written = assert_comes_back(image)
    assert 0xC2 in [marker for marker, _, _ in header_segments(written)]


def test_arguments(tmp_path):
    image = jd.read_jpeg(jpeg(noise(20, 30)))
    assert jd.write_jpeg(image, tmp_path / "a.jpg", progressive=True) == (tmp_path / "a.jpg").read_bytes()
    with pytest.raises(InputError, match="progressive must be True or False"):
        jd.write_jpeg(image, progressive="yes")
