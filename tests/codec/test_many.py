"""`read_jpegs`: the same records as one by one, in order, with errors where they belong."""

import re
import sys
import threading
import time

import numpy as np
import pytest

from jpegdomain.codec import JpegImage, read_jpeg, read_jpegs
from jpegdomain.errors import (
    DamagedJpegError,
    InputError,
    JpegTooLargeError,
    NotJpegError,
    UnsupportedJpegError,
)

from .oracle import FIXTURES, jpeg, noise


def same(one, other):
    # Bytes are named by their position among the sources.
    named = re.sub(r", sources\[\d+\]", "", repr(one))
    assert named == repr(other)
    for a, b in zip(one.components, other.components, strict=True):
        np.testing.assert_array_equal(a.coefficients, b.coefficients)
        np.testing.assert_array_equal(a.table, b.table)
        assert (a.identifier, a.factors, a.extent) == (b.identifier, b.factors, b.extent)


# Small and large ones, of all kinds, more than one call takes.
FILES = [
    jpeg(noise(8 + 3 * i % 90, 5 + 7 * i % 80, 1 + 2 * (i % 2), seed=i), quality=40 + i % 60, progressive=i % 5 == 4)
    for i in range(150)
]
FILES[70] = jpeg(noise(300, 400))
FILES[71] = (FIXTURES / "rare" / "cmyk.jpg").read_bytes()


@pytest.mark.parametrize("threads", [1, 2, 3, 40])
def test_records_are_those_of_read_jpeg_in_order(threads):
    images = read_jpegs(FILES, threads=threads)
    assert len(images) == len(FILES)
    for image, data in zip(images, FILES, strict=True):
        same(image, read_jpeg(data))


@pytest.mark.parametrize("threads", [1, 2])
def test_runs_of_files_end_where_their_memory_does(threads):
    """Uniform pictures: few bytes, and more coefficients than one call has room for; between them, files that form no
    runs."""
    even = jpeg(np.full((1100, 1100, 3), 90, np.uint8), quality=30, optimize=True)
    assert len(even) < 1 << 15
    some = [even, *FILES[:5], even, even, jpeg(noise(300, 400)), *FILES[5:40], even, jpeg(noise(160, 200)), even]
    some[3:3] = [jpeg(noise(64, 64))[:-2], b"no file"]
    images = read_jpegs(some, threads=threads, return_errors=True)
    for image, data in zip(images, some, strict=True):
        if data == b"no file":
            assert isinstance(image, NotJpegError)
        else:
            same(image, read_jpeg(data))
            assert image.warnings == read_jpeg(data).warnings
    again = read_jpegs(some, threads=threads, return_errors=True)
    assert not any(
        np.shares_memory(a.coefficients, b.coefficients)
        for one, other in zip(images, [*again[1:], again[0]], strict=True)
        if isinstance(one, JpegImage) and isinstance(other, JpegImage)
        for a, b in zip(one.components, other.components, strict=False)
    )


def test_paths_bytes_and_files_mix(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(FILES[0])
    with path.open("rb") as file:
        images = read_jpegs(source for source in (path, FILES[1], file, bytearray(FILES[2])))
    assert [image.source for image in images] == [str(path), "<bytes>, sources[1]", str(path), "<bytes>, sources[3]"]
    same(images[2], images[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_are_returned_in_place_if_requested(threads, tmp_path):
    bad = {
        0: (b"\x89PNG\r\n", NotJpegError),
        5: (FILES[5][:-30] + b"\xff\xd9", DamagedJpegError),
        70: (FILES[70][:-3000] + b"\xff\xd9", DamagedJpegError),
        80: (tmp_path / "nowhere.jpg", FileNotFoundError),
        90: ((FIXTURES / "refused" / "arithmetic-lossless.jpg").read_bytes(), UnsupportedJpegError),
        149: (b"", NotJpegError),
    }
    sources = [bad[i][0] if i in bad else data for i, data in enumerate(FILES)]
    results = read_jpegs(sources, threads=threads, return_errors=True)
    for i, result in enumerate(results):
        if i in bad:
            assert type(result) is bad[i][1]
        else:
            same(result, read_jpeg(FILES[i]))
    with pytest.raises(NotJpegError, match="PNG"):
        read_jpegs(sources, threads=threads)
    with pytest.raises(DamagedJpegError):
        read_jpegs(sources[1:], threads=threads)


def test_undamaged_data_is_kept_if_requested():
    broken = FILES[6][:-30] + b"\xff\xd9"
    kept, sound = read_jpegs([broken, FILES[7]], on_error="keep")
    same(kept, read_jpeg(broken, on_error="keep"))
    assert kept.damage
    assert sound.damage is None


def test_the_limit_holds_for_each_file():
    small, large = jpeg(noise(16, 16)), jpeg(noise(16, 17))
    results = read_jpegs([small, large, small], max_pixels=256, return_errors=True)
    assert [type(result) for result in results] == [JpegImage, JpegTooLargeError, JpegImage]
    same(results[2], read_jpeg(small))


def test_no_files_give_no_records():
    assert read_jpegs([]) == []
    assert read_jpegs(iter([]), threads=4, return_errors=True) == []


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_other_numbers_of_threads_are_refused(threads):
    with pytest.raises(InputError, match="threads"):
        read_jpegs(FILES, threads=threads)


def test_invalid_sources_are_input_errors_even_if_errors_are_returned():
    with pytest.raises(InputError, match="read_jpeg"):
        read_jpegs([FILES[0], 3], return_errors=True)


@pytest.mark.parametrize("progressive", [False, True])
def test_decoding_does_not_hold_the_gil(progressive):
    data = jpeg(noise(1500, 1500), progressive=progressive, quality=95)
    read_jpeg(data)
    count, stop = 0, False

    def counting():
        nonlocal count
        while not stop:
            count += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    # Threads are not asked to give up the GIL: each runs until it releases it, as the other one does all the time.
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=counting)
    try:
        thread.start()
        start = count
        read_jpeg(data)
        assert count > start
    finally:
        stop = True
        sys.setswitchinterval(before)
        thread.join()


def test_records_of_one_call_cannot_be_written():
    """The records share memory: writing to one could write to its neighbours."""
    file = jpeg(noise(120, 120))
    for image in read_jpegs([file, file]):
        coefficients = image.components[0].coefficients
        assert not coefficients.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            coefficients.setflags(write=True)
