"""From a path, bytes, an array or a file object to a file's bytes and its name."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

import numpy as np

from jpegdomain.errors import InputError

__all__ = ["SOURCES", "Held", "Source", "load", "named"]


@dataclass(slots=True)
class Held:
    """A file that has been read from its disk, with its name for messages."""

    data: bytes
    name: str


class _Array(Protocol):
    """An array or a tensor."""

    def __array__(self) -> Any: ...


Source: TypeAlias = (
    str | os.PathLike[str] | os.PathLike[bytes] | bytes | bytearray | memoryview | _Array | BinaryIO | Held
)
"""A path, a whole file's bytes, a one-dimensional uint8 array or tensor of them (what ``torchvision.io.read_file``
gives), or a file object opened for binary reading."""

SOURCES: Final = "sources[{}]"
_TAKEN: Final = "a path, bytes, a one-dimensional uint8 array or tensor, or a binary file object"


def load(source: object, number: int | None = None, place: str = SOURCES) -> tuple[bytes, str]:
    """Read a source.

    Args:
        source: A `Source`. A file object is read from its current position to its end.
        number: Its position among several sources, used to name it if it has no name of its own.
        place: How the position is written.

    Returns:
        The bytes, and a name for messages: the path, the file object's name, or ``<bytes>`` and the like.

    Raises:
        InputError: If `source` is not a `Source`.
    """
    if isinstance(source, bytes):
        # The most common case, which must be fast.
        return source, named("<bytes>", number, place)
    if isinstance(source, Held):
        return source.data, source.name
    if isinstance(source, bytearray | memoryview):
        return bytes(source), named("<bytes>", number, place)
    if isinstance(source, str | os.PathLike):
        try:
            path = Path(os.fsdecode(source))
            return path.read_bytes(), str(path)
        except ValueError as error:
            raise InputError(f"{named(repr(source), number, place)} is not a path: {error}") from error
    if hasattr(source, "__array__"):
        return _of_array(source, named("<array>", number, place)), named("<array>", number, place)
    return _of_file(source, number, place)


def _of_array(source: Any, name: str) -> bytes:
    try:
        array = np.asarray(source)
    except (RuntimeError, TypeError) as error:
        # On another device, or part of a graph.
        raise InputError(f"{name} cannot be read as bytes: {error}") from error
    if array.ndim != 1 or array.dtype != np.uint8:
        raise InputError(
            f"{name}: a file's bytes must be a one-dimensional uint8 array or tensor, got {array.dtype} "
            f"{tuple(array.shape)}; read_jpeg takes {_TAKEN}"
        )
    return array.tobytes()


def _of_file(source: Any, number: int | None, place: str) -> tuple[bytes, str]:
    read = getattr(source, "read", None)
    if read is None:
        given = named(type(source).__name__, number, place)
        raise InputError(f"read_jpeg takes {_TAKEN}, got {given}")
    own = getattr(source, "name", None)
    name = own if isinstance(own, str) else named("<file object>", number, place)
    if isinstance(source, io.TextIOBase):
        raise InputError(f"{name}: read_jpeg needs a file object opened in binary mode; this one is in text mode")
    data = read()
    if not isinstance(data, bytes):
        given = type(data).__name__
        raise InputError(f"{name}: read_jpeg needs a file object opened in binary mode; this one returned {given}")
    return data, name


def named(kind: str, number: int | None, place: str) -> str:
    """Make a name for a source without one, from its kind and its position."""
    return kind if number is None else f"{kind}, {place.format(number)}"
