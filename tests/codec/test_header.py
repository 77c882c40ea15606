"""What a file says about itself: colour model, orientation, sampling, tables; and what the syntax leaves open."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegdomain.codec import read_jpeg, read_jpegs

from .oracle import (
    FIXTURES,
    decoded,
    header_segments,
    inserted,
    jpeg,
    noise,
    offset_of,
    patched,
    segment,
    without,
)

GRAY = jpeg(noise(16, 24, 1))
COLOUR = jpeg(noise(16, 24), quality=90)
BARE = without(COLOUR, 0xE0)
JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def renamed(data, identifiers):
    """The file with other component identifiers, in the frame and the scan."""
    frame, scan = offset_of(data, 0xC0), offset_of(data, 0xDA)
    for index, identifier in enumerate(identifiers):
        data = patched(data, frame + 10 + 3 * index, identifier)
        data = patched(data, scan + 5 + 2 * index, identifier)
    return data


@pytest.mark.parametrize(
    ("data", "color"),
    [
        (GRAY, "gray"),
        (inserted(without(GRAY, 0xE0), adobe(0)), "gray"),
        (COLOUR, "ycbcr"),
        (BARE, "ycbcr"),
        (inserted(BARE, adobe(0)), "rgb"),
        (inserted(BARE, adobe(1)), "ycbcr"),
        (inserted(BARE, adobe(2)), "ycbcr"),
        (inserted(BARE, JFIF, adobe(0)), "ycbcr"),
        (renamed(BARE, b"RGB"), "rgb"),
        (renamed(COLOUR, b"RGB"), "ycbcr"),
        (inserted(renamed(BARE, b"RGB"), adobe(1)), "ycbcr"),
        (renamed(BARE, (0, 1, 2)), "ycbcr"),
    ],
)
def test_colour_model_follows_libjpeg(data, color):
    image = read_jpeg(data)
    assert image.color == color
    if color != "gray":
        # An oracle with the same rules: decoding differs visibly between the two interpretations.
        with Image.open(io.BytesIO(data)) as opened:
            pixels = np.asarray(opened.convert("RGB"), float)
        red_is_first = np.abs(pixels[..., 0] - decoded(image)[..., 0]).mean() < 1
        assert red_is_first == (color == "rgb")


def test_segments_too_short_for_their_names_are_ignored():
    assert read_jpeg(inserted(renamed(BARE, b"RGB"), segment(0xE0, b"JFIF\0"))).color == "rgb"
    assert read_jpeg(inserted(renamed(BARE, b"RGB"), segment(0xEE, b"Adobe"))).color == "rgb"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("endian", ["<", ">"])
def test_orientation_is_reported_and_not_applied(orientation, endian):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "camera"
    exif[0x0112] = orientation
    data = jpeg(noise(16, 24), exif=exif)
    image = read_jpeg(data)
    assert image.orientation == orientation
    assert image.extent == (16, 24)
    plain = read_jpeg(jpeg(noise(16, 24)))
    np.testing.assert_array_equal(image.components[0].coefficients, plain.components[0].coefficients)


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II*\0",
        b"XX*\0\x08\0\0\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff\x12",
        b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0\1\0\x12\1\2\0\1\0\0\0\3\0\0\0\0\0\0\0",
    ],
)
def test_malformed_exif_means_upright(tiff):
    assert read_jpeg(inserted(COLOUR, segment(0xE1, b"Exif\0\0" + tiff))).orientation == 1


def test_unusual_sampling_factors_are_spelled_out():
    assert read_jpeg(FIXTURES / "unusual.jpg").sampling == "2x2,1x2,2x1"
    assert read_jpeg(FIXTURES / "440.jpg").sampling == "4:4:0"
    assert read_jpeg(FIXTURES / "411.jpg").sampling == "4:1:1"
    assert read_jpeg(FIXTURES / "410.jpg").sampling == "4:1:0"


def test_factors_of_a_single_component_change_nothing():
    frame = offset_of(GRAY, 0xC0)
    image = read_jpeg(patched(GRAY, frame + 11, 0x22))
    assert image.components[0].factors == (2, 2)
    assert image.sampling == "gray"
    np.testing.assert_array_equal(image.components[0].coefficients, read_jpeg(GRAY).components[0].coefficients)


@pytest.mark.parametrize(
    "data",
    [
        COLOUR + b"\0\0thumbnail\xff\xd8",
        inserted(COLOUR, b"\xff" * 5),
        inserted(COLOUR, b"\xff\xff", at=len(COLOUR) - 2),
        inserted(COLOUR, segment(0xFE, b"a \xff\xd9 comment"), segment(0xE5, b"\xff\xd8\xff\xd9")),
        inserted(COLOUR, segment(0xFE, b"")),
        inserted(COLOUR, adobe(7)),
    ],
    ids=["after EOI", "fill bytes", "fill before EOI", "markers in segments", "empty comment", "odd Adobe"],
)
def test_what_the_syntax_allows_is_skipped(data, capfd):
    image, plain = read_jpeg(data), read_jpeg(COLOUR)
    np.testing.assert_array_equal(image.components[2].coefficients, plain.components[2].coefficients)
    assert capfd.readouterr() == ("", "")


def test_a_component_keeps_the_table_of_its_first_scan():
    data = (FIXTURES / "one-scan-each.jpg").read_bytes()
    first, second = read_jpeg(data).components[1:]
    third_scan = data.rindex(b"\xff\xda")
    redefined = inserted(data, segment(0xDB, bytes([1, *range(1, 65)])), at=third_scan)
    one, two = read_jpeg(redefined).components[1:]
    np.testing.assert_array_equal(one.table, first.table)
    # T.81 figure A.6, first row and column.
    assert (two.table[:8] - 1).tolist() == [0, 1, 5, 6, 14, 15, 27, 28]
    assert (two.table[::8] - 1).tolist() == [0, 2, 3, 9, 10, 20, 21, 35]
    np.testing.assert_array_equal(two.coefficients, second.coefficients)


def test_application_segments_after_the_first_scan_are_ignored():
    data = without((FIXTURES / "one-scan-each.jpg").read_bytes(), 0xE0)
    late = inserted(data, adobe(0), at=data.rindex(b"\xff\xda"))
    assert read_jpeg(late).color == "ycbcr"


def test_identifiers_and_order_are_those_of_the_file():
    image = read_jpeg(renamed(COLOUR, (9, 200, 3)))
    assert [component.identifier for component in image.components] == [9, 200, 3]
    assert [marker for marker, _, _ in header_segments(COLOUR)][-1] == 0xDA


def test_jfif_and_adobe_markers_are_reported():
    def told(data):
        image = read_jpeg(data)
        return image.jfif, image.adobe

    assert told(COLOUR) == (True, None)
    assert told(BARE) == (False, None)
    assert told(inserted(BARE, adobe(2))) == (False, 2)
    assert told(inserted(BARE, JFIF, adobe(0))) == (True, 0)


def test_exif_is_reported_unchanged():
    exif = Image.Exif()
    exif[0x010F] = "camera"
    assert read_jpeg(jpeg(noise(16, 24), exif=exif)).exif == exif.tobytes().removeprefix(b"Exif\0\0")
    assert read_jpeg(COLOUR).exif is None


@pytest.mark.parametrize("size", [0, 100, 65519, 65520, 200_000])
def test_icc_chunks_are_joined(size):
    profile = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    data = jpeg(noise(16, 24), icc_profile=profile or None)
    assert read_jpeg(data).icc == (profile or None)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info.get("icc_profile") == read_jpeg(data).icc


def test_icc_chunks_may_be_in_any_order_but_none_may_be_missing():
    def chunk(number, count, content):
        return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + content)

    assert read_jpeg(inserted(COLOUR, chunk(2, 2, b"def"), chunk(1, 2, b"abc"))).icc == b"abcdef"
    assert read_jpeg(inserted(COLOUR, chunk(2, 2, b"def"))).icc is None
    assert read_jpeg(inserted(COLOUR, chunk(1, 1, b"abc"), segment(0xE2, b"MPF\0"))).icc == b"abc"


def test_small_files_in_a_batch_keep_their_own_metadata():
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        COLOUR,
        jpeg(noise(16, 24), exif=exif),
        jpeg(noise(16, 24), icc_profile=b"profile"),
        inserted(BARE, adobe(0)),
    ]
    first, second, third, fourth = read_jpegs(files)
    assert (first.orientation, second.orientation, third.orientation) == (1, 6, 1)
    assert (first.icc, second.icc, third.icc) == (None, None, b"profile")
    assert (third.color, fourth.color, fourth.adobe) == ("ycbcr", "rgb", 0)


def test_a_dnl_segment_may_repeat_the_height():
    data = inserted(COLOUR, segment(0xDC, b"\0\x10"), at=len(COLOUR) - 2)
    assert read_jpeg(data).extent == (16, 24)
    later = patched(data, offset_of(data, 0xC0) + 5, 0, 0)
    np.testing.assert_array_equal(
        read_jpeg(later).components[0].coefficients, read_jpeg(COLOUR).components[0].coefficients
    )
    assert read_jpeg(later).extent == (16, 24)
