"""Coefficients as libjpeg-turbo reads them, through the library that ``jpeglib`` ships; independent of jpegdomain.

Only for valid files: others end the process.
"""

import ctypes
import functools
import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Read(NamedTuple):
    """What libjpeg found, by component: (block rows, block columns, 64) and (64,), both row-major."""

    coefficients: list
    tables: list


def read(data, grids=None):
    """Return the coefficients and tables of a file's bytes; give `grids` if its header is not valid."""
    grids = block_grids(data) if grids is None else grids
    arrays = [np.empty((*grid, 64), np.int16) for grid in grids]
    tables, slots = np.zeros((4, 64), np.uint16), np.zeros(4, np.int16)
    pointers = [array.ctypes.data for array in arrays] + [None] * (4 - len(arrays))
    file = os.memfd_create("libjpeg")
    try:
        os.write(file, data)
        path = f"/proc/self/fd/{file}".encode()
        assert library().read_jpeg_dct(path, *pointers, tables.ctypes.data, slots.ctypes.data)
    finally:
        os.close(file)
    return Read(arrays, [tables[slot] for slot in slots[: len(arrays)]])


def block_grids(data):
    """(rows, columns) of each component, by the frame header (T.81 A.1.1)."""
    at = 2
    while data[at + 1] not in {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}:
        # A fill byte, or a segment.
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    frame = data[at + 4 : at + 10 + 3 * data[at + 9]]
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = [divmod(packed, 16) for packed in frame[7::3]]
    wide, tall = max(h for h, _ in factors), max(v for _, v in factors)
    return [((-(-height * v // tall) + 7) // 8, (-(-width * h // wide) + 7) // 8) for h, v in factors]


@functools.cache
def library():
    folder = Path(importlib.util.find_spec("jpeglib").origin).parent / "cjpeglib"
    (path,) = folder.glob("cjpeglib_turbo210.*")
    library = ctypes.CDLL(str(path))
    library.read_jpeg_dct.argtypes = [ctypes.c_char_p] + [ctypes.c_void_p] * 6
    return library
