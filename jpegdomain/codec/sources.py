"""From a path, bytes or a file object to a file's bytes and its name."""

import io
import os
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jpegdomain.errors import InputError

__all__ = ["Source", "load"]

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, a whole file's bytes, or a file object opened for binary reading."""


def load(source: object) -> tuple[bytes, str]:
    """Read a source.

    Args:
        source: A `Source`. A file object is read from where it stands to its end.

    Returns:
        The bytes, and a name for messages: the path, ``<bytes>``, or the file object's name.

    Raises:
        InputError: If `source` is nothing of these.
    """
    if isinstance(source, bytes):
        return source, "<bytes>"
    if isinstance(source, bytearray | memoryview):
        return bytes(source), "<bytes>"
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            return path.read_bytes(), str(path)
        except ValueError as error:
            raise InputError(f"{source!r} is no path: {error}") from error
    read = getattr(source, "read", None)
    if read is None:
        raise InputError(f"read_jpeg takes a path, bytes or a binary file object, got {type(source).__name__}")
    if isinstance(source, io.TextIOBase):
        raise InputError("read_jpeg needs a file object opened in binary mode; this one was opened for text")
    data = read()
    name = getattr(source, "name", None)
    if not isinstance(data, bytes):
        raise InputError(f"read_jpeg needs a file object opened in binary mode; this one gave {type(data).__name__}")
    return data, name if isinstance(name, str) else "<file object>"
