"""Written restart markers: libjpeg reads the same, and each interval can be decoded by itself."""

import re

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg, write_jpeg
from jpegdomain.errors import InputError

from . import libjpeg
from .made import made
from .oracle import jpeg, noise
from .written import assert_libjpeg_reads, assert_same_pixels, assert_same_record


def markers(data):
    """The numbers of the restart markers, and the restart intervals by DRI."""
    intervals = [int.from_bytes(found[1], "big") for found in re.finditer(rb"\xff\xdd\x00\x04(..)", data, re.DOTALL)]
    return [found[0][1] - 0xD0 for found in re.finditer(rb"\xff[\xd0-\xd7]", data)], intervals


@pytest.mark.parametrize("restart", ["row", 1, 5, 65535])
@pytest.mark.parametrize("number", range(0, 60, 3))
def test_libjpeg_reads_the_same_coefficients(number, restart):
    image = read_jpeg(made(number).data)
    written = write_jpeg(image, restart=restart)
    assert_same_record(read_jpeg(written, strict=True), image)
    assert_libjpeg_reads(written, image)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_pillow_decodes_the_same_pixels_from_a_marker_between_rows(subsampling):
    data = jpeg(noise(150, 70), subsampling=subsampling)
    written = write_jpeg(read_jpeg(data), restart="row")
    assert_same_pixels(written, data)
    rows, across = (10, 5) if subsampling == "4:2:0" else (19, 9)
    assert markers(written) == ([number % 8 for number in range(rows - 1)], [across])
    # As libjpeg itself writes them.
    assert markers(jpeg(noise(150, 70), subsampling=subsampling, restart_marker_rows=1)) == markers(written)


def test_an_interval_does_not_need_the_one_before():
    image = read_jpeg(jpeg(noise(64, 64, 1)))
    written = bytearray(write_jpeg(image, restart="row"))
    at = written.index(b"\xff\xd2")
    written[at - 12 : at - 2] = bytes(10)
    kept = read_jpeg(bytes(written), on_error="keep").components[0].coefficients
    np.testing.assert_array_equal(kept[3:], image.components[0].coefficients[3:])
    assert not np.array_equal(kept[2], image.components[0].coefficients[2])


def test_without_restart_nothing_changes():
    image = read_jpeg(jpeg(noise(64, 64), restart_marker_rows=1))
    assert markers(write_jpeg(image)) == ([], [])
    assert libjpeg.read(write_jpeg(image)).coefficients


@pytest.mark.parametrize("restart", [0, -1, 65536, 2.0, True, "rows"])
def test_an_invalid_interval_is_refused(restart):
    with pytest.raises(InputError, match="restart must be 'row' or a number of MCUs, 1…65535"):
        write_jpeg(read_jpeg(jpeg(noise(8, 8))), restart=restart)
