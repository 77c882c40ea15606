"""Many files: how they are divided into pieces, each decoded by one call, and among threads."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

import numpy as np

from jpegdomain.compiled.sharing import shared
from jpegdomain.errors import InputError

from .decoded import Decoded, Result
from .decoding import Settings, decode_or_error, decode_some
from .kernel.layout import Integers
from .sources import SOURCES, Source, load, named
from .workspace import Arena

__all__ = ["Part", "cut", "ends_of", "errors_of", "read_parts"]

Part: TypeAlias = Decoded | list[Result]
"""Results of several files, in order."""

_MOST: Final = 1 << 19
"""Largest number of bytes of files in one call, so that their coefficients fit into an arena's block."""
_WORTH: Final = 1 << 16
"""Smallest number of bytes for a thread; with fewer, starting a thread takes longer than it saves."""
_LEAST: Final = 1 << 18
"""Bytes of a piece, if a thread has several; with fewer, Python's own work for each piece would matter."""
_FILES: Final = 64
"""Largest number of files in a piece, if it is not known how large they are."""
_SHARES: Final = 4
"""Pieces for each thread, if they are large enough."""


@dataclass(frozen=True, eq=False)
class _Reading:
    """Sources, and how to read them.

    Attributes:
        sources: All sources.
        numbers: Their positions, which name sources without a name.
        place: How the position is written.
        settings: The options.
        arenas: One for each thread; None for a single file, which gets memory of exactly its size.
    """

    sources: Sequence[Source]
    numbers: Sequence[int]
    place: str
    settings: Settings
    arenas: list[Arena | None]

    def __call__(self, piece: range) -> list[Part]:
        """Read some of the sources."""
        sources, numbers = self.sources[piece.start : piece.stop], self.numbers[piece.start : piece.stop]
        # A list's pop and append are atomic.
        arena = self.arenas.pop()
        try:
            return (
                self._decoded(sources, numbers, arena) if _are_bytes(sources) else self._loaded(sources, numbers, arena)
            )
        finally:
            self.arenas.append(arena)

    def _loaded(self, sources: Sequence[Source], numbers: Sequence[int], arena: Arena | None) -> list[Part]:
        parts: list[Part] = []
        files: list[bytes] = []
        names: list[str] = []
        waiting = 0

        def flush() -> None:
            parts.extend(self._decoded(files.copy(), names.copy(), arena))
            files.clear()
            names.clear()

        for source, number in zip(sources, numbers, strict=True):
            try:
                data, name = load(source, number, self.place)
            except (OSError, InputError) as error:
                flush()
                parts.append([error])
                continue
            files.append(data)
            names.append(name)
            waiting += len(data)
            if waiting > _MOST:
                flush()
                waiting = 0
        flush()
        return parts

    def _decoded(self, files: Sequence[bytes], names: Sequence[int | str], arena: Arena | None) -> list[Part]:
        """Decode files, as many per call as there is room for; files whose name is a number are bytes."""
        parts: list[Part] = []
        ends = ends_of(files)
        for piece in cut(ends, _MOST):
            some, own = files[piece.start : piece.stop], names[piece.start : piece.stop]

            def name_of(number: int, own: Sequence[int | str] = own) -> str:
                name = own[number]
                return name if isinstance(name, str) else named("<bytes>", name, self.place)

            if arena is None or len(some[0]) > _MOST:
                parts.append([decode_or_error(some[0], name_of(0), self.settings, arena)])
            else:
                parts.append(decode_some(some, ends[piece.start : piece.stop], name_of, self.settings, arena))
        return parts


def read_parts(
    sources: Sequence[Source],
    settings: Settings,
    threads: int,
    *,
    place: str = SOURCES,
    numbers: Sequence[int] | None = None,
) -> list[Part]:
    """Read files with as few calls of compiled functions as memory and threads allow.

    Args:
        sources: The files.
        settings: The options.
        threads: The largest number of threads.
        place: How the position of a file without a name is written.
        numbers: The files' positions; 0, 1, … if None.

    Returns:
        The results, one part after the other.
    """
    count = len(sources)
    arenas = [Arena() if count > 1 else None for _ in range(threads)]
    reading = _Reading(sources, range(count) if numbers is None else numbers, place, settings, arenas)
    if threads == 1:
        pieces = [range(count)]
    elif _are_bytes(sources):
        pieces = _shares(sources, threads)
    else:
        size = max(1, min(_FILES, count // (_SHARES * threads)))
        pieces = [range(at, min(at + size, count)) for at in range(0, count, size)]
    return [part for parts in shared(reading, pieces, threads) for part in parts]


def errors_of(parts: Iterable[Part | Sequence[Result]]) -> Iterator[Exception]:
    """The errors among results, in order."""
    for part in parts:
        for result in part.others.values() if isinstance(part, Decoded) else part:
            if isinstance(result, Exception):
                yield result


def _are_bytes(sources: Sequence[Source]) -> TypeGuard[Sequence[bytes]]:
    return set(map(type, sources)) == {bytes}


def _shares(files: Sequence[bytes], threads: int) -> list[range]:
    """Divide files into pieces of about as many bytes each."""
    ends = ends_of(files)
    total = int(ends[-1])
    count = 1 if total < threads * _WORTH else threads * max(1, min(_SHARES, total // (threads * _LEAST)))
    inner = np.searchsorted(ends, np.arange(1, count) * (total / count)).tolist()
    return [range(start, stop) for start, stop in itertools.pairwise([0, *inner, len(files)]) if start < stop]


def ends_of(files: Sequence[bytes]) -> Integers:
    """Where each file ends if they are concatenated."""
    return np.fromiter(map(len, files), np.int64, len(files)).cumsum()


def cut(ends: Integers, most: int) -> list[range]:
    """Divide files, given by `ends_of`, into runs of at most this many bytes, or of one file."""
    pieces = []
    start = before = 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, before + most, "right")))
        pieces.append(range(start, stop))
        start, before = stop, int(ends[stop - 1])
    return pieces
