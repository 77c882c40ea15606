"""The arrays that a decoding needs and does not return, used again by the next one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .kernel.layout import MARGIN, REPORT, SCRATCH, SKIPS, STATE, STORE, STRIDE, WORK

__all__ = ["BATCH", "Arena", "Workspace", "acquire", "release"]

BATCH: Final = 64
"""The largest number of files in one call."""
_ROOM: Final = 1 << 17
_SMALL: Final = 1 << 13
_ARENA: Final = 1 << 23


class Workspace:
    """About a megabyte, of which a call touches what it needs.

    Attributes:
        kernel: Huffman tables, integers, bytes and skips, in the order of the compiled functions' parameters. The
            tables stay valid from one call to the next.
        out: int16, where the files of a batch are decoded before their coefficients are copied.
        small: Its beginning, for a single file. A larger file gets an array of its own: copying it would cost more.
        masks: uint64, for the blocks that fit into `small`.
        lost: uint8, empty: for files whose losses are not kept.
        states: int64 (BATCH, STATE), a row for each file of a call.
        bounds: int64 (2,), 0 and the length of a call's one file.
        first: The first row of `states`.
        report: The beginning of that row, which Python looks at.
    """

    def __init__(self) -> None:
        self.kernel = (
            np.zeros(STORE * STRIDE, np.uint64),
            np.zeros(WORK, np.int64),
            np.zeros(SCRATCH, np.uint8),
            np.zeros(STORE * SKIPS, np.uint16),
        )
        self.out = np.zeros(_ROOM + MARGIN, np.int16)
        self.small = self.out[: _SMALL + MARGIN]
        self.masks = np.zeros(_SMALL // 64 + 1, np.uint64)
        self.lost = np.empty(0, np.uint8)
        self.states = np.zeros((BATCH, STATE), np.int64)
        self.bounds = np.zeros(2, np.int64)
        self.first = self.states[:1]
        self.report = self.states[0, :REPORT]


class Arena:
    """Memory for the coefficients of consecutive files, 16 MB at a time.

    A system hands memory out in pages of 4 KB, each with an interruption: for as many files as a batch has, that takes
    as long as decoding them. NumPy asks for huge pages, but only for large arrays.
    """

    def __init__(self) -> None:
        self._free = np.empty(0, np.int16)

    def take(self, size: int) -> NDArray[np.int16]:
        """Return `size` int16 of arbitrary content."""
        if size > _ARENA // 8:
            return np.empty(size, np.int16)
        if size > len(self._free):
            self._renew()
        return self.keep(size)

    def lend(self) -> NDArray[np.int16]:
        """Return what is free, four megabytes or more; `keep` then says how much of it is used."""
        if len(self._free) < _ARENA // 4:
            self._renew()
        return self._free

    def keep(self, size: int) -> NDArray[np.int16]:
        """Return the first `size` int16 of what is free, and never again."""
        taken, self._free = self._free[:size], self._free[size:]
        return taken

    def _renew(self) -> None:
        whole = np.empty(_ARENA, np.int16)
        self._free = whole[:]
        # What has this array for its base cannot be made writeable again.
        whole.setflags(write=False)


# A list's append and pop are atomic: so threads need no lock, and a fork cannot inherit one.
_free: list[Workspace] = []


def acquire() -> Workspace:
    """Return a workspace that nobody else has."""
    try:
        return _free.pop()
    except IndexError:
        return Workspace()


def release(workspace: Workspace) -> None:
    """Make a workspace available to the next `acquire`."""
    _free.append(workspace)
