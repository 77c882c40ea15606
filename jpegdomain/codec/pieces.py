"""Read parts of a file: without copying if it is in memory, and without reading the rest if it is on a disk."""

import os
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .kernel.layout import Bytes
from .sources import Source, load

__all__ = ["Pieces", "open_pieces"]

_BYTES: Final = np.uint8
_BETWEEN: Final = 1 << 14


class Pieces(Protocol):
    """A file from which parts are needed.

    Attributes:
        name: The file's name, for messages.
        size: Its size in bytes.
    """

    name: str
    size: int

    def read(self, start: int, stop: int) -> bytes:
        """Read the bytes from `start` to before `stop`, or to the end."""

    def gather(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
        """Read ranges in order. Returns one array, and what to subtract from the positions in each of them."""

    def whole(self) -> bytes:
        """Read all of it."""


class _InMemory:
    def __init__(self, data: bytes, name: str) -> None:
        self.name, self.size, self._data = name, len(data), data

    def read(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]

    def gather(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
        del stops
        return np.frombuffer(self._data, _BYTES), np.zeros_like(starts)

    def whole(self) -> bytes:
        return self._data


class _OnDisk:
    def __init__(self, path: Path) -> None:
        self.name, self.size, self._path = str(path), path.stat().st_size, path

    def read(self, start: int, stop: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def gather(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[Bytes, NDArray[np.int64]]:
        # Ranges with little between them are read at once: a call costs as much as some kilobytes.
        apart = starts[1:] > np.maximum.accumulate(stops)[:-1] + _BETWEEN
        groups = np.append(0, np.cumsum(apart))
        first = np.flatnonzero(np.append(True, apart))
        begins, ends = starts[first], np.maximum.reduceat(stops, first)
        pieces = []
        with self._path.open("rb", buffering=0) as file:
            for start, stop in zip(begins.tolist(), ends.tolist(), strict=True):
                file.seek(start)
                pieces.append(file.read(stop - start))
        places = np.cumsum([0, *map(len, pieces)])[:-1]
        return np.frombuffer(b"".join(pieces), _BYTES), (begins - places)[groups]

    def whole(self) -> bytes:
        return self._path.read_bytes()


def open_pieces(source: Source) -> Pieces:
    """Open a source: a path for reading parts, anything else completely.

    Returns:
        The file.

    Raises:
        InputError: If it is not a `Source`.
        OSError: If there is no such file.
    """
    if isinstance(source, str | os.PathLike):
        try:
            return _OnDisk(Path(os.fsdecode(source)))
        except ValueError:
            # Not a path: `load` says so.
            pass
    return _InMemory(*load(source))
