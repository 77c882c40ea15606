"""`index_jpeg`: find in one pass where decoding of a file can start."""

import zlib

import numpy as np

from jpegdomain.errors import InputError, UnsupportedJpegError
from jpegdomain.geometry import Extent

from .decoding import MAX_SCANS, Settings, decode
from .entering import grid_of, walk_to_scan
from .index import JpegIndex, ScanIndex
from .kernel import layout as L
from .kernel.layout import Bytes, Integers
from .kernels import INDEX
from .messages import message
from .regions import Span
from .sources import Source, load
from .workspace import Workspace, acquire, release

__all__ = ["find_index", "index_jpeg"]


def index_jpeg(source: Source, *, every: int = 8) -> JpegIndex:
    """Find the entry points of a baseline or extended sequential file with Huffman coding, in one pass.

    With the index, `read_jpeg` decodes a region and at most `every` MCUs before and after it in each of its rows, and
    can divide a large image among threads. The index takes about 15 bytes for each entry point. It is valid only for
    this file: see `JpegIndex`.

    Args:
        source: As for `read_jpeg`.
        every: MCUs from one entry point to the next; an MCU covers 8·Vmax × 8·Hmax pixels.

    Returns:
        The index, for immediate use or to be saved in a file (`JpegIndex.save`).

    Raises:
        UnsupportedJpegError: If the file is progressive or arithmetic-coded, has its height in a DNL segment, or has
            restart markers or scans that are out of order. Its regions can be read without an index.
        JpegFileError: If the file cannot be read; see `read_jpeg`.
        InputError: If an argument is invalid.
    """
    if not isinstance(every, int) or isinstance(every, bool) or not 1 <= every < 1 << 31:
        raise InputError(f"every must be a number of MCUs, 1 or more, got {every!r}")
    data, name = load(source)
    index = find_index(data, every)
    if index is None:
        # Reading the file raises an error that says what is wrong.
        decode(data, name, Settings(8, "raise", None, MAX_SCANS, False))
        reason = "decoding cannot start in its middle: it is not sequential with Huffman coding, or irregular"
        raise UnsupportedJpegError(message(name, reason, advice="read its regions without an index"))
    return index


def find_index(data: bytes, every: int = 8) -> JpegIndex | None:
    """Do what `index_jpeg` does with a file's bytes; None if it has no index, without looking for the reason."""
    workspace = acquire()
    try:
        return _index(data, every, workspace)
    finally:
        release(workspace)


def _index(data: bytes, every: int, workspace: Workspace) -> JpegIndex | None:
    """Index scans up to the one that completes the image; None if the file has anything else."""
    # Each scan is treated as the first one of a file, without the other scans before it.
    before, at, checksum = b"", 0, 0
    scans: list[ScanIndex] = []
    seen: set[int] = set()
    while True:
        file = np.frombuffer(before + data[at:] if scans else data, np.uint8)
        shift = at - len(before)
        state = walk_to_scan(file, L.LENIENT, np.empty((1, 4, 64), np.uint16), workspace)
        parts = set(state[L.PART : L.PART + int(state[L.PARTS])].tolist())
        if state[L.OUTCOME] != L.NEEDS_ROOM or seen & parts or _height_comes_later(data, state):
            return None
        entries = _entries(file, state, every, shift, workspace)
        if entries is None:
            return None
        header, start = int(state[L.PLACE]) + shift, int(state[L.AT]) + shift
        stop = int(workspace.states[0, L.AT]) + shift
        scans.append(ScanIndex(header, start, stop, len(parts), entries))
        checksum = zlib.crc32(data[at:start], checksum)
        before, at = before + data[at:header], stop
        seen |= parts
        if len(seen) == state[L.COUNT]:
            return JpegIndex(len(data), checksum, every, tuple(scans))


def _height_comes_later(data: bytes, state: Integers) -> bool:
    frame = int(state[L.FRAME])
    return data[frame + 5 : frame + 7] == b"\0\0"


def _entries(file: Bytes, state: Integers, every: int, shift: int, workspace: Workspace) -> Integers | None:
    grid = grid_of(state, Span(0, 0, 0, 0, (0, 0), Extent(0, 0)))
    entries = np.zeros((-(-grid.rows * grid.columns // every) + 1, L.ENTRY), np.int64)
    arrays = (*workspace.kernel, workspace.masks, workspace.lost)
    fault = INDEX(file, workspace.small, workspace.states, arrays, entries, every, shift)
    return None if fault else entries
