"""Other formats named like JPEG files, and what servers and tools leave instead of an image."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegdomain.codec import read_header, read_jpeg, read_jpegs
from jpegdomain.errors import NotJpegError

from .oracle import jpeg, noise

PICTURE = Image.fromarray(noise(16, 16))


def saved(kind, **options):
    buffer = io.BytesIO()
    PICTURE.save(buffer, kind, **options)
    return buffer.getvalue()


def array():
    buffer = io.BytesIO()
    np.save(buffer, noise(2, 2))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 132735\n"
BOX = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("PNG"), "it is a PNG image; pass a JPEG file"),
        (saved("WEBP"), "it is a WebP image"),
        (saved("GIF"), "it is a GIF image"),
        (saved("BMP"), "it is a BMP image"),
        (saved("TIFF"), "it is a TIFF image"),
        (saved("JPEG2000"), "it is a JPEG 2000 image"),
        (saved("JPEG2000", no_jp2=True), "it is a JPEG 2000 codestream"),
        (saved("PPM"), "it is a Netpbm image"),
        (saved("ICO"), "it is an icon"),
        (saved("PDF"), "it is a PDF document"),
        (saved("AVIF"), "it is an AVIF image"),
        (b"MM\0*\0\0\0\x08", "it is a TIFF image"),
        (b"RIFF\0\0\0\0AVI LIST", "it is a RIFF container"),
        *[(BOX + brand, "it is a HEIC image") for brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc")],
        (BOX + b"avis", "it is an AVIF image"),
        (BOX + b"isom", "it is an MP4 or QuickTime video"),
        (b"\xff\x0a\xfa\x1f", "it is a JPEG XL codestream"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "it is a JPEG XL image"),
        (POINTER, "it is a Git LFS pointer instead of the file itself; run git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "it is an HTML page; download the image itself"),
        (b"\n\n  <HTML><head>", "it is an HTML page"),
        (b"\xef\xbb\xbf<!doctype HTML>", "it is an HTML page"),
        (b"<!-- error --><!-- 404 -->\n<html>", "it is an HTML page"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html>", "it is an HTML page"),
        (b"<?xml version='1.0'?>\n<!-- drawn --><svg width='1'>", "it is an SVG image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "it is an SVG image"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is an XML document"),
        (b'{"error": "not found"}', "it is a JSON document"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + jpeg(noise(8, 8)), "it is a server's answer with its headers"),
        (b"/9j/4AAQSkZJRgABAQAAAQABAAD", "it is base64 text"),
        (b"data:image/jpeg;base64,/9j/", "it is a data URL"),
        (b"PK\3\4", "it is a ZIP archive; unpack it"),
        (b"\x1f\x8b\x08", "it is a gzip-compressed file; unpack it"),
        (array(), "it is a NumPy file"),
        (bytes(4096), "it is all zero bytes at the beginning"),
        (
            b"\xef\xbb\xbf" + jpeg(noise(8, 8)),
            "EF BB BF FF instead of FF D8; a JPEG file begins at byte 3; leave out the 3",
        ),
        (b"", "it is empty"),
        (b"no image", "it begins with the bytes 6E 6F 20 69 instead of FF D8; pass a JPEG file"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_other_files_are_named_as_what_they_are(data, name, tmp_path):
    path = tmp_path / "cat.jpg"
    path.write_bytes(data)
    for read in (
        read_jpeg,
        read_header,
        lambda path: read_jpegs([path]),
        lambda path: read_jpeg(path, on_error="keep"),
    ):
        with pytest.raises(NotJpegError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: not a JPEG file: ")
        assert name in str(caught.value)


@pytest.mark.parametrize("piece", [b"<!-- -->", b"<?xml", b"<!--", b" ", b"<!doctype svg", b"<!---->"])
def test_no_beginning_takes_long_to_recognise(piece):
    with pytest.raises(NotJpegError):
        read_jpeg(piece * 5000)
