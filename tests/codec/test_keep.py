"""``keep=m``: the m×m lowest frequencies of each block, and no more work than they need."""

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg, read_jpegs
from jpegdomain.data import collate
from jpegdomain.errors import DamagedJpegError, InputError

from .oracle import FIXTURES, jpeg, noise

FILES = {
    "4:2:0": jpeg(noise(45, 77), quality=90),
    "gray": jpeg(noise(45, 77, 1), quality=97),
    "every coefficient": jpeg(np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8), quality=100),
    "nearly none": jpeg(noise(45, 77), quality=1),
    "restarts": jpeg(noise(45, 77), restart_marker_blocks=1),
    "optimised": jpeg(noise(45, 77), optimize=True, quality=30),
    "progressive": jpeg(noise(45, 77), progressive=True),
    **{path.stem: path.read_bytes() for path in [FIXTURES / "unusual.jpg", *sorted((FIXTURES / "rare").glob("*.jpg"))]},
}


@pytest.mark.parametrize("keep", range(1, 9))
@pytest.mark.parametrize("name", FILES)
def test_keep_reads_the_lowest_frequencies_of_whole_blocks(name, keep):
    whole, part = read_jpeg(FILES[name]), read_jpeg(FILES[name], keep=keep)
    assert part.keep == keep
    for all_of_it, some in zip(whole.components, part.components, strict=True):
        rows, columns = all_of_it.extent.blocks
        corner = all_of_it.coefficients.reshape(rows, columns, 8, 8)[:, :, :keep, :keep]
        np.testing.assert_array_equal(some.coefficients, corner.reshape(rows, columns, keep * keep))
        np.testing.assert_array_equal(some.table, all_of_it.table)
        assert some.coefficients.flags.c_contiguous
        assert not some.coefficients.flags.writeable
        assert some.keep == keep


def ac_data(data):
    """Beginnings and ends of the entropy-coded data of a progressive file's AC scans."""
    at = 0
    while (at := data.find(b"\xff\xda", at)) >= 0:
        begin = at + 2 + data[at + 3]
        end = begin
        while data[end] != 0xFF or data[end + 1] == 0:
            end += 1
        if data[begin - 3] > 0:
            yield begin, end
        at = end


def test_scans_without_wanted_coefficients_are_not_decoded():
    data = FILES["progressive"]
    spoilt = bytearray(data)
    for begin, end in ac_data(data):
        spoilt[begin:end] = bytes(end - begin)
    with pytest.raises(DamagedJpegError):
        read_jpeg(bytes(spoilt))
    with pytest.raises(DamagedJpegError):
        read_jpeg(bytes(spoilt), keep=2)
    for expected, found in zip(read_jpeg(data).components, read_jpeg(bytes(spoilt), keep=1).components, strict=True):
        np.testing.assert_array_equal(found.coefficients[..., 0], expected.coefficients[..., 0])


def test_damage_in_skipped_data_is_noticed():
    data = FILES["gray"]
    with pytest.raises(DamagedJpegError, match="ends before its last block"):
        read_jpeg(data[: len(data) // 2] + b"\xff\xd9", keep=1)


def test_keep_works_in_batches_of_small_files():
    for one in read_jpegs([FILES["4:2:0"], FILES["progressive"], FILES["gray"]], keep=3):
        assert one.keep == 3


@pytest.mark.parametrize("keep", [0, 9, -1, 2.0, "2", None])
def test_other_numbers_are_refused(keep):
    with pytest.raises(InputError, match="1…8"):
        read_jpeg(FILES["gray"], keep=keep)


def test_the_record_says_how_many_frequencies_it_has():
    image = read_jpeg(FILES["4:2:0"], keep=2)
    assert repr(image) == "JpegImage('<bytes>', 45×77, ycbcr 4:2:0, keep=2)"
    assert "keep=2" in repr(image.components[0])
    with pytest.raises(InputError, match="read with keep=2"):
        collate([image])
