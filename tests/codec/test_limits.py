"""The limit on pixels bounds the memory, whatever a file claims."""

import time
import tracemalloc

import numpy as np
import pytest

from jpegdomain.codec import MAX_PIXELS, read_jpeg
from jpegdomain.errors import DamagedJpegError, InputError, JpegTooLargeError, TruncatedJpegError

from .hostile import many_scans
from .oracle import jpeg, noise, offset_of, patched

DATA = jpeg(noise(24, 16))
FRAME = offset_of(DATA, 0xC0)


def claiming(height, width):
    return patched(DATA, FRAME + 5, height >> 8, height & 255, width >> 8, width & 255)


def test_the_limit_is_on_height_times_width():
    assert read_jpeg(DATA, max_pixels=24 * 16).extent == (24, 16)
    with pytest.raises(
        JpegTooLargeError, match=f"24×16 pixels are more than max_pixels, 383 .FFC0, at byte {FRAME}.*raise"
    ):
        read_jpeg(DATA, max_pixels=24 * 16 - 1)


def test_the_default_limit_is_pillows():
    # Pillow warns above MAX_IMAGE_PIXELS, and raises above twice that.
    assert MAX_PIXELS == 2 * (1024 * 1024 * 1024 // 4 // 3)
    with pytest.raises(JpegTooLargeError):
        read_jpeg(claiming(13378, 13378))
    with pytest.raises(DamagedJpegError, match="too short for its blocks"):
        read_jpeg(claiming(13377, 13377))
    with pytest.raises(DamagedJpegError, match="too short for its blocks"):
        read_jpeg(claiming(13378, 13378), max_pixels=None)


@pytest.mark.parametrize("on_error", ["raise", "keep"])
def test_a_false_size_costs_no_memory(on_error):
    tracemalloc.start()
    try:
        with pytest.raises(JpegTooLargeError):
            read_jpeg(claiming(65535, 65535), on_error=on_error)
        with pytest.raises((DamagedJpegError, TruncatedJpegError)):
            read_jpeg(claiming(13377, 13377))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_keeping_what_precedes_damage_takes_two_bytes_per_coefficient():
    tracemalloc.start()
    try:
        image = read_jpeg(claiming(4000, 3000), on_error="keep")
        assert image.damage
        assert tracemalloc.get_traced_memory()[1] < 1.6 * 2 * 4000 * 3000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", [0, -1, 1e6, "many"])
def test_other_limits_are_refused(limit):
    with pytest.raises(InputError, match="max_pixels"):
        read_jpeg(DATA, max_pixels=limit)


def test_scans_are_limited_by_default():
    data = many_scans(16, 24)
    with pytest.raises(JpegTooLargeError, match=r"more scans than max_scans=500 .FFDA.*; raise max_scans"):
        read_jpeg(data)
    with pytest.raises(JpegTooLargeError, match="882"):
        read_jpeg(data, max_scans=882, on_error="keep")
    image = read_jpeg(data, max_scans=883, strict=True)
    assert not image.components[0].coefficients.any()
    assert image.components[0].lowest_bit is None
    for keep in range(1, 8):
        assert not read_jpeg(data, max_scans=883, keep=keep).components[0].coefficients.any()


@pytest.mark.parametrize("limit", [0, 4097, True, None, "many"])
def test_other_limits_of_scans_are_refused(limit):
    with pytest.raises(InputError, match="max_scans"):
        read_jpeg(DATA, max_scans=limit)


@pytest.mark.parametrize("touched", [0, 200_000])
def test_scans_without_content_cost_almost_nothing(touched):
    data = many_scans(8000, 9600, touched)
    assert len(data) < 400_000
    begin = time.perf_counter()
    image = read_jpeg(data, max_scans=4096)
    # 1.1 s on an unloaded core; 39 s when each of them looked at every block.
    assert time.perf_counter() - begin < 8
    found = image.components[0].coefficients.reshape(-1, 64)
    assert (found[:touched, 63] == 1).all()
    assert np.count_nonzero(found) == touched
