"""Every file that is not read raises an error that names it, the reason and the remedy."""

import io
import re

import pytest

from jpegdomain.codec import read_jpeg, read_jpegs
from jpegdomain.errors import (
    DamagedJpegError,
    InputError,
    JpegFileError,
    JpegTooLargeError,
    NotJpegError,
    TruncatedJpegError,
    UnsupportedJpegError,
)

from .oracle import FIXTURES, inserted, jpeg, noise, offset_of, patched, segment, without

GRAY = jpeg(noise(24, 16, 1))
COLOUR = jpeg(noise(24, 16), subsampling="4:4:4")
PROGRESSIVE = jpeg(noise(24, 16), progressive=True)
RESTARTS = jpeg(noise(24, 40, 1), restart_marker_blocks=2)
FRAME, SCAN, QUANT, HUFF = (offset_of(COLOUR, marker) for marker in (0xC0, 0xDA, 0xDB, 0xC4))
GRAY_FRAME, GRAY_SCAN, GRAY_HUFF = (offset_of(GRAY, marker) for marker in (0xC0, 0xDA, 0xC4))
PROGRESSIVE_SCAN = offset_of(PROGRESSIVE, 0xDA)
DNL = inserted(COLOUR, segment(0xDC, b"\0\x18"), at=len(COLOUR) - 2)
SECOND_SCAN = PROGRESSIVE.index(b"\xff\xda", PROGRESSIVE_SCAN + 2)

SCANS = (FIXTURES / "one-scan-each.jpg").read_bytes()


def framed(count):
    """A file whose frame header has this many components."""
    parts = b"".join(bytes([index, 0x11, 0]) for index in range(count))
    return inserted(without(COLOUR, 0xC0), segment(0xC0, b"\x08\0\x10\0\x10" + bytes([count]) + parts))


CASES = [
    (NotJpegError, "it is empty", b""),
    (NotJpegError, "PNG", b"\x89PNG\r\n\x1a\n" + bytes(20)),
    (NotJpegError, "GIF", b"GIF89a" + bytes(20)),
    (NotJpegError, "WebP", b"RIFF\0\0\0\0WEBP"),
    (NotJpegError, "begins with the bytes 68 65 6C 6C", b"hello world"),
    (NotJpegError, "instead of FF D8", b"\xff"),
    (TruncatedJpegError, "end-of-image", b"\xff\xd8"),
    (TruncatedJpegError, "inside the compressed data", COLOUR[:-20]),
    (TruncatedJpegError, "inside segment FFC0", COLOUR[: FRAME + 6]),
    (TruncatedJpegError, "no scan", COLOUR[:SCAN] + b"\xff\xd9"),
    (TruncatedJpegError, "no scan", b"\xff\xd8\xff\xd9"),
    (UnsupportedJpegError, "12-bit", patched(COLOUR, FRAME + 4, 12)),
    (UnsupportedJpegError, "lossless", patched(COLOUR, FRAME + 1, 0xC3)),
    (UnsupportedJpegError, "hierarchical", patched(COLOUR, FRAME + 1, 0xC5)),
    (UnsupportedJpegError, "hierarchical", patched(COLOUR, FRAME + 1, 0xC6)),
    (UnsupportedJpegError, "hierarchical lossless", patched(COLOUR, FRAME + 1, 0xC7)),
    (UnsupportedJpegError, "arithmetic-coded lossless", patched(COLOUR, FRAME + 1, 0xCB)),
    (UnsupportedJpegError, "hierarchical arithmetic", patched(COLOUR, FRAME + 1, 0xCD)),
    (UnsupportedJpegError, "hierarchical arithmetic", patched(COLOUR, FRAME + 1, 0xCE)),
    (UnsupportedJpegError, "hierarchical arithmetic", patched(COLOUR, FRAME + 1, 0xCF)),
    (UnsupportedJpegError, "hierarchical", inserted(COLOUR, segment(0xDE, b"\x08\0\x10\0\x10\0"))),
    (UnsupportedJpegError, "JPEG-LS", patched(COLOUR, FRAME + 1, 0xF7)),
    (DamagedJpegError, "no height", patched(COLOUR, FRAME + 5, 0, 0)),
    (JpegTooLargeError, "65535×65535", patched(COLOUR, FRAME + 5, 255, 255, 255, 255)),
    (UnsupportedJpegError, "5 components", framed(5)),
    (DamagedJpegError, "9 bits", patched(COLOUR, FRAME + 4, 9)),
    (DamagedJpegError, "no width", patched(COLOUR, FRAME + 7, 0, 0)),
    (DamagedJpegError, "wrong length", patched(COLOUR, FRAME + 9, 1)),
    (DamagedJpegError, "no components", framed(0)),
    (DamagedJpegError, "sampling factor", patched(COLOUR, FRAME + 11, 0x10)),
    (DamagedJpegError, "sampling factor", patched(COLOUR, FRAME + 11, 0x51)),
    (DamagedJpegError, "second frame", inserted(COLOUR, COLOUR[FRAME : FRAME + 19])),
    (DamagedJpegError, "before the frame", without(COLOUR, 0xC0)),
    (DamagedJpegError, "needs table 0", without(COLOUR, 0xDB)),
    (DamagedJpegError, "needs table 9", patched(COLOUR, FRAME + 12, 9)),
    (DamagedJpegError, "quantisation table with precision 2", patched(COLOUR, QUANT + 4, 0x20)),
    (DamagedJpegError, "in slot 4", patched(COLOUR, QUANT + 4, 0x04)),
    (DamagedJpegError, "longer than its segment", patched(COLOUR, QUANT + 4, 0x10)),
    (DamagedJpegError, "Huffman table of class 2", patched(COLOUR, HUFF + 4, 0x20)),
    (DamagedJpegError, "Huffman table is longer", patched(GRAY, GRAY_HUFF + 20, 255)),
    (DamagedJpegError, "more codes", patched(GRAY, GRAY_HUFF + 5, 1, 0)),
    (DamagedJpegError, "category above 15", patched(GRAY, GRAY_HUFF + 21, 16)),
    (DamagedJpegError, "DC Huffman table 3", patched(GRAY, GRAY_SCAN + 6, 0x30)),
    (DamagedJpegError, "AC Huffman table 3", patched(GRAY, GRAY_SCAN + 6, 0x03)),
    (DamagedJpegError, "left over", inserted(COLOUR, segment(0xDD, b"\0\1"))),
    (DamagedJpegError, "ends before its last block (FFD0", inserted(COLOUR, b"\xff\xd0", at=len(COLOUR) - 10)),
    (DamagedJpegError, "scan header has the wrong length", patched(COLOUR, SCAN + 4, 2)),
    (DamagedJpegError, "blocks in an MCU", patched(COLOUR, FRAME + 11, 0x44)),
    (DamagedJpegError, "Ss 0, Se 5", patched(PROGRESSIVE, PROGRESSIVE_SCAN + 12, 5)),
    (DamagedJpegError, "Ah 3, Al 1", patched(PROGRESSIVE, PROGRESSIVE_SCAN + 13, 0x31)),
    (DamagedJpegError, "Al 15", patched(PROGRESSIVE, PROGRESSIVE_SCAN + 13, 0x0F)),
    (DamagedJpegError, "Se 64", patched(PROGRESSIVE, SECOND_SCAN + 8, 64)),
    (DamagedJpegError, "too short for its blocks", patched(COLOUR, FRAME + 5, 40, 0, 40, 0)),
    (DamagedJpegError, "ends before its last block (FFD9", COLOUR[: SCAN + 60] + b"\xff\xd9"),
]

# What costs no coefficient is refused only if strict.
TOLERATED = [
    (TruncatedJpegError, "before its end-of-image", COLOUR[:-2]),
    (
        TruncatedJpegError,
        "no scan holds component 2",
        SCANS[: SCANS.index(b"\xff\xda", offset_of(SCANS, 0xDA) + 2)] + b"\xff\xd9",
    ),
    (DamagedJpegError, "24 lines, but the image has 23", patched(DNL, FRAME + 5, 0, 23)),
    (DamagedJpegError, "DNL segment comes before", inserted(COLOUR, segment(0xDC, b"\0\x18"))),
    (DamagedJpegError, "same identifier", patched(COLOUR, FRAME + 13, 1)),
    (DamagedJpegError, "step of 0", patched(COLOUR, QUANT + 9, 0)),
    (DamagedJpegError, "DC Huffman table 0", without(GRAY, 0xC4)),
    (DamagedJpegError, "restart interval", inserted(COLOUR, segment(0xDD, b"\0"))),
    (DamagedJpegError, "marker FFD5 where restart marker FFD1 belongs", RESTARTS.replace(b"\xff\xd1", b"\xff\xd5")),
    (DamagedJpegError, "names a component twice", patched(COLOUR, SCAN + 7, 1)),
    (DamagedJpegError, "one that is not in the frame", patched(COLOUR, SCAN + 7, 77)),
    (DamagedJpegError, "Ss 1, Se 63", patched(GRAY, GRAY_SCAN + 7, 1)),
    (DamagedJpegError, "Ah 0, Al 1", patched(GRAY, GRAY_SCAN + 9, 1)),
    (DamagedJpegError, "does not continue", patched(PROGRESSIVE, PROGRESSIVE_SCAN + 13, 0x21)),
    (DamagedJpegError, "marker FFD8 is not allowed here", inserted(COLOUR, b"\xff\xd8")),
    (DamagedJpegError, "marker FF01 is not allowed here", inserted(COLOUR, b"\xff\x01")),
    (DamagedJpegError, "reserved marker FFF0", inserted(COLOUR, segment(0xF0, b""))),
    (DamagedJpegError, "length as 1", inserted(COLOUR, b"\xff\xe5\0\1")),
    (DamagedJpegError, "byte 00 where a marker", inserted(COLOUR, b"\0")),
    (DamagedJpegError, "byte 00 where a marker", inserted(COLOUR, b"\xff\0")),
    (DamagedJpegError, "left over", COLOUR[:-2] + b"more" * 8 + b"\xff\xd9"),
]


def named(cases):
    return pytest.mark.parametrize(
        ("kind", "reason", "data"), cases, ids=[f"{i}-{case[1]}" for i, case in enumerate(cases)]
    )


def assert_refused(kind, reason, path, **how):
    with pytest.raises(JpegFileError, match=re.escape(reason)) as caught:
        read_jpeg(path, **how)
    assert caught.type is kind
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    remedies = {NotJpegError: "pass a JPEG", UnsupportedJpegError: "re-encode", JpegTooLargeError: "raise max_pixels"}
    remedy = remedies.get(kind, "fetch the file again")
    assert remedy in message.rpartition("; ")[2]


@named(CASES)
@pytest.mark.parametrize("strict", [False, True])
def test_refusal_names_file_reason_and_remedy(kind, reason, data, strict, tmp_path, capfd):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    assert_refused(kind, reason, path, strict=strict)
    assert capfd.readouterr() == ("", "")


@named(TOLERATED)
def test_what_costs_no_coefficient_is_refused_if_strict_and_a_warning_otherwise(kind, reason, data, tmp_path, capfd):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    assert_refused(kind, reason, path, strict=True)
    for image in (read_jpeg(path), *read_jpegs([path]), read_jpeg(path, on_error="keep")):
        assert image.warnings
        assert image.damage is None
        assert all(str(path) not in line for line in image.warnings)
    assert capfd.readouterr() == ("", "")


def test_strict_and_keep_exclude_each_other():
    with pytest.raises(InputError, match="use only one"):
        read_jpeg(GRAY, strict=True, on_error="keep")


def test_offsets_are_where_the_fault_is():
    with pytest.raises(DamagedJpegError, match=f"at byte {FRAME}\\)"):
        read_jpeg(patched(COLOUR, FRAME + 4, 9))


def test_a_missing_file_raises_the_error_of_open(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_jpeg(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("source", [3, None, [GRAY], io.StringIO("text")])
def test_other_sources_are_input_errors(source):
    with pytest.raises(InputError, match="read_jpeg"):
        read_jpeg(source)


def test_a_closing_restart_marker_is_allowed():
    count = RESTARTS.count(b"\xff\xd0") + sum(RESTARTS.count(bytes([0xFF, 0xD0 + i])) for i in range(1, 8))
    closed = inserted(RESTARTS, bytes([0xFF, 0xD0 + count % 8]), at=len(RESTARTS) - 2)
    assert read_jpeg(closed).extent == (24, 40)


def test_a_file_opened_for_text_is_named(tmp_path):
    path = tmp_path / "image.jpg"
    path.write_bytes(jpeg(noise(8, 8)))
    with path.open(encoding="utf-8") as file, pytest.raises(InputError, match="this one is in text mode"):
        read_jpeg(file)


def test_an_invalid_path_is_named():
    with pytest.raises(InputError, match="is not a path"):
        read_jpeg("a\0b")


def test_true_is_not_a_number_of_frequencies():
    with pytest.raises(InputError, match="1…8, got True"):
        read_jpeg(jpeg(noise(8, 8)), keep=True)
