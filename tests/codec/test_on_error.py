"""``on_error="keep"``: what was decoded before the damage, the rest zero, and the record says so."""

import itertools

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg
from jpegdomain.errors import InputError, JpegFileError, NotJpegError, TruncatedJpegError

from .oracle import FIXTURES, jpeg, noise, offset_of, segment

GRAY = jpeg(noise(40, 64, 1), quality=90)
COLOUR = jpeg(noise(48, 64), quality=90)
RESTARTS = jpeg(noise(40, 64, 1), quality=90, restart_marker_blocks=3)
PROGRESSIVE = jpeg(noise(48, 64), quality=90, progressive=True)


def assert_prefix(kept, whole):
    """Check that the blocks are those of the valid file up to one, and zero from there on. Returns how many are
    zero."""
    same = (kept == whole).all(axis=-1).reshape(-1)
    zero = (kept == 0).all(axis=-1).reshape(-1)
    first = len(same) if same.all() else int(np.argmin(same))
    assert zero[first:].all()
    return first


@pytest.mark.parametrize("data", [GRAY, RESTARTS], ids=["plain", "restarts"])
@pytest.mark.parametrize("closed", [b"", b"\xff\xd9"], ids=["cut", "closed"])
def test_blocks_before_the_cut_are_whole_and_those_after_it_zero(data, closed):
    whole = read_jpeg(data).components[0].coefficients
    begin = offset_of(data, 0xDA) + 10
    counts = []
    for cut in range(begin, len(data) - 2, 7):
        image = read_jpeg(data[:cut] + closed, on_error="keep")
        counts.append(assert_prefix(image.components[0].coefficients, whole))
        assert image.damage is not None
        assert "damaged" in repr(image)
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] >= 37


def test_interleaved_components_are_kept_alike():
    whole = read_jpeg(COLOUR)
    cut = offset_of(COLOUR, 0xDA) + (len(COLOUR) - offset_of(COLOUR, 0xDA)) // 2
    kept = read_jpeg(COLOUR[:cut], on_error="keep")
    counts = []
    for number, component in enumerate(kept.components):
        full = whole.components[number].coefficients
        # An MCU is 2×2 blocks of luma and one of each chroma: compare MCU by MCU.
        step = 2 if number == 0 else 1
        shape = (full.shape[0] // step, step, full.shape[1] // step, step, 64)
        order = (0, 2, 1, 3, 4)
        counts.append(
            assert_prefix(
                component.coefficients.reshape(shape).transpose(order).reshape(12, 1, -1),
                full.reshape(shape).transpose(order).reshape(12, 1, -1),
            )
        )
    assert len(set(counts)) == 1
    assert 2 < counts[0] < 10


@pytest.mark.parametrize("keep", [1, 3])
def test_on_error_keep_works_with_keep(keep):
    cut = len(GRAY) // 2 + 200
    low = read_jpeg(GRAY[:cut], keep=keep, on_error="keep")
    all_of_it = read_jpeg(GRAY[:cut], on_error="keep").components[0].coefficients
    np.testing.assert_array_equal(
        low.components[0].coefficients,
        all_of_it.reshape(5, 8, 8, 8)[:, :, :keep, :keep].reshape(5, 8, keep * keep),
    )
    assert low.damage


def test_scans_before_the_cut_are_complete():
    starts = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE[at : at + 2] == b"\xff\xda"]
    for number, (start, end) in enumerate(itertools.pairwise(starts)):
        tables = PROGRESSIVE.find(b"\xff\xc4", start)
        stop = tables if start < tables < end else end
        # Cut and closed after a scan, the file is valid: DC and fewer bits of the rest.
        expected = read_jpeg(PROGRESSIVE[:stop] + b"\xff\xd9")
        kept = read_jpeg(PROGRESSIVE[:stop], on_error="keep")
        assert kept.damage
        for one, other in zip(kept.components, expected.components, strict=True):
            np.testing.assert_array_equal(one.coefficients, other.coefficients)
        # If a scan is cut in the middle, each block is as before the scan or as after it.
        middle = read_jpeg(PROGRESSIVE[: (start + stop) // 2 + 6], on_error="keep")
        before = read_jpeg(PROGRESSIVE[:start], on_error="keep") if number else None
        for index, component in enumerate(middle.components):
            new = (component.coefficients == expected.components[index].coefficients).all(axis=-1)
            old = component.coefficients == (before.components[index].coefficients if before else 0)
            assert (new | old.all(axis=-1)).all()


def test_components_without_a_scan_are_zero():
    data = (FIXTURES / "one-scan-each.jpg").read_bytes()
    second = data.index(b"\xff\xda", offset_of(data, 0xDA) + 2)
    image = read_jpeg(data[:second], on_error="keep")
    whole = read_jpeg(data)
    np.testing.assert_array_equal(image.components[0].coefficients, whole.components[0].coefficients)
    for component, full in zip(image.components[1:], whole.components[1:], strict=True):
        assert component.coefficients.shape == full.coefficients.shape
        assert not component.coefficients.any()
        assert (component.table == 1).all()


def test_the_damage_is_the_message_of_the_error():
    broken = COLOUR[:-300] + b"\xff\xd9"
    with pytest.raises(JpegFileError) as caught:
        read_jpeg(broken)
    assert read_jpeg(broken, on_error="keep").damage == str(caught.value)


def test_what_follows_a_complete_image_does_no_harm():
    late = segment(0xF0, b"")
    for end in (b"", late + b"\xff\xd9", b"\xff\xc0", COLOUR[offset_of(COLOUR, 0xC0) :], b"\xff\xda\0\0"):
        for on_error in ("raise", "keep"):
            image = read_jpeg(COLOUR[:-2] + end, on_error=on_error)
            assert image.damage is None
            assert image.warnings
            for one, other in zip(image.components, read_jpeg(COLOUR).components, strict=True):
                np.testing.assert_array_equal(one.coefficients, other.coefficients)


@pytest.mark.parametrize("data", [b"", b"GIF89a", COLOUR[:100], COLOUR[: offset_of(COLOUR, 0xDA)]])
def test_a_file_without_a_scan_is_still_refused(data):
    with pytest.raises((NotJpegError, TruncatedJpegError)):
        read_jpeg(data, on_error="keep")


def test_valid_files_are_not_called_damaged():
    for data in (GRAY, COLOUR, RESTARTS, PROGRESSIVE):
        image = read_jpeg(data, on_error="keep")
        assert image.damage is None
        for one, other in zip(image.components, read_jpeg(data).components, strict=True):
            np.testing.assert_array_equal(one.coefficients, other.coefficients)


def test_other_values_of_on_error_are_refused():
    with pytest.raises(InputError, match="'raise' or 'keep'"):
        read_jpeg(GRAY, on_error="ignore")
