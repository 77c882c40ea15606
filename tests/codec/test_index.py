"""Indexes: which files have one, how it is saved, and that nothing is read with a wrong one."""

import dataclasses

import numpy as np
import pytest

from jpegdomain.codec import JpegIndex, index_jpeg, read_jpeg
from jpegdomain.errors import (
    DamagedJpegError,
    InputError,
    JpegIndexError,
    NotJpegError,
    TruncatedJpegError,
    UnsupportedJpegError,
)

from .arithmetic_encoder import Interval
from .encoder import Part, Scan, encode
from .oracle import jpeg, noise

DATA = jpeg(noise(100, 120), quality=85)
REGION = (40, 50, 30, 30)


def one_part(size=(40, 48)):
    generator = np.random.default_rng(0)
    blocks = (size[0] // 8, size[1] // 8)
    coefficients = generator.integers(-20, 20, (*blocks, 64)).astype(np.int16)
    return size, (Part(1, (1, 1), coefficients, blocks, np.full(64, 3, np.uint16), 0),)


def same(one, two):
    return all(
        np.array_equal(a.coefficients, b.coefficients) for a, b in zip(one.components, two.components, strict=True)
    )


@pytest.mark.parametrize("every", [1, 5, 16, 1000])
def test_an_index_survives_saving_and_loading(every, tmp_path):
    index = index_jpeg(DATA, every=every)
    path = tmp_path / "a.index"
    index.save(path)
    again = JpegIndex.load(path)
    assert again.to_bytes() == index.to_bytes() == path.read_bytes()
    for one, two in zip(index.scans, again.scans, strict=True):
        np.testing.assert_array_equal(one.entries, two.entries)
    assert same(read_jpeg(DATA, region=REGION, index=again), read_jpeg(DATA, region=REGION))


def test_its_size_is_fifteen_bytes_per_entry_point():
    # 7 × 8 MCUs of 16×16 pixels, and the end.
    assert len(index_jpeg(DATA, every=2).to_bytes()) == pytest.approx(15 * 29, abs=80)


@pytest.mark.parametrize("at", [0, 5, 9, 12, 40, 60, -1])
def test_a_damaged_index_is_refused(at, tmp_path):
    written = bytearray(index_jpeg(DATA).to_bytes())
    written[at] ^= 4
    path = tmp_path / "a.index"
    path.write_bytes(written)
    with pytest.raises(JpegIndexError, match=r"a\.index is .*; make it again with index_jpeg"):
        JpegIndex.load(path)
    with pytest.raises(JpegIndexError):
        JpegIndex.from_bytes(bytes(written[: len(written) // 2]))


@pytest.mark.parametrize("other", [jpeg(noise(100, 120, seed=1), quality=85), jpeg(noise(20, 20)), DATA + b"\0", b""])
def test_an_index_does_not_read_another_file(other, tmp_path):
    index = index_jpeg(DATA)
    path = tmp_path / "other.jpg"
    path.write_bytes(other)
    for source in (other, path):
        with pytest.raises(JpegIndexError, match="is not the file that was indexed"):
            read_jpeg(source, region=(0, 0, 8, 8), index=index)


def test_a_change_is_noticed_wherever_it_is_read():
    index = index_jpeg(DATA, every=3)
    whole = read_jpeg(DATA)
    scan = index.scans[0]
    for at in range(2, scan.stop, 7):
        changed = bytearray(DATA)
        changed[at] ^= 1
        with pytest.raises(JpegIndexError):
            read_jpeg(bytes(changed), index=index)
        if at < scan.start:
            with pytest.raises(JpegIndexError):
                read_jpeg(bytes(changed), index=index, region=(0, 0, 1, 1))
    # Far from what is read, so that the indexed data is unchanged.
    assert same(read_jpeg(bytes(changed), region=(0, 0, 1, 1), index=index), read_jpeg(DATA, region=(0, 0, 1, 1)))
    assert same(read_jpeg(DATA, index=index), whole)


@pytest.mark.parametrize("part", range(3))
def test_decoding_must_arrive_at_the_next_entry_point(part):
    """No entry's hash covers the predictions of the next one: only arriving there does."""
    index = index_jpeg(DATA, every=8)
    (scan,) = index.scans
    assert scan.parts == 3
    entries = scan.entries.copy()
    entries[1, 2 + part] += 1
    wrong = dataclasses.replace(index, scans=(dataclasses.replace(scan, entries=entries),))
    region = 0, 0, 16, read_jpeg(DATA).extent.width
    assert same(read_jpeg(DATA, region=region, index=index), read_jpeg(DATA, region=region))
    with pytest.raises(JpegIndexError):
        read_jpeg(DATA, region=region, index=wrong)


def test_an_index_of_another_file_of_this_size_or_with_other_steps_is_refused():
    index = index_jpeg(DATA, every=8)
    with pytest.raises(JpegIndexError):
        read_jpeg(jpeg(noise(120, 100), quality=85), index=index)
    with pytest.raises(JpegIndexError):
        read_jpeg(DATA, index=dataclasses.replace(index, every=9))


@pytest.mark.parametrize(
    "data",
    [
        jpeg(noise(40, 40), progressive=True),
        encode(*one_part(), [Scan((0,))], height_later=True),
        encode(*one_part(), [Scan((0,))], coder=lambda scan: Interval(scan, lambda slot: (0, 1, 5))),
        # The second restart marker has the first one's number.
        jpeg(noise(64, 64), restart_marker_rows=1).replace(b"\xff\xd1", b"\xff\xd0"),
    ],
    ids=["progressive", "DNL", "arithmetic", "restart markers"],
)
def test_files_without_entry_points_are_named_and_read_without_an_index(data):
    whole = read_jpeg(data)
    with pytest.raises(UnsupportedJpegError, match="read its regions without an index"):
        index_jpeg(data)
    part = read_jpeg(data, region=(17, 0, 5, 9))
    rows = part.components[0].coefficients.shape[0]
    np.testing.assert_array_equal(part.components[0].coefficients, whole.components[0].coefficients[2 : 2 + rows, :2])


def test_a_file_that_cannot_be_read_has_no_index(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(DATA[: len(DATA) // 2])
    with pytest.raises(TruncatedJpegError, match=r"a\.jpg"):
        index_jpeg(path)
    with pytest.raises(NotJpegError):
        index_jpeg(b"no image")
    scan = index_jpeg(DATA).scans[0]
    with pytest.raises((DamagedJpegError, TruncatedJpegError)):
        index_jpeg(DATA[: scan.start] + b"\xff" * 40 + DATA[scan.start :])


def test_invalid_arguments_are_refused():
    for every in (0, -1, 2.0, True, "4"):
        with pytest.raises(InputError, match="every must be a number of MCUs"):
            index_jpeg(DATA, every=every)
    with pytest.raises(InputError, match="index must be a JpegIndex, as made by index_jpeg, got str"):
        read_jpeg(DATA, index="a.index")
    with pytest.raises(InputError, match="threads must be 1 or more"):
        read_jpeg(DATA, threads=0)
    with pytest.raises(InputError, match="strict=True checks the whole file"):
        read_jpeg(DATA, strict=True, index=index_jpeg(DATA))
