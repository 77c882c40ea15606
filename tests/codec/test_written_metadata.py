"""What a written file has besides coefficients: colour model, orientation, EXIF, profile."""

import dataclasses
import io
import struct

import numpy as np
import pytest
from PIL import Image

import jpegdomain as jd
from jpegdomain.codec import Component, JpegImage
from jpegdomain.geometry import Extent

from .exif import entry, reads_as_pillow_13, tiff
from .oracle import header_segments, jpeg, noise
from .written import assert_same_pixels, gray


def markers(data):
    return {marker: payload for marker, _, payload in header_segments(data)}


@pytest.mark.parametrize(
    ("color", "identifiers"),
    [("gray", b"\1"), ("ycbcr", b"\1\2\3"), ("ycbcr", b"RGB"), ("rgb", b"\1\2\3"), ("rgb", b"RGB"),
     ("unknown", b"\1\2"), ("cmyk", b"\1\2\3\4"), ("ycck", b"\1\2\3\4"), ("ycck", b"CMYK")],
)  # fmt: skip
@pytest.mark.parametrize("jfif", [False, True])
@pytest.mark.parametrize("adobe", [None, 0, 1, 2])
def test_the_colour_model_comes_back_whatever_the_identifiers_and_markers(color, identifiers, jfif, adobe):
    components = [
        Component(one, np.zeros((1, 1, 64), np.int16), np.ones(64, np.uint16), (1, 1), Extent(8, 8))
        for one in identifiers
    ]
    image = JpegImage(tuple(components), Extent(8, 8), color, 1, False, "made", jfif=jfif, adobe=adobe)
    written = jd.write_jpeg(image)
    assert jd.read_jpeg(written).color == color
    if color != "unknown":
        with Image.open(io.BytesIO(written)) as opened:
            assert opened.mode == {"gray": "L", "ycbcr": "RGB", "rgb": "RGB", "cmyk": "CMYK", "ycck": "CMYK"}[color]


def test_rgb_is_not_taken_for_ycbcr_by_pillow():
    data = jpeg(noise(16, 16), keep_rgb=True)
    image = dataclasses.replace(jd.read_jpeg(data), adobe=None, jfif=True)
    assert_same_pixels(jd.write_jpeg(image), data)


def with_exif(orientation, **options):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif[0x0112] = orientation
    return jpeg(noise(16, 24), exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_that_of_the_record(orientation):
    image = jd.read_jpeg(with_exif(6))
    assert image.exif in jd.write_jpeg(image)
    turned = dataclasses.replace(image, orientation=orientation)
    written = jd.write_jpeg(turned)
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.getexif()[0x0112] == orientation
        assert opened.getexif()[0x010E] == "a description"
    assert jd.read_jpeg(written).orientation == orientation
    plain = dataclasses.replace(jd.read_jpeg(jpeg(noise(16, 24))), orientation=orientation)
    with Image.open(io.BytesIO(jd.write_jpeg(plain))) as opened:
        assert opened.getexif().get(0x0112, 1) == orientation


def test_an_orientation_is_added_to_an_exif_block_without_one():
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif[0x9286] = b"a comment"
    exif[0x829A] = 0.25
    image = jd.read_jpeg(jpeg(noise(8, 8), exif=exif))
    assert image.orientation == 1
    assert image.exif in jd.write_jpeg(image)
    written = jd.write_jpeg(dataclasses.replace(image, orientation=8))
    assert jd.read_jpeg(written).orientation == 8
    with Image.open(io.BytesIO(written)) as opened:
        assert dict(opened.getexif()) == {**dict(exif), 0x0112: 8}
    block = jd.read_jpeg(written).exif
    assert block[:4] == b"MM\0*" or block[:4] == b"II*\0"
    order = "<" if block[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, start)
    tags = [struct.unpack_from(order + "H", block, start + 2 + 12 * number)[0] for number in range(count)]
    assert tags == sorted([*exif, 0x0112])
    assert (start % 2, len(block)) == (0, start + 2 + 12 * count + 4)


@reads_as_pillow_13
@pytest.mark.parametrize("kind", [1, 4, 5, 12])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_orientation_of_another_type_is_replaced(kind, order):
    block = tiff(order, entry(order, kind, 1, 40), entry(order, 3, 1, 7), tail=bytes(40))
    image = dataclasses.replace(gray(np.zeros((1, 1, 64))), exif=block, orientation=5)
    written = jd.write_jpeg(image)
    assert jd.read_jpeg(written).orientation == 5
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.getexif()[0x0112] == 5


@pytest.mark.parametrize("block", [b"", b"II*\0", struct.pack("<2sHI", b"II", 42, 4_000_000_000), b"XX*\0" + bytes(20)])
def test_an_invalid_exif_block_is_kept(block):
    image = dataclasses.replace(gray(np.zeros((1, 1, 64))), exif=block)
    written = jd.write_jpeg(image)
    assert markers(written)[0xE1] == b"Exif\0\0" + block


def test_the_largest_exif_block_and_profile_are_written():
    image = dataclasses.replace(gray(np.zeros((1, 1, 64))), exif=bytes(65527), icc=bytes(16_707_345))
    again = jd.read_jpeg(jd.write_jpeg(image))
    assert (again.exif, again.icc) == (image.exif, image.icc)


def test_exif_longer_than_a_segment_goes_into_several():
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x9286] = np.random.default_rng(0).bytes(150_000)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    written = jd.write_jpeg(dataclasses.replace(gray(np.zeros((1, 1, 64))), exif=block, orientation=3))
    again = jd.read_jpeg(written)
    assert (again.exif, again.orientation) == (block, 3)
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.getexif()[0x9286] == exif[0x9286]


def test_an_empty_profile_stays_empty():
    image = dataclasses.replace(gray(np.zeros((1, 1, 64))), icc=b"")
    written = jd.write_jpeg(image)
    assert jd.read_jpeg(written).icc == b""
    assert jd.read_jpeg(jd.write_jpeg(jd.read_jpeg(written))).icc == b""
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.info["icc_profile"] == b""


@pytest.mark.parametrize("size", [1, 65519, 65520, 200_000])
def test_colour_profiles_come_back_in_as_many_segments_as_needed(size):
    profile = np.random.default_rng(0).bytes(size)
    data = jpeg(noise(8, 8), icc_profile=profile)
    written = jd.write_jpeg(jd.read_jpeg(data))
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.info["icc_profile"] == profile
