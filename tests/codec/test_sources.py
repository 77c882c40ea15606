"""What files can be read from and written to; anything else is named in the error."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.io import read_file

from jpegdomain.codec import read_header, read_jpeg, read_jpegs, write_jpeg
from jpegdomain.errors import InputError, NotJpegError
from jpegdomain.frequency import ChannelSet, bandwidth

from .oracle import jpeg, noise

DATA = jpeg(noise(24, 40), quality=80)
WHOLE = read_jpeg(DATA)
ARRAY = np.frombuffer(DATA, np.uint8)


class OtherPath:
    """A path that is not one of pathlib's."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


def same(one, other):
    for a, b in zip(one.components, other.components, strict=True):
        np.testing.assert_array_equal(a.coefficients, b.coefficients)
        np.testing.assert_array_equal(a.table, b.table)


def spread(step):
    wide = np.zeros(abs(step) * len(DATA), np.uint8)
    view = wide[::step]
    view[:] = ARRAY
    return view


@pytest.mark.parametrize(
    "source",
    [
        bytearray(DATA),
        memoryview(DATA),
        memoryview(spread(2)),
        ARRAY,
        spread(3),
        spread(-1),
        torch.frombuffer(bytearray(DATA), dtype=torch.uint8),
        torch.from_numpy(spread(2)),
        io.BytesIO(DATA),
    ],
    ids=["bytearray", "view", "strided view", "array", "every third", "backwards", "tensor", "strided tensor", "file"],
)
def test_bytes_in_any_form(source):
    again = io.BytesIO(DATA) if isinstance(source, io.BytesIO) else source
    same(read_jpeg(source), WHOLE)
    same(read_jpegs([DATA, again])[1], WHOLE)
    if not isinstance(source, io.BytesIO):
        assert read_header(source).extent == (24, 40)
        assert bandwidth(source, ChannelSet.of_indices(range(192))).original_file == len(DATA)


@pytest.mark.parametrize("kind", [str, Path, OtherPath, lambda path: OtherPath(os.fsencode(path)), read_file])
def test_any_path_and_what_torchvision_reads(kind, tmp_path):
    path = tmp_path / "ä.jpg"
    path.write_bytes(DATA)
    image = read_jpeg(kind(str(path)))
    same(image, WHOLE)
    assert image.source == (str(path) if kind is not read_file else "<array>")


def test_sources_without_a_name_are_named_by_their_position():
    sources = [DATA, ARRAY, io.BytesIO(DATA), DATA] * 6
    for threads in (1, 3):
        names = [image.source for image in read_jpegs([*sources[:2], io.BytesIO(DATA), *sources[3:6]], threads=threads)]
        assert names[:4] == [
            "<bytes>, sources[0]",
            "<array>, sources[1]",
            "<file object>, sources[2]",
            "<bytes>, sources[3]",
        ]
    with pytest.raises(NotJpegError, match=r"^<bytes>, sources\[17\]: not a JPEG file"):
        read_jpegs([DATA] * 17 + [b"no image"], threads=2)
    assert read_jpeg(DATA).source == "<bytes>"
    with pytest.raises(InputError, match=r"got NoneType, sources\[1\]"):
        read_jpegs([DATA, None])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (ARRAY.reshape(1, -1), r"<array>: .*one-dimensional uint8 array or tensor, got uint8 \(1, "),
        (ARRAY.astype(np.int8), "got int8"),
        (torch.zeros(8), "got float32"),
        (torch.zeros(8, requires_grad=True), "<array> cannot be read as bytes: .*grad"),
        (torch.zeros(8, dtype=torch.uint8, device="meta"), "<array> cannot be read as bytes"),
        (np.array("a.jpg"), "got <U5"),
        (WHOLE, "takes a path, bytes, a one-dimensional uint8 array or tensor, or a binary file object, got JpegImage"),
        ([1, 2], "got list"),
        (7, "got int"),
        (io.StringIO("x"), "in text mode"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_invalid_source_is_named(source, message):
    with pytest.raises(InputError, match=message):
        read_jpeg(source)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.gpu
def test_a_tensor_on_a_gpu_is_named():
    with pytest.raises(InputError, match="cpu"):
        read_jpeg(torch.from_numpy(ARRAY.copy()).cuda())


class Slow(io.RawIOBase):
    """An unbuffered file that accepts a few bytes at a time."""

    def __init__(self, limit=None):
        super().__init__()
        self.data, self.limit = b"", limit

    def writable(self):
        return True

    def write(self, data):
        taken = bytes(data[:100]) if self.limit is None else b""
        self.data += taken
        return len(taken)


class Silent:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)


def test_a_file_object_gets_the_file(tmp_path):
    file, slow, silent = io.BytesIO(b"before"), Slow(), Silent()
    file.seek(6)
    written = write_jpeg(WHOLE, file)
    assert file.getvalue() == b"before" + written
    for other in (slow, silent):
        write_jpeg(WHOLE, other)
        assert other.data == written
    with (tmp_path / "a.jpg").open("wb") as opened:
        write_jpeg(WHOLE, opened)
    for number, path in enumerate([OtherPath(str(tmp_path / "b0.jpg")), OtherPath(os.fsencode(tmp_path / "b1.jpg"))]):
        write_jpeg(WHOLE, path)
        assert (tmp_path / f"b{number}.jpg").read_bytes() == written
    assert (tmp_path / "a.jpg").read_bytes() == written


def test_an_invalid_destination_is_named(tmp_path):
    with (tmp_path / "a.txt").open("w", encoding="utf-8") as text, pytest.raises(InputError, match="in text mode"):
        write_jpeg(WHOLE, text)
    with pytest.raises(InputError, match="takes a path or a binary file object, got int"):
        write_jpeg(WHOLE, 3)
    with pytest.raises(OSError, match="accepts no more bytes"):
        write_jpeg(WHOLE, Slow(limit=0))
