"""From a path, bytes or a file object to a `JpegImage`."""

import os
from pathlib import Path
from typing import BinaryIO

from jpegdomain.errors import InputError

from .backend import decode
from .markers import read_header
from .records import Component, JpegImage

__all__ = ["read_jpeg"]


def read_jpeg(source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> JpegImage:
    """Read a JPEG file's quantised coefficients; nothing is dequantised, upsampled, turned or rounded.

    A file that cannot be used raises `jpegdomain.errors.NotJpegError`, ``TruncatedJpegError``,
    ``DamagedJpegError`` or ``UnsupportedJpegError``, all of them ``JpegFileError``; a path that cannot be
    opened raises what `open` does. JPEG has no checksum: damage that leaves a legal code, such as a few bytes
    lost inside one block, cannot be noticed.

    Args:
        source: A path, a whole file's bytes, or a file object opened for binary reading, which is read from
            where it stands to its end.

    Returns:
        The file's components, tables, sizes, sampling factors, colour model and orientation.

    Raises:
        InputError: If `source` is nothing of these.
    """
    data, name = _load(source)
    header = read_header(data, name)
    arrays = decode(header, name)
    components = tuple(
        Component(part.identifier, array, header.tables[part.identifier], part.factors, part.extent)
        for part, array in zip(header.frame.components, arrays, strict=True)
    )
    return JpegImage(components, header.frame.extent, header.color, header.orientation, header.frame.progressive, name)


def _load(source: object) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, "<bytes>"
    if isinstance(source, bytearray | memoryview):
        return bytes(source), "<bytes>"
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return path.read_bytes(), str(path)
    read = getattr(source, "read", None)
    if read is None:
        raise InputError(f"read_jpeg takes a path, bytes or a binary file object, got {type(source).__name__}")
    data = read()
    name = getattr(source, "name", None)
    if not isinstance(data, bytes):
        raise InputError(f"read_jpeg needs a file object opened in binary mode; this one gave {type(data).__name__}")
    return data, name if isinstance(name, str) else "<file object>"
