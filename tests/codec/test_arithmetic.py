"""Arithmetic-coded files, against a slow encoder's input, against libjpeg, and against the same files in Huffman
coding."""

import io

import numpy as np
import pytest
from PIL import Image

import jpegdomain as jd
from jpegdomain.codec import read_jpeg, read_jpegs
from jpegdomain.errors import DamagedJpegError, JpegTooLargeError, TruncatedJpegError, UnsupportedJpegError

from . import libjpeg
from .arithmetic_encoder import Interval, usual
from .encoder import Part, Scan, encode
from .made import any_parts, any_size, progressive_scans, sequential_scans
from .oracle import FIXTURES, inserted, offset_of, patched, pillow, segment

QUICK = range(150)
ALL = range(150, 1500)
WHOLE = Scan((0,))
FLAT = np.full(64, 16, np.uint16)


class Recording:
    """Makes coders, and records which states of Table D.3 they have been in."""

    def __init__(self, conditioning=usual):
        self.conditioning, self.intervals = conditioning, []

    def __call__(self, scan):
        self.intervals.append(Interval(scan, self.conditioning))
        return self.intervals[-1]

    @property
    def visited(self):
        return set[int]().union(*(interval.visited for interval in self.intervals))


def any_conditioning(generator):
    """A DAC segment, and what it says."""
    known = {}
    for slot in range(2):
        lower = int(generator.integers(0, 16))
        known[slot] = (lower, int(generator.integers(lower, 16)), int(generator.integers(1, 64)))
        if generator.integers(2):
            # Bounds that occur in photographs.
            known[slot] = (lower % 3, lower % 3 + int(generator.integers(3)), known[slot][2])
    payload = b"".join(bytes([slot, lower + 16 * upper, 16 + slot, k]) for slot, (lower, upper, k) in known.items())
    return segment(0xCC, payload), known.__getitem__


def made(number):
    """Return an arithmetic-coded file, the same file with Huffman codes, its components, and its coders."""
    generator = np.random.default_rng([23, number])
    size = any_size(generator)
    parts = any_parts(size, generator)
    progressive = bool(generator.integers(2))
    scans = progressive_scans(parts, generator) if progressive else sequential_scans(parts, generator)
    dac, conditioning = any_conditioning(generator) if generator.integers(2) else (b"", usual)
    options = dict(progressive=progressive, fill=int(generator.choice([0, 0, 0, 3])))
    coder = Recording(conditioning)
    data = encode(size, parts, scans, **options, head=dac, coder=coder)
    return data, encode(size, parts, scans, **options), parts, coder


def check(number):
    data, twin, parts, coder = made(number)
    image, other = read_jpeg(data), read_jpeg(twin)
    coefficients, tables = libjpeg.read(data)
    assert len(image.components) == len(parts)
    assert (image.extent, image.progressive) == (other.extent, other.progressive)
    for component, same, expected, table, part in zip(
        image.components, other.components, coefficients, tables, parts, strict=True
    ):
        np.testing.assert_array_equal(component.coefficients, part.coefficients, err_msg=str(number))
        np.testing.assert_array_equal(component.coefficients, expected, err_msg=str(number))
        np.testing.assert_array_equal(component.coefficients, same.coefficients, err_msg=str(number))
        np.testing.assert_array_equal(component.table, table, err_msg=str(number))
        assert (component.identifier, component.factors, component.extent) == (
            same.identifier, same.factors, same.extent,
        )  # fmt: skip
    keep = 1 + number % 7
    for component, part in zip(read_jpeg(data, keep=keep).components, parts, strict=True):
        corner = part.coefficients.reshape(*part.blocks, 8, 8)[:, :, :keep, :keep]
        np.testing.assert_array_equal(component.coefficients, corner.reshape(*part.blocks, -1))
    return coder.visited


def test_made_files_hold_what_was_coded():
    visited = set[int]().union(*(check(number) for number in QUICK))
    # All of Table D.3, and the state that does not change.
    assert visited == set(range(114))


@pytest.mark.slow
def test_many_made_files_hold_what_was_coded():
    for number in ALL:
        check(number)


def gray(values, scans=(WHOLE,), coder=Interval, **options):
    """A file of one component with these blocks, (rows, columns, 64) in row-major order."""
    values = np.asarray(values, np.int16)
    rows, columns = values.shape[:2]
    part = Part(1, (1, 1), values, (rows, columns), FLAT, 0)
    return encode((8 * rows, 8 * columns), (part,), list(scans), **options, coder=coder)


def noise(rows, columns, seed=0, width=20):
    return np.random.default_rng(seed).laplace(0, width, (rows, columns, 64)).round().astype(np.int16)


def test_the_largest_values():
    values = np.zeros((2, 3, 64), np.int16)
    values[0, 1, 0] = 16383
    values[0, 2, 0] = -16384
    values[1, 0, 1:] = 32767
    values[1, 1, 1:] = -32767
    data = gray(values)
    np.testing.assert_array_equal(read_jpeg(data).components[0].coefficients, values)
    np.testing.assert_array_equal(libjpeg.read(data).coefficients[0], values)


@pytest.mark.parametrize("upper", range(4))
@pytest.mark.parametrize("lower", range(4))
def test_differences_at_the_bounds_of_conditioning(lower, upper):
    if lower > upper:
        return
    steps = np.random.default_rng(lower).choice([0, 1, 2, 3, 4, 5, 8, 9], (4, 40)) * [[1], [-1], [1], [-1]]
    values = np.zeros((4, 40, 64), np.int16)
    values[..., 0] = steps.reshape(-1).cumsum().reshape(4, 40)
    coder = Recording(lambda slot: (lower, upper, 5))
    data = gray(values, head=segment(0xCC, bytes([0, lower + 16 * upper])), coder=coder)
    np.testing.assert_array_equal(read_jpeg(data).components[0].coefficients, values)
    np.testing.assert_array_equal(libjpeg.read(data).coefficients[0], values)


@pytest.mark.parametrize("name", ["arithmetic", *(f"rare/arithmetic-{kind}" for kind in ["progressive", "restarts"])])
def test_the_tools_that_write_such_files_agree(name):
    data = (FIXTURES / f"{name}.jpg").read_bytes()
    plain = read_jpeg(FIXTURES / "rare" / "plain.jpg")
    for component, expected in zip(read_jpeg(data).components, plain.components, strict=True):
        np.testing.assert_array_equal(component.coefficients, expected.coefficients)
    np.testing.assert_array_equal(pillow(data, "YCbCr"), pillow((FIXTURES / "rare/plain.jpg").read_bytes(), "YCbCr"))


def test_written_files_are_huffman_coded_and_have_the_same_coefficients():
    image = read_jpeg(FIXTURES / "rare" / "arithmetic-cmyk.jpg")
    written = jd.write_jpeg(image)
    assert b"\xff\xc0" in written
    for one, two in zip(read_jpeg(written).components, image.components, strict=True):
        np.testing.assert_array_equal(one.coefficients, two.coefficients)


def test_conditioning_in_a_huffman_coded_file_changes_nothing():
    data = (FIXTURES / "rare" / "plain.jpg").read_bytes()
    image = read_jpeg(inserted(data, segment(0xCC, b"\0\x42\x10\x3f")))
    for one, two in zip(image.components, read_jpeg(data).components, strict=True):
        np.testing.assert_array_equal(one.coefficients, two.coefficients)


@pytest.mark.parametrize("slot", [0, 3, 4, 15])
def test_all_tables_that_a_header_can_name_are_conditioned(slot):
    values = noise(4, 5)
    data = gray(values, head=segment(0xCC, bytes([slot, 0x31, 16 + slot, 30])), coder=Recording(lambda _: (1, 3, 30)))
    data = patched(data, offset_of(data, 0xDA) + 6, 17 * slot)
    np.testing.assert_array_equal(read_jpeg(data).components[0].coefficients, values)
    np.testing.assert_array_equal(libjpeg.read(data).coefficients[0], values)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\0", "wrong length"),
        (b"\0\x10\1", "wrong length"),
        (b"\0\x12", "conditioning 18 for table 0 is not allowed"),
        (b"\x20\x05", "conditioning 5 for table 32 is not allowed"),
    ],
)
def test_impossible_conditioning_is_named(payload, reason):
    with pytest.raises(DamagedJpegError, match=f"{reason} .FFCC, at byte 2"):
        read_jpeg(gray(noise(1, 1), head=segment(0xCC, payload)))


def test_unsupported_kinds_are_named():
    data = gray(noise(1, 1))
    frame = offset_of(data, 0xC9)
    with pytest.raises(UnsupportedJpegError, match="12-bit"):
        read_jpeg(patched(data, frame + 4, 12))
    with pytest.raises(UnsupportedJpegError, match="arithmetic-coded lossless"):
        read_jpeg(patched(data, frame + 1, 0xCB))


def test_final_zeros_of_the_data_may_be_left_out():
    class Zeros(Interval):
        def finish(self):
            return super().finish(zeros=5)

    values = noise(3, 7)
    scans = [Scan((0,), restart=4)]
    for coder in (Interval, Zeros):
        image = read_jpeg(gray(values, scans, coder=coder))
        np.testing.assert_array_equal(image.components[0].coefficients, values)


def test_an_image_of_zeros_takes_a_few_bytes_at_any_size():
    data = gray(np.zeros((150, 200, 64)))
    assert len(data) - offset_of(data, 0xDA) < 60
    image = read_jpeg(data)
    assert image.extent == (1200, 1600)
    assert not image.components[0].coefficients.any()
    # So only the limit on pixels limits what a file can claim.
    with pytest.raises(JpegTooLargeError):
        read_jpeg(data, max_pixels=1200 * 1600 - 1)


@pytest.mark.parametrize("name", ["arithmetic", "rare/arithmetic-progressive-restarts"])
def test_every_truncation_is_reported(name):
    data = (FIXTURES / f"{name}.jpg").read_bytes()
    for length in range(2, len(data)):
        with pytest.raises(TruncatedJpegError):
            read_jpeg(data[:length])


def test_what_precedes_the_end_is_kept():
    values = noise(8, 8)
    data = gray(values)
    scan = offset_of(data, 0xDA)
    before = -1
    for length in range(scan + 12, len(data) - 2, 97):
        image = read_jpeg(data[:length], on_error="keep")
        assert "ends inside the compressed data" in image.damage
        assert f"at byte {length})" in image.damage
        found = image.components[0].coefficients.reshape(64, 64)
        good = (found == values.reshape(64, 64)).all(axis=1)
        count = int(good.argmin())
        assert not found[count:].any()
        assert count >= before
        before = count
    assert before > 55


def test_a_missing_refinement_leaves_the_known_bits():
    values = noise(6, 6)
    scans = [Scan((0,), 0, 0, 0, 1), Scan((0,), 1, 63, 0, 1), Scan((0,), 1, 63, 1, 0), Scan((0,), 0, 0, 1, 0)]
    data = gray(values, scans, progressive=True)
    known = np.where(values > 0, values >> 1 << 1, -(-values >> 1 << 1))
    known[..., 0] = values[..., 0] >> 1 << 1
    found = read_jpeg(data[:-8], on_error="keep").components[0].coefficients
    assert ((found == values) | (found == known)).all()
    np.testing.assert_array_equal(found[..., 1:], values[..., 1:])
    third = data.rindex(b"\xff\xda", 0, data.rindex(b"\xff\xda"))
    found = read_jpeg(data[: third + 60], on_error="keep").components[0].coefficients
    assert ((found == values) | (found == known)).all()
    np.testing.assert_array_equal(found[-1], known[-1])


def test_dc_bits_after_the_end_are_not_invented():
    generator = np.random.default_rng(0)
    # Nine blocks in an MCU: more bits than a byte holds, so that the end comes inside of MCUs.
    padded = [generator.integers(-500, 500, (4 * v, 3 * h, 64)) * (np.arange(64) == 0) for v, h in [(2, 4), (1, 1)]]
    parts = [
        Part(number, factors, values.astype(np.int16), values.shape[:2], FLAT, 0)
        for number, (factors, values) in enumerate(zip([(2, 4), (1, 1)], padded, strict=True))
    ]
    scans = [Scan((0, 1), 0, 0, 0, 1), Scan((0, 1), 0, 0, 1, 0)]
    data = encode((64, 96), parts, scans, progressive=True, coder=Interval)
    # By MCU: what came last, and whether it is all there, or none of it.
    bits = np.concatenate(
        [by_mcu(values[..., 0] & 1, *part.factors) for values, part in zip(padded, parts, strict=True)], 1
    )
    for length in range(data.rindex(b"\xff\xda") + 12, len(data) - 2):
        components = read_jpeg(data[:length], on_error="keep").components
        found = np.concatenate([by_mcu(part.coefficients[..., 0] & 1, *part.factors) for part in components], 1)
        came = int((found == bits).all(axis=1).argmin())
        assert not found[came:].any()


def by_mcu(plane, vertical, horizontal):
    """(rows, columns) → (MCUs, blocks of each)."""
    rows, columns = plane.shape[0] // vertical, plane.shape[1] // horizontal
    return plane.reshape(rows, vertical, columns, horizontal).swapaxes(1, 2).reshape(rows * columns, -1)


def test_fill_bytes_before_a_stuffed_byte():
    data = gray(noise(8, 8))
    scan = offset_of(data, 0xDA) + 10
    assert b"\xff\0" in data[scan:]
    filled = data[:scan] + data[scan:].replace(b"\xff\0", b"\xff\xff\xff\0")
    for coefficients in (read_jpeg(filled).components[0].coefficients, libjpeg.read(filled).coefficients[0]):
        np.testing.assert_array_equal(coefficients, read_jpeg(data).components[0].coefficients)


def test_lost_bytes_between_restart_markers_are_noticed():
    data = gray(noise(8, 8), [Scan((0,), restart=8)])
    middle = data.index(b"\xff\xd3")
    cuts = [data[: middle - back] + data[middle - back + 2 :] for back in range(3, 60)]
    results = read_jpegs(cuts, strict=True, return_errors=True)
    noticed = [isinstance(result, DamagedJpegError) for result in results]
    assert sum(noticed) > 40
    # libjpeg skips left-over data, too; the record says so.
    for cut, seen in zip(cuts, noticed, strict=True):
        if seen:
            image = read_jpeg(cut, on_error="keep")
            assert image.damage or "left over" in image.warnings[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-2] + b"\1\1\1\1\xff\xd9", "left over"),
        (lambda data: data[:-2] + b"\0\0\0\0\xff\0\xff\xd9", "left over"),
        (lambda data: data.replace(b"\xff\xd1", b"\xff\xd5"), "marker FFD5 where restart marker FFD1 belongs"),
        (lambda data: data.replace(b"\xff\xd1", b"\xff\xe5\0\2"), "marker FFE5 where restart marker FFD1 belongs"),
    ],
)
def test_damage_is_named(change, reason):
    with pytest.raises(DamagedJpegError, match=reason):
        read_jpeg(change(gray(noise(4, 4), [Scan((0,), restart=4)])), strict=True)


def test_what_costs_no_coefficient_is_a_warning():
    values = noise(4, 4)
    data = gray(values, [Scan((0,), restart=4)])
    for changed, words in (
        (data[:-2] + b"\1\1\1\1\xff\xd9", "left over"),
        (data.replace(b"\xff\xd1", b"\xff\xd5"), "FFD5"),
    ):
        image = read_jpeg(changed)
        assert words in image.warnings[0]
        np.testing.assert_array_equal(image.components[0].coefficients, values)


def test_a_lost_interval_ends_at_the_next_restart_marker():
    values = noise(4, 4)
    data = gray(values, [Scan((0,), restart=4)])
    first, second = data.index(b"\xff\xd0"), data.index(b"\xff\xd1")
    image = read_jpeg(data[:first] + data[second:], on_error="keep")
    assert image.damage
    arrived = image.components[0].arrived
    np.testing.assert_array_equal(arrived, [[True] * 4, [False] * 4, [True] * 4, [True] * 4])
    np.testing.assert_array_equal(image.components[0].coefficients, values * arrived[..., None])


class NoCoefficient(Interval):
    """Neither a coefficient nor an end of block follows."""

    def band(self, slot, values):
        self.decide((slot, "SE", 1), 0)
        for k in range(1, self.scan.last + 1):
            self.decide((slot, "S0", k), 0)

    refinement = band


class TooLarge(Interval):
    """Sixteen bits."""

    def magnitude(self, table, size, first):
        for bit in range(first, 16):
            self.decide((*table, "X", bit), 1)


REFINING = [Scan((0,), 0, 0), Scan((0,), 1, 63, 0, 1), Scan((0,), 1, 63, 1, 0)]


@pytest.mark.parametrize(
    ("kind", "scans", "damaged", "values"),
    [
        (NoCoefficient, [WHOLE], 0, [1, 2]),
        (NoCoefficient, [Scan((0,), 0, 0), Scan((0,), 1, 20)], 1, [1, 2]),
        (NoCoefficient, REFINING, 2, [0, 0]),
        (TooLarge, [WHOLE], 0, [7]),
        (TooLarge, [WHOLE], 0, [0, 7]),
        (TooLarge, [Scan((0,), 0, 0), Scan((0,), 1, 63)], 1, [0, 0, 7]),
    ],
)
def test_too_many_or_too_large_coefficients_are_named(kind, scans, damaged, values):
    blocks = np.zeros((1, 2, 64), np.int16)
    blocks[0, 1, : len(values)] = values
    sound = Recording()
    made = [sound, sound, sound]
    made[damaged] = kind

    def coder(scan):
        return made[scans.index(scan)](scan)

    data = gray(blocks, scans, progressive=len(scans) > 1, coder=coder)
    with pytest.raises(DamagedJpegError, match="more than 64 coefficients, or a coefficient of more than 15 bits"):
        read_jpeg(data)
    kept = read_jpeg(data, on_error="keep").components[0].coefficients
    expected = read_jpeg(data[: data.rindex(b"\xff\xda")] + b"\xff\xd9") if damaged else None
    np.testing.assert_array_equal(kept, expected.components[0].coefficients if expected else np.zeros((1, 2, 64)))


def test_a_closing_restart_marker_is_allowed():
    values = noise(2, 4)
    data = gray(values, [Scan((0,), restart=4)])
    image = read_jpeg(inserted(data, b"\xff\xd1", at=len(data) - 2))
    np.testing.assert_array_equal(image.components[0].coefficients, values)


@pytest.mark.parametrize("threads", [1, 2])
def test_among_many_files(threads):
    names = ["arithmetic", "440", "rare/arithmetic-progressive", "progressive-restart", "rare/arithmetic-444"]
    files = [(FIXTURES / f"{name}.jpg").read_bytes() for name in names] * 9
    for image, data in zip(read_jpegs(files, threads=threads), files, strict=True):
        for one, two in zip(image.components, read_jpeg(data).components, strict=True):
            np.testing.assert_array_equal(one.coefficients, two.coefficients)


def test_a_large_file_decodes_as_in_pillow():
    values = noise(30, 40, width=6) // (1 + np.add.outer(np.arange(8), np.arange(8)).ravel())
    data = gray(values)
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image)
    with Image.open(io.BytesIO(jd.write_jpeg(read_jpeg(data)))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
