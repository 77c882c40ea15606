"""``on_error="keep"``: reading continues at the next restart marker or scan; `arrived` says what is missing."""

import copy
import itertools
import pickle

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg
from jpegdomain.errors import JpegFileError

from . import libjpeg
from .encoder import Part, Scan, encode
from .oracle import jpeg, noise, offset_of, segment

GRAY = jpeg(noise(64, 96, 1), quality=90, restart_marker_blocks=6)
COLOUR = jpeg(noise(61, 90), quality=90, restart_marker_blocks=3)
PROGRESSIVE = jpeg(noise(64, 96), quality=90, progressive=True, restart_marker_blocks=6)


def pieces(data):
    """Return what comes before the first interval of a file with one scan, the intervals, and what comes after them."""
    begin = offset_of(data, 0xDA)
    begin += 2 + data[begin + 3]
    places = [at for at in range(begin, len(data) - 2) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    edges = [begin, *places, len(data) - 2]
    intervals = [data[one + 2 * (i > 0) : other] for i, (one, other) in enumerate(itertools.pairwise(edges))]
    return data[:begin], intervals, data[-2:]


def joined(head, intervals, tail, numbers=None):
    numbers = range(len(intervals) - 1) if numbers is None else numbers
    marked = [intervals[0]]
    for number, interval in zip(numbers, intervals[1:], strict=True):
        marked.append((bytes([0xFF, 0xD0 + number % 8]) if number is not None else b"") + interval)
    return head + b"".join(marked) + tail


def lost_intervals(image, whole, per_interval, across):
    """Return which intervals differ; these must be reported to have lost blocks."""
    lost = set()
    for part, (one, other) in enumerate(zip(image.components, whole.components, strict=True)):
        arrived = np.ones(one.coefficients.shape[:2], bool) if one.arrived is None else one.arrived
        np.testing.assert_array_equal(one.coefficients[arrived], other.coefficients[arrived])
        assert not one.coefficients[~arrived].any()
        step = 2 if len(image.components) > 1 and part == 0 else 1
        for row, column in np.argwhere(~arrived):
            lost.add((row // step * across + column // step) // per_interval)
    return lost


FILES = {"gray": (GRAY, 6, 12), "colour": (COLOUR, 3, 6)}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", range(8))
def test_one_interval_of_garbage_is_all_that_is_lost(name, number):
    data, size, across = FILES[name]
    head, intervals, tail = pieces(data)
    for garbage in (b"", intervals[number][: len(intervals[number]) // 2], b"\xfe" * 40):
        image = read_jpeg(joined(head, [*intervals[:number], garbage, *intervals[number + 1 :]], tail), on_error="keep")
        assert lost_intervals(image, read_jpeg(data), size, across) == {number}
        assert image.damage.count("\n") == 0


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("gone", [1, 2, 3, 4, 5, 6])
def test_missing_intervals_are_noticed_by_the_numbers_of_their_successors(name, gone):
    data, size, across = FILES[name]
    head, intervals, tail = pieces(data)
    left = [*intervals[:3], *intervals[3 + gone :]]
    numbers = [*range(2), *range(2 + gone, len(intervals) - 1)]
    image = read_jpeg(joined(head, left, tail, numbers), on_error="keep")
    lost = lost_intervals(image, read_jpeg(data), size, across) if gone <= 2 else None
    # Beyond two, as with libjpeg, the number is not reliable.
    assert lost is None or lost == set(range(3, 3 + gone))
    assert image.damage
    expected = libjpeg.read(joined(head, left, tail, numbers)).coefficients
    if gone <= 2:
        for component, other in zip(image.components, expected, strict=True):
            arrived = True if component.arrived is None else component.arrived
            np.testing.assert_array_equal(component.coefficients[arrived], other[arrived])


@pytest.mark.parametrize("name", FILES)
def test_a_missing_marker_loses_the_interval_after_it(name):
    data, size, across = FILES[name]
    head, intervals, tail = pieces(data)
    for number in range(1, len(intervals) - 1):
        numbers = [None if i == number - 1 else i for i in range(len(intervals) - 1)]
        broken = joined(head, intervals, tail, numbers)
        with pytest.raises(JpegFileError):
            read_jpeg(broken)
        assert lost_intervals(read_jpeg(broken, on_error="keep"), read_jpeg(data), size, across) == {number}


@pytest.mark.parametrize("keep", [1, 3, 8])
def test_a_truncated_file_gives_what_arrived(keep):
    head, intervals, _ = pieces(GRAY)
    whole = read_jpeg(GRAY, keep=keep)
    for count in range(1, len(intervals)):
        image = read_jpeg(joined(head, intervals[:count], b""), on_error="keep", keep=keep)
        assert lost_intervals(image, whole, 6, 12) == set(range(count, len(intervals)))
        assert not image.components[0].arrived.flags.writeable


def scans(data):
    """Beginnings and ends of the entropy-coded data of all scans."""
    found, at = [], 0
    while (at := data.find(b"\xff\xda", at)) >= 0:
        begin = end = at + 2 + data[at + 3]
        while data[end] != 0xFF or data[end + 1] in {0, *range(0xD0, 0xD8)}:
            end += 1
        found.append((begin, end))
        at = end
    return found


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("restarts", [True, False])
def test_a_progressive_file_goes_on_with_the_next_scan(number, restarts):
    data = PROGRESSIVE if restarts else jpeg(noise(64, 96), quality=90, progressive=True)
    whole = read_jpeg(data)
    begin, end = scans(data)[number]
    middle = (begin + end) // 2
    if restarts:
        middle = next(at for at in range(middle, end) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7)
    image = read_jpeg(data[:middle] + data[end:], on_error="keep")
    assert image.damage
    told = 0
    for one, other in zip(image.components, whole.components, strict=True):
        arrived = np.ones(one.coefficients.shape[:2], bool) if one.arrived is None else one.arrived
        np.testing.assert_array_equal(one.coefficients[arrived], other.coefficients[arrived])
        assert one.lowest_bit is None
        told += (~arrived).sum()
    assert told > 0


@pytest.mark.parametrize("seed", range(12))
def test_bits_that_refine_what_was_lost_are_not_guessed(seed):
    """If intervals of the first scan are shorter, those of the refinement lose everything after the first lost
    block."""
    generator = np.random.default_rng(seed)
    # Sparse, so that data out of step seldom gives an impossible code.
    values = generator.integers(-3, 4, (4, 10, 64)).astype(np.int16) * (generator.random((4, 10, 64)) < 0.1)
    part = Part(1, (1, 1), values, (4, 10), np.ones(64, np.uint16), 0)
    first = [Scan((0,), 0, 0, 0, 0, 5), Scan((0,), 1, 63, 0, 1, 5)]
    data = encode((32, 80), [part], [*first, Scan((0,), 1, 63, 1, 0, 20)], progressive=True)
    np.testing.assert_array_equal(read_jpeg(data).components[0].coefficients, values)
    begin = scans(data)[1][0]
    # The fourth of eight intervals, in the first of two of the refinement.
    start, end = (data.index(bytes([0xFF, 0xD0 + number]), begin) for number in (2, 3))
    (found,) = read_jpeg(data[: start + 2] + data[end:], on_error="keep").components
    np.testing.assert_array_equal(found.arrived.reshape(-1), [*[True] * 15, *[False] * 5, *[True] * 20])
    np.testing.assert_array_equal(found.coefficients[found.arrived], values[found.arrived])
    # And the second of them; the refinement includes its first five blocks.
    start, end = (data.index(bytes([0xFF, 0xD0 + number]), begin) for number in (0, 1))
    (found,) = read_jpeg(data[: start + 2] + data[end:], on_error="keep").components
    np.testing.assert_array_equal(found.arrived.reshape(-1), [*[True] * 5, *[False] * 15, *[True] * 20])
    np.testing.assert_array_equal(found.coefficients[found.arrived], values[found.arrived])


def test_a_scan_whose_header_cannot_be_read_is_left_out():
    data = jpeg(noise(64, 96), quality=90, progressive=True)
    second = data.index(b"\xff\xda", offset_of(data, 0xDA) + 2)
    broken = data[: second + 7] + b"\x40" + data[second + 8 :]
    with pytest.raises(JpegFileError, match="Ss 64"):
        read_jpeg(broken)
    image = read_jpeg(broken, on_error="keep")
    assert "Ss 64" in image.damage
    whole = read_jpeg(data)
    for number, (one, other) in enumerate(zip(image.components, whole.components, strict=True)):
        if number:
            np.testing.assert_array_equal(one.coefficients, other.coefficients)
        else:
            complete = one.lowest_bit == 0
            assert not complete.all()
            np.testing.assert_array_equal(one.coefficients[..., complete], other.coefficients[..., complete])


def test_losses_are_limited_in_number():
    head, intervals, tail = pieces(jpeg(noise(64, 96, 1), quality=90, restart_marker_blocks=1))
    image = read_jpeg(joined(head, [b"\xfe" * 9] * len(intervals), tail), on_error="keep")
    assert image.damage.count("\n") == 16
    assert image.damage.endswith("and 80 more")
    assert not image.components[0].arrived.any()


def test_copies_keep_what_was_lost():
    image = read_jpeg(joined(*pieces(GRAY)[:2], b"")[:-60] + segment(0xFE, b""), on_error="keep")
    for made in (copy.deepcopy(image), pickle.loads(pickle.dumps(image))):
        assert made.damage == image.damage
        assert made.warnings == image.warnings
        np.testing.assert_array_equal(made.components[0].arrived, image.components[0].arrived)
        assert not made.components[0].arrived.flags.writeable
