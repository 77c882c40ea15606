"""Entropy-coded data without its stuffing: FF 00 becomes FF, and a marker ends it (T.81 B.1.1.5)."""

import numpy as np

from jpegdomain.compiled.jit import compiled

from .slots import CHUNK, SPARE
from .words import Bytes, has_ff, load, store

__all__ = ["offset_of", "unstuff"]


@compiled
def unstuff(data: Bytes, source: int, end: int, scratch: Bytes, filled: int) -> tuple[int, int, bool]:
    """Copy data bytes to ``scratch[filled:]`` until that holds `CHUNK` bytes, or a marker or the end is met.

    Returns:
        The next position in the data (of the marker's FF, or behind the data's end), the number of bytes in
        `scratch`, and whether these are the last: then zeros follow.
    """
    closed = False
    while filled < CHUNK:
        if source + 8 <= end:
            word = load(data, source)
            if not has_ff(word):
                store(scratch, filled, word)
                source += 8
                filled += 8
                continue
        elif source >= end:
            closed = True
            break
        byte = data[source]
        while byte != 0xFF:
            scratch[filled] = byte
            filled += 1
            source += 1
            if source == end:
                break
            byte = data[source]
        if source == end:
            continue
        # FF FF is a fill byte before whatever follows it.
        if source + 1 >= end:
            source = end
        elif data[source + 1] == 0:
            scratch[filled] = np.uint8(0xFF)
            filled += 1
            source += 2
        elif data[source + 1] == 0xFF:
            source += 1
        else:
            closed = True
            break
    if closed:
        scratch[filled : filled + SPARE] = np.uint8(0)
    return source, filled, closed


@compiled
def offset_of(data: Bytes, source: int, end: int, count: int) -> int:
    """Find where in the file the data byte number `count` after `source` stands; for messages."""
    while count > 0 and source < end:
        if data[source] == 0xFF and source + 1 < end:
            if data[source + 1] == 0:
                source += 1
            elif data[source + 1] == 0xFF:
                source += 1
                continue
            else:
                return source
        source += 1
        count -= 1
    return source
