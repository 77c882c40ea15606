"""The arrays that decoding needs but does not return, reused by the next call."""

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled.memory import Lender

from .kernel.layout import MARGIN, REPORT, SCRATCH, SKIPS, STATE, STORE, STRIDE, WORK

__all__ = ["Arena", "Workspace", "acquire", "release"]

_ROOM: Final = 1 << 17
_SMALL: Final = 1 << 13
_BLOCK: Final = 1 << 23
_LARGE: Final = _BLOCK // 4
"""Requests for more get their own memory."""

_blocks: Final = Lender(4, 2 * _BLOCK)


class Workspace:
    """About a megabyte of memory, of which a call uses what it needs.

    Attributes:
        kernel: Huffman tables, integers, bytes and skips, in the order of the compiled functions' parameters. The
            tables stay valid from one call to the next.
        out: int16, where the files of a batch are decoded before their coefficients are copied.
        small: The beginning of `out`, for a single file. A larger file gets its own array: copying would cost more.
        masks: uint64, for the blocks that fit into `small`.
        lost: uint8, empty: for files whose losses are not kept.
        states: int64 (1, STATE), of the file that is being read.
        bounds: int64 (2,), 0 and the length of a call's one file.
        reports: int64 (1, REPORT), of a call's one file.
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
        self.states = np.zeros((1, STATE), np.int64)
        self.bounds = np.zeros(2, np.int64)
        self.reports = np.zeros((1, REPORT), np.int64)
        self._input = io.BytesIO()

    def joined(self, files: Sequence[bytes]) -> NDArray[np.uint8]:
        """Put files one after the other into reused memory, valid until the next call."""
        if len(files) == 1:
            return np.frombuffer(files[0], np.uint8)
        self._input.seek(0)
        self._input.writelines(files)
        return np.frombuffer(self._input.getbuffer().toreadonly(), np.uint8)


class Arena:
    """Memory for the coefficients of consecutive files, a `_BLOCK` at a time.

    The system provides memory in pages of 4 KB, each with a page fault: for the files of a batch, that takes as long as
    decoding them. NumPy asks for huge pages, but only for large arrays. Some blocks are reused when none of their
    records is left.
    """

    def __init__(self) -> None:
        self._block = self._shown = np.empty(0, np.int16)
        self._own: NDArray[np.int16] | None = None
        self._at = 0

    def lend(self, size: int = _BLOCK // 4, *, zeros: bool = False) -> NDArray[np.int16]:
        """Return at least `size` writeable int16 of arbitrary content; `keep` then says how much of it is used."""
        if size > _LARGE:
            self._own = (np.zeros if zeros else np.empty)(size, np.int16)
            return self._own
        self._own = None
        if size > len(self._block) - self._at:
            block, shown = _blocks.lend(2 * _BLOCK, read_only=True)
            self._block, self._shown, self._at = block.view(np.int16), shown.view(np.int16), 0
        if zeros:
            self._block[self._at : self._at + size] = 0
        return self._block[self._at :]

    def keep(self, size: int) -> NDArray[np.int16]:
        """Return the first `size` int16 of what was lent, now read-only; they are not lent again."""
        if self._own is not None:
            own, self._own = self._own, None
            own.setflags(write=False)
            return own[:size]
        self._at += size
        return self._shown[self._at - size : self._at]


# A list's append and pop are atomic, so threads need no lock, and a fork cannot inherit one.
_free: list[Workspace] = []


def acquire() -> Workspace:
    """Return a workspace that is not in use."""
    try:
        return _free.pop()
    except IndexError:
        return Workspace()


def release(workspace: Workspace) -> None:
    """Make a workspace available to the next `acquire`."""
    _free.append(workspace)
