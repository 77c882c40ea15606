"""`read_header` against `read_jpeg`, on every kind of file, and its refusals."""

import pytest

from jpegdomain.codec import read_header, read_jpeg
from jpegdomain.errors import DamagedJpegError, NotJpegError, TruncatedJpegError, UnsupportedJpegError

from .oracle import FIXTURES, jpeg, noise

FILES = sorted(path for path in FIXTURES.rglob("*.jpg") if path.parent.name != "refused" and "dnl" not in path.stem)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_it_says_is_what_the_file_holds(path):
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


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"GIF89a", NotJpegError, "begins like this"),
        (b"\xff\xd8\x00\x00", DamagedJpegError, "no marker"),
        (b"\xff\xd8\xff\xd9\x00\x02", DamagedJpegError, "before any frame header"),
        (b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x05\x00\x00\x01\x01\x11\x00", DamagedJpegError, "without width"),
        ((FIXTURES / "rare" / "dnl.jpg").read_bytes(), UnsupportedJpegError, "after the first scan.*read_jpeg"),
    ],
)
def test_refusals(data, error, message):
    with pytest.raises(error, match=message):
        read_header(data)
