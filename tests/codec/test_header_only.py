"""`read_header` against `read_jpeg`, on every kind of file, and its refusals."""

import pytest

from jpegdomain.codec import read_header, read_jpeg
from jpegdomain.errors import DamagedJpegError, JpegFileError, NotJpegError, TruncatedJpegError, UnsupportedJpegError

from .oracle import FIXTURES, inserted, jpeg, noise, offset_of, patched, segment

FILES = sorted(path for path in FIXTURES.rglob("*.jpg") if path.parent.name != "refused")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_header_says_what_the_file_contains(path):
    header, image = read_header(path), read_jpeg(path)
    assert header.extent == image.extent
    assert header.factors == tuple(component.factors for component in image.components)
    assert header.extents == tuple(component.extent for component in image.components)
    assert header.orientation == image.orientation


@pytest.mark.parametrize("options", [{}, dict(subsampling="4:2:2"), dict(progressive=True)])
def test_orientation_and_cut_files(options):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = jpeg(noise(21, 34), exif=exif, **options)
    assert read_header(data).orientation == read_jpeg(data).orientation == 6
    assert read_header(data[: len(data) // 2]) == read_header(data)
    for length in range(2, 150):
        with pytest.raises(TruncatedJpegError, match="ends before the frame header"):
            read_header(data[:length])


EXIF = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
SOUND = inserted(jpeg(noise(21, 34), subsampling="4:2:2"), EXIF)
FRAME, SCAN = offset_of(SOUND, 0xC0), offset_of(SOUND, 0xDA)
FRAMELESS = SOUND[:2] + SOUND[SCAN:]


@pytest.mark.parametrize("at", [2, offset_of(SOUND, 0xDB), FRAME, SCAN])
@pytest.mark.parametrize(
    "junk",
    [b"\0\0\0", b"junk", b"\xff\0\xff\0", b"\xff\xd3", b"\xff\xff\xff", b"\xff\x01", b"\xff\xe5\0\0", b"\xff\xfe\0\1"],
    ids=lambda junk: junk.hex(" "),
)
def test_bytes_between_segments_are_skipped(at, junk):
    assert read_header(inserted(SOUND, junk, at=at)) == read_header(SOUND)


@pytest.mark.parametrize("length", [0, 2, 4, 16, 18, 40, 65535])
def test_a_frame_header_ends_after_its_components(length):
    assert read_header(patched(SOUND, FRAME + 2, *length.to_bytes(2, "big"))) == read_header(SOUND)


def test_a_frame_header_in_a_payload_or_after_the_scan_is_ignored():
    frame = SOUND[FRAME : FRAME + 19]
    small = patched(frame, 5, 0, 1, 0, 1)
    assert read_header(inserted(SOUND, segment(0xE1, small))) == read_header(SOUND)
    assert read_header(inserted(SOUND, small, at=len(SOUND) - 2)) == read_header(SOUND)


def test_exif_counts_up_to_the_scan_header():
    plain = jpeg(noise(21, 34))
    for marker, orientation in ((0xC0, 6), (0xDA, 6)):
        data = inserted(plain, EXIF, at=offset_of(plain, marker))
        assert read_header(data).orientation == read_jpeg(data).orientation == orientation
    late = inserted(plain, EXIF, at=len(plain) - 2)
    assert read_header(late).orientation == read_jpeg(late).orientation == 1


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"GIF89a", NotJpegError, "it is a GIF image"),
        (b"\xff\xd8\x00\x00", TruncatedJpegError, "ends before the frame header"),
        (b"\xff\xd8\xff\xd9\x00\x02", TruncatedJpegError, "no image"),
        (FRAMELESS, DamagedJpegError, "a scan comes before the frame"),
        (patched(SOUND, FRAME + 7, 0, 0), DamagedJpegError, "no width"),
        (patched(SOUND, FRAME + 5, 0, 0), DamagedJpegError, "no height"),
        (patched(SOUND, FRAME + 9, 0), DamagedJpegError, "wrong length"),
        (patched(SOUND, FRAME + 11, 0x50), DamagedJpegError, "sampling factor"),
        (patched(SOUND, FRAME + 4, 12), UnsupportedJpegError, "12-bit"),
        (patched(SOUND, FRAME + 4, 9), DamagedJpegError, "9 bits"),
        (patched(SOUND, FRAME + 1, 0xC3), UnsupportedJpegError, "lossless"),
        (patched(SOUND, FRAME + 1, 0xF7), UnsupportedJpegError, "JPEG-LS"),
        (inserted(SOUND, SOUND[FRAME : FRAME + 19]), DamagedJpegError, "second frame"),
        (
            inserted(FRAMELESS, segment(0xC0, b"\x08\0\x05\0\x05\x05" + bytes(15))),
            UnsupportedJpegError,
            "5 components",
        ),
        (inserted(FRAMELESS, segment(0xC0, b"\x08\0\x05\0\x05\0")), DamagedJpegError, "no components"),
    ],
)
def test_it_refuses_what_read_jpeg_refuses(data, error, message):
    with pytest.raises(error, match=message):
        read_header(data)
    with pytest.raises(JpegFileError):
        read_jpeg(data)
