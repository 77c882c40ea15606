"""The entropy decoder, behind one small type, so that another can take its place.

At present it is libjpeg-turbo as the package ``jpeglib`` ships it. Four habits of that library shape this
module:

- An error before the first scan crashes the process: the binding closes a file handle that it has not set
  yet. `jpegdomain.codec.markers` refuses such files first, and hands over a stream without the segments that
  it does not check.
- Damaged entropy-coded data is no error there: it prints a line and returns made-up coefficients. Here it is
  an error, and the printed line is how to know.
- It reads from paths only: the stream goes into a file in memory.
- ``jpeglib.read_dct`` decodes a file twice and keeps global state. Only the C function below it is used,
  which keeps none.
"""

import ctypes
import functools
import importlib.util
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import DamagedJpegError

from .complaints import complaint
from .markers import Header

__all__ = ["CoefficientDecoder", "decode"]

CoefficientDecoder: TypeAlias = Callable[[Header, str], list[NDArray[np.int16]]]
"""A checked header and the file's name → one (block rows, block columns, 64) array per component of the
frame, row-major frequency order. It raises `DamagedJpegError` if the entropy-coded data is not what the
header announces."""

_STDERR: Final = 2
_LIBRARY: Final = "cjpeglib_turbo210.*"
_MEMORY_FILES: Final = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()

# Standard error is one per process, so one decoding at a time. A fork waits for its end: otherwise the child
# would inherit the diverted descriptor.
_one_at_a_time = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


def _decode_with_jpeglib(header: Header, source: str) -> list[NDArray[np.int16]]:
    """Decode by libjpeg-turbo.

    Args:
        header: A header that `read_header` accepted.
        source: The file's name, for messages.

    Returns:
        As `CoefficientDecoder` says.

    Raises:
        DamagedJpegError: If the library reports an error or a warning.
        MemoryError: If it runs out of memory.
        OSError: If it cannot open the stream.
    """
    library, messages = _load_library()
    _keep_stderr_open()
    arrays = [np.empty((*component.extent.blocks, 64), np.int16) for component in header.frame.components]
    pointers = [array.ctypes.data for array in arrays] + [None] * (4 - len(arrays))
    with _one_at_a_time, _as_path(header.stream) as path, _diverted_stderr() as printed:
        succeeded = library.read_jpeg_dct(os.fsencode(path), *pointers, None, None)
    message = messages.search(printed)
    if others := messages.sub(b"", printed):
        # Another thread wrote this while the descriptor was ours.
        os.write(_STDERR, others)
    if message is not None:
        words = message[0].decode(errors="replace").strip()
        if words.startswith("Insufficient memory"):
            raise MemoryError(f"{source}: {words}")
        raise DamagedJpegError(complaint(source, f"the compressed data is damaged, libjpeg says: {words!r}"))
    if not succeeded:
        raise OSError(f"{source}: jpeglib could not open its copy of the data at {path}")
    return arrays


decode: CoefficientDecoder = _decode_with_jpeglib
"""The decoder in use."""


@functools.cache
def _load_library() -> tuple[ctypes.CDLL, re.Pattern[bytes]]:
    """Load the shared library without importing ``jpeglib``, whose import sets a global version.

    Returns:
        The library, and a pattern that finds any message of libjpeg's own table.

    Raises:
        ImportError: If jpeglib, or the version of libjpeg in it, is not installed.
    """
    spec = importlib.util.find_spec("jpeglib")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent / "cjpeglib"
    found = [] if folder is None else list(folder.glob(_LIBRARY))
    if len(found) != 1:
        raise ImportError("reading JPEG files needs jpeglib with libjpeg-turbo 2.1.0: pip install jpeglib")
    library = ctypes.CDLL(str(found[0]))
    # (path, coefficients of up to four components, tables, table numbers) → 1 for success. A null pointer
    # asks for nothing.
    library.read_jpeg_dct.argtypes = [ctypes.c_char_p] + [ctypes.c_void_p] * 6
    library.read_jpeg_dct.restype = ctypes.c_int
    formats = ctypes.pointer(ctypes.c_char_p.in_dll(library, "jpeg_std_message_table"))
    patterns: list[bytes] = []
    while (text := formats[len(patterns)]) is not None:
        patterns.append(_pattern(text))
    return library, re.compile(b"(?:%b)\n?" % b"|".join(patterns))


def _pattern(text: bytes) -> bytes:
    """Turn a format of C's printf into a regular expression.

    Args:
        text: The format.

    Returns:
        A pattern for what it prints.
    """
    pattern = re.escape(text)
    for conversion, printed in (
        (rb"%\d*l?[du]", rb"-?\\d+"),
        (rb"%\d*l?x", rb"[0-9a-f]+"),
        (rb"%[a-z]", rb".*"),
    ):
        pattern = re.sub(conversion, printed, pattern)
    return pattern


@contextmanager
def _as_path(stream: bytes) -> Iterator[str]:
    """Give bytes a path, for as long as the context lasts.

    Args:
        stream: The bytes.

    Yields:
        A path that opens them: in memory on Linux, in the directory for temporary files elsewhere.
    """
    if _MEMORY_FILES:
        with _scratch_file() as file:
            file.write(stream)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "stream.jpg")
            path.write_bytes(stream)
            yield str(path)


def _keep_stderr_open() -> None:
    """Open descriptor 2 if the process was started, or made a daemon, without it.

    Otherwise the next file opened would get its number, and what libjpeg prints would be written into that
    file.
    """
    try:
        os.fstat(_STDERR)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        if null != _STDERR:
            os.dup2(null, _STDERR)
            os.close(null)


@contextmanager
def _diverted_stderr() -> Iterator[bytearray]:
    """Catch what C code prints to the standard error descriptor. Not for two threads at a time.

    Yields:
        What was printed, once the context is left; empty until then.
    """
    printed = bytearray()
    with _scratch_file() as file:
        saved = os.dup(_STDERR)
        os.dup2(file.fileno(), _STDERR)
        try:
            yield printed
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            # Only now: until the descriptor is back, other threads may still write to the file.
            file.seek(0)
            printed += file.read()


def _scratch_file() -> IO[bytes]:
    if _MEMORY_FILES:
        return os.fdopen(os.memfd_create("jpegdomain"), "w+b")
    return tempfile.TemporaryFile()
