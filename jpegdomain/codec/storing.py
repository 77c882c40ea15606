"""Where a file that is written goes: a path, or a file object."""

import io
import os
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jpegdomain.errors import InputError

__all__ = ["Destination", "check_destination", "store"]

Destination: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | BinaryIO
"""A path, or a file object opened for binary writing."""


def check_destination(destination: object) -> None:
    """Refuse what is no destination, before there is anything to write.

    Args:
        destination: A `Destination`.

    Raises:
        InputError: If it is neither a path nor a binary file.
    """
    if isinstance(destination, str | os.PathLike):
        return
    if isinstance(destination, io.TextIOBase):
        raise InputError("write_jpeg needs a file object opened in binary mode; this one was opened for text")
    if not callable(getattr(destination, "write", None)):
        raise InputError(f"write_jpeg takes a path or a binary file object, got {type(destination).__name__}")


def store(data: bytes, destination: Destination) -> None:
    """Write a file's bytes.

    Args:
        data: They.
        destination: A path, where they appear whole or not at all, or a file object, which gets them where it stands.

    Raises:
        OSError: If they cannot be written.
    """
    if isinstance(destination, str | os.PathLike):
        _replace(Path(os.fsdecode(destination)), data)
        return
    rest = memoryview(data)
    while rest:
        # Unbuffered files may take less than all; other objects need not say how much they took.
        taken = destination.write(rest)
        if taken == 0:
            raise OSError(f"{destination!r} takes no more bytes: {len(rest)} of {len(data)} are left")
        rest = rest[len(rest) if taken is None else taken :]


def _replace(path: Path, data: bytes) -> None:
    """Put a file in its place, whole.

    Args:
        path: Of the file. A link stays one: what it points to is replaced, and keeps its permissions.
        data: The file's bytes.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A pipe or a device cannot be replaced, and has no half-written state.
        path.write_bytes(data)
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as file:
            if path.exists():
                shutil.copymode(path, fresh)
            file.write(data)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
