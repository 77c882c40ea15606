"""Faults that cost no coefficient: the file is read like the valid one, with a warning, and refused if strict.

If libjpeg reads the file, the result is compared with libjpeg's, too.
"""

import itertools

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg, read_jpegs
from jpegdomain.errors import JpegFileError

from . import libjpeg
from .encoder import ZIGZAG
from .oracle import FIXTURES, inserted, jpeg, noise, offset_of, patched, segment, without

SOUND = jpeg(noise(40, 56), quality=85)
GRAY = jpeg(noise(24, 40, 1))
RESTARTS = jpeg(noise(40, 56), quality=85, restart_marker_blocks=2)
PROGRESSIVE = jpeg(noise(40, 56), quality=85, progressive=True)
PLANAR = (FIXTURES / "one-scan-each.jpg").read_bytes()
FRAME, SCAN, QUANT, HUFF = (offset_of(SOUND, marker) for marker in (0xC0, 0xDA, 0xDB, 0xC4))
END = len(SOUND) - 2
JUNK = b"\x12\x00\x34" * 86


def restart(data, number):
    return data.index(bytes([0xFF, 0xD0 + number]), offset_of(data, 0xDA))


def scan_starts(data):
    found = [data.find(b"\xff\xda")]
    while found[-1] >= 0:
        found.append(data.find(b"\xff\xda", found[-1] + 1))
    return found[:-1]


def renumbered(data, numbers):
    places = [restart(data, number) for number in range(len(numbers))]
    for place, number in zip(places, numbers, strict=True):
        data = patched(data, place + 1, 0xD0 + number)
    return data


def with_scan(data, ids=None, band=None, length=None):
    if ids:
        for number, identifier in enumerate(ids):
            data = patched(data, SCAN + 5 + 2 * number, identifier)
    if band:
        data = patched(data, SCAN + 11, *band)
    return data if length is None else patched(data, SCAN + 2, length >> 8, length & 255)


def with_ids(*ids):
    data = SOUND
    for number, identifier in enumerate(ids):
        data = patched(data, FRAME + 10 + 3 * number, identifier)
    return data


PLANAR_SCANS = scan_starts(PLANAR)
PLANAR_FIRST = PLANAR[PLANAR_SCANS[0] : PLANAR.index(b"\xff\xda", PLANAR_SCANS[0] + 2)]
PLANAR_FIRST = PLANAR_FIRST[: PLANAR_FIRST.find(b"\xff\xc4")] if b"\xff\xc4" in PLANAR_FIRST else PLANAR_FIRST

# name: (the valid file, the file, what the warning says, whether libjpeg reads it)
CASES = {
    "junk after SOI": (SOUND, inserted(SOUND, b"\0" * 16), "16 bytes that belong to no segment (at byte 2)", True),
    "junk before DQT": (SOUND, inserted(SOUND, b"\x12\x34", at=QUANT), "2 bytes that belong", True),
    "junk before SOF": (SOUND, inserted(SOUND, b"\0\xff\0abc", at=FRAME), "6 bytes that belong", True),
    "junk before DHT": (SOUND, inserted(SOUND, b"\xff\0", at=HUFF), "2 bytes that belong", True),
    "junk before SOS": (SOUND, inserted(SOUND, JUNK, at=SCAN), "258 bytes that belong", True),
    "junk before EOI": (SOUND, inserted(SOUND, JUNK, at=END), "left over", True),
    "much junk before EOI": (SOUND, inserted(SOUND, bytes(30_000), at=END), "left over", True),
    "junk before EOI, progressive": (
        PROGRESSIVE,
        inserted(PROGRESSIVE, b"\1\2\3", at=len(PROGRESSIVE) - 2),
        "left over",
        True,
    ),
    "junk between scans": (
        PROGRESSIVE,
        inserted(PROGRESSIVE, b"\1\2\3", at=PROGRESSIVE.rindex(b"\xff\xda")),
        "3 bytes that belong",
        True,
    ),
    "junk before RST": (RESTARTS, inserted(RESTARTS, b"abc", at=restart(RESTARTS, 2)), "left over", True),
    "much junk before RST": (RESTARTS, inserted(RESTARTS, bytes(20_000), at=restart(RESTARTS, 0)), "left over", True),
    "bogus marker before RST": (
        RESTARTS,
        inserted(RESTARTS, b"\xff\x02ab", at=restart(RESTARTS, 1)),
        "reserved marker FF02",
        True,
    ),
    "RST before EOI": (SOUND, inserted(SOUND, b"\xff\xd0", at=END), "marker FFD0 is not allowed here", True),
    "RSTs before EOI": (
        RESTARTS,
        inserted(RESTARTS, b"\xff\xd6\xff\xd1", at=len(RESTARTS) - 2),
        "is not allowed here",
        True,
    ),
    "RST between segments": (SOUND, inserted(SOUND, b"\xff\xd3", at=HUFF), "marker FFD3 is not allowed here", True),
    "all RST the same": (RESTARTS, renumbered(RESTARTS, [0] * 5), "marker FFD0 where restart marker FFD1", False),
    "two RST swapped": (RESTARTS, renumbered(RESTARTS, [0, 2, 1, 3, 4]), "marker FFD2 where", False),
    "RST from 1 on": (RESTARTS, renumbered(RESTARTS, [1, 2, 3, 4, 5]), "marker FFD1 where", False),
    "one RST far away": (RESTARTS, renumbered(RESTARTS, [0, 5, 2, 3, 4]), "marker FFD5 where", True),
    "no EOI": (SOUND, SOUND[:-2], "before its end-of-image", True),
    "half an EOI": (SOUND, SOUND[:-1], "before its end-of-image", True),
    "no EOI, progressive": (PROGRESSIVE, PROGRESSIVE[:-2], "before its end-of-image", True),
    "padded, no EOI": (SOUND, SOUND[:-2] + bytes(64), "before its end-of-image", True),
    "ends in a segment behind the image": (SOUND, SOUND[:-2] + b"\xff\xe1\xff\xff", "inside segment FFE1", True),
    "another file before EOI": (SOUND, SOUND[:-2] + SOUND, "second frame", False),
    "SOI twice": (SOUND, inserted(SOUND, b"\xff\xd8\xff\xd8"), "marker FFD8 is not allowed here", False),
    "TEM": (SOUND, inserted(SOUND, b"\xff\1", at=SCAN), "marker FF01 is not allowed here", True),
    "reserved marker": (SOUND, inserted(SOUND, b"\xff\x4f", at=SCAN), "reserved marker FF4F", False),
    "extension": (SOUND, inserted(SOUND, segment(0xF0, b"abc"), at=SCAN), "reserved marker FFF0", False),
    "JPG": (SOUND, inserted(SOUND, segment(0xC8, b""), at=SCAN), "reserved marker FFC8", False),
    "comment of length 0": (SOUND, inserted(SOUND, b"\xff\xfe\0\0"), "segment FFFE gives its length as 0", True),
    "APP5 of length 1": (SOUND, inserted(SOUND, b"\xff\xe5\0\1"), "segment FFE5 gives its length as 1", True),
    "DNL of length 1": (SOUND, inserted(SOUND, b"\xff\xdc\0\1", at=SCAN), "length as 1", True),
    "DNL first": (SOUND, inserted(SOUND, segment(0xDC, b"\0\x18")), "a DNL segment comes before", True),
    "DNL of another height": (SOUND, inserted(SOUND, segment(0xDC, b"\0\x18"), at=END), "24 lines", True),
    "DRI too long": (RESTARTS, RESTARTS.replace(b"\xff\xdd\0\4\0\2", b"\xff\xdd\0\5\0\2\0"), "interval's", False),
    "DQT slot 4": (SOUND, inserted(SOUND, segment(0xDB, b"\4" + bytes(64)), at=SCAN), "in slot 4", False),
    "DQT precision 2": (
        SOUND,
        inserted(SOUND, segment(0xDB, b"\x23" + bytes([0, 1] * 64)), at=SCAN),
        "with precision 2",
        True,
    ),
    "short DQT that nobody needs": (SOUND, inserted(SOUND, segment(0xDB, b"\3abc")), "longer than its", False),
    "DQT padded": (SOUND, inserted(SOUND, segment(0xDB, b"\3" + b"\7" * 64 + bytes(9)), at=SCAN), "longer", False),
    "DHT class 2": (SOUND, inserted(SOUND, segment(0xC4, b"\x20\1" + bytes(16)), at=SCAN), "of class 2", False),
    "DHT of no code": (SOUND, inserted(SOUND, segment(0xC4, b"\3\3" + bytes(15) + b"\0\1\2")), "more codes", True),
    "DHT of category 16": (SOUND, inserted(SOUND, segment(0xC4, b"\3\1" + bytes(15) + b"\x10")), "category", True),
    "DHT too long": (SOUND, inserted(SOUND, segment(0xC4, b"\3\1" + bytes(16) + bytes(5)), at=SCAN), "longer", False),
    "no DHT": (SOUND, without(SOUND, 0xC4), "T.81 K.3.3", True),
    "no DHT, gray": (GRAY, without(GRAY, 0xC4), "T.81 K.3.3", True),
    "Ss, Se = 0, 0": (SOUND, with_scan(SOUND, band=(0, 0, 0)), "Ss 0, Se 0, Ah 0, Al 0", True),
    "Ss, Se, Ah, Al": (SOUND, with_scan(SOUND, band=(9, 255, 0x5A)), "Ss 9, Se 255, Ah 5, Al 10", True),
    "same ids": (SOUND, with_scan(with_ids(1, 1, 1), ids=(1, 1, 1)), "same identifier", True),
    "two same ids": (SOUND, with_scan(with_ids(1, 2, 2), ids=(1, 2, 2)), "same identifier", True),
    "ids that the frame has not": (SOUND, with_scan(SOUND, ids=(1, 7, 9)), "one that is not in the frame", False),
    "same ids in the scan": (SOUND, with_scan(SOUND, ids=(1, 1, 1)), "a component twice", False),
    "SOS of length 0": (SOUND, with_scan(SOUND, length=0), "scan header has the wrong length", False),
    "SOS too long": (SOUND, with_scan(SOUND, length=300), "scan header has the wrong length", False),
    "SOF too short": (SOUND, patched(SOUND, FRAME + 2, 0, 2), "frame header has the wrong length", False),
    "scan repeated": (
        PLANAR,
        inserted(PLANAR, PLANAR_FIRST, at=PLANAR_SCANS[1]),
        "repeats data of earlier scans",
        False,
    ),
    "scans repeated behind the image": (
        SOUND,
        SOUND[:END] + SOUND[SCAN:],
        "repeats data of earlier scans",
        False,
    ),
    "scan repeated, progressive": (
        PROGRESSIVE,
        PROGRESSIVE[:-2] + PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") :],
        "repeats data of earlier scans",
        False,
    ),
}


def assert_same(image, sound):
    assert image.extent == sound.extent
    for one, other in zip(image.components, sound.components, strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
        assert one.arrived is None
        assert one.lowest_bit is None
    assert image.damage is None


@pytest.mark.parametrize("name", CASES)
def test_what_costs_no_coefficient_is_a_warning(name):
    whole, data, warning, libjpeg_reads = CASES[name]
    sound = read_jpeg(whole)
    assert sound.warnings == ()
    for image in (read_jpeg(data), read_jpeg(data, on_error="keep"), *read_jpegs([data, whole])[:1]):
        assert_same(image, sound)
        assert any(warning in line for line in image.warnings), image.warnings
    for one, other in zip(read_jpeg(data, keep=3).components, read_jpeg(whole, keep=3).components, strict=True):
        np.testing.assert_array_equal(one.coefficients, other.coefficients)
    with pytest.raises(JpegFileError):
        read_jpeg(data, strict=True)
    if libjpeg_reads:
        found = libjpeg.read(data, grids=libjpeg.block_grids(whole)).coefficients
        for component, expected in zip(sound.components, found, strict=True):
            np.testing.assert_array_equal(component.coefficients, expected)


def test_a_step_of_0_stays_in_the_table():
    data = patched(SOUND, QUANT + 4 + 1 + 5, 0)
    image = read_jpeg(data)
    assert_same(image, read_jpeg(SOUND))
    assert image.components[0].table[2] == 0
    assert "step of 0" in image.warnings[0]
    np.testing.assert_array_equal(image.components[0].table, libjpeg.read(data).tables[0])


def test_missing_components_are_zero():
    image = read_jpeg(PLANAR[: PLANAR_SCANS[1]] + b"\xff\xd9")
    whole = read_jpeg(PLANAR)
    assert [line.partition(":")[0] for line in image.warnings] == [
        "no scan holds component 2",
        "no scan holds component 3",
    ]
    assert image.damage is None
    np.testing.assert_array_equal(image.components[0].coefficients, whole.components[0].coefficients)
    assert image.components[0].arrived is None
    for component in image.components[1:]:
        assert not component.coefficients.any()
        assert not component.arrived.any()


def test_missing_bits_are_reported():
    starts = scan_starts(PROGRESSIVE)
    for start, end in itertools.pairwise(starts):
        tables = PROGRESSIVE.find(b"\xff\xc4", start)
        stop = tables if start < tables < end else end
        data = PROGRESSIVE[:stop] + b"\xff\xd9"
        image = read_jpeg(data)
        assert all("are missing" in line for line in image.warnings)
        for component, expected, bits in zip(
            image.components, libjpeg.read(data).coefficients, brought(data), strict=True
        ):
            np.testing.assert_array_equal(component.coefficients, expected)
            found = np.zeros(64) if component.lowest_bit is None else component.lowest_bit
            np.testing.assert_array_equal(found, bits)
        assert image.warnings


def brought(data):
    """Return by component, row-major: the lowest bit that the scans contain."""
    bits = np.full((3, 64), -1)
    for start in scan_starts(data):
        count = data[start + 4]
        first, last, shifts = data[start + 5 + 2 * count : start + 8 + 2 * count]
        for number in range(count):
            bits[data[start + 5 + 2 * number] - 1, ZIGZAG[first : last + 1]] = shifts & 15
    return bits


def test_ac_before_dc_and_discontinued_bits_are_read_as_by_libjpeg():
    starts = scan_starts(PROGRESSIVE)
    heads = [max(PROGRESSIVE.rfind(b"\xff\xc4", 0, start), 0) for start in starts]
    # The first scan, of DC, moved to the end, with the table segments before each scan.
    first, second = PROGRESSIVE.index(b"\xff\xc4"), heads[1]
    moved = PROGRESSIVE[:first] + PROGRESSIVE[second:-2] + PROGRESSIVE[first:second] + b"\xff\xd9"
    # And DC first down to bit 2, while the refinement says that bit 1 has been sent.
    jumping = patched(PROGRESSIVE, starts[0] + 13, 2)
    for data, words in ((moved, "AC before DC"), (jumping, "does not continue")):
        image = read_jpeg(data)
        assert any(words in line for line in image.warnings)
        for component, expected in zip(image.components, libjpeg.read(data).coefficients, strict=True):
            np.testing.assert_array_equal(component.coefficients, expected)
        with pytest.raises(JpegFileError):
            read_jpeg(data, strict=True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (patched(SOUND, HUFF + 5, 1, 0), "more codes"),
        (patched(SOUND, HUFF + 20, 255), "longer than its segment"),
        (patched(SOUND, QUANT + 4, 0x10), "longer than its segment"),
        (patched(PROGRESSIVE, offset_of(PROGRESSIVE, 0xC4) + 21, 16), "category above 15"),
    ],
)
def test_an_invalid_table_counts_only_if_a_scan_needs_it(data, words):
    for strict in (False, True):
        with pytest.raises(JpegFileError, match=words):
            read_jpeg(data, strict=strict)


def test_intervals_that_do_not_fit_count_as_lost_data():
    third = RESTARTS[restart(RESTARTS, 1) : restart(RESTARTS, 2)]
    for data in (
        RESTARTS.replace(third, b""),
        RESTARTS[: restart(RESTARTS, 1)] + RESTARTS[restart(RESTARTS, 1) + 2 :],
        RESTARTS[: restart(RESTARTS, 2)] + third + RESTARTS[restart(RESTARTS, 2) :],
    ):
        with pytest.raises(JpegFileError):
            read_jpeg(data)


def test_warnings_are_limited_in_number_in_file_order_and_have_positions():
    image = read_jpeg(inserted(SOUND, *[b"\0" + segment(0xFE, b"x") for _ in range(40)]))
    assert_same(image, read_jpeg(SOUND))
    assert len(image.warnings) == 17
    assert image.warnings[-1] == "and 24 more"
    places = [int(line.rpartition(" ")[2].rstrip(")")) for line in image.warnings[:-1]]
    assert places == [2 + 6 * number for number in range(16)]
