"""Large arrays that are used again: a system hands memory out in pages, each with an interruption, and clears it.

For as many files as a batch has that takes as long as decoding them.
"""

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lender"]


class Lender:
    """Hands out memory, and takes it back by itself when nothing is left of what was made of it.

    Args:
        blocks: The most blocks that wait for their next use.
        size: Bytes of a block, the most; more are handed out, but not used again.
    """

    def __init__(self, blocks: int, size: int) -> None:
        self._blocks = blocks
        self._size = size
        # A list's single operations are atomic: so threads need no lock, and a fork cannot inherit one.
        self._spare: list[NDArray[np.uint8]] = []
        self._lent: dict[int, Any] = {}

    def lend(self, size: int, *, read_only: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Hand out uninitialised memory.

        Args:
            size: Bytes.
            read_only: Whether the second array cannot be written, nor what is cut of it be made writeable.

        Returns:
            The memory, to write to, and the same as an array to make others of: while one of these is there, the memory
            is not used again.
        """
        block = self._found(size)
        # Its base is no array: of what is cut of it, it is the base itself.
        shown = np.frombuffer(block.data.toreadonly() if read_only else block.data, np.uint8)
        number = id(shown)

        def gone(_: object) -> None:
            self._lent.pop(number, None)
            if block.size <= self._size:
                self._spare.append(block)
                # What was used last is most like what comes next.
                del self._spare[: -self._blocks]

        self._lent[number] = weakref.ref(shown, gone)
        return block, shown

    def _found(self, size: int) -> NDArray[np.uint8]:
        """Return a spare block that is not much too large, or a new one."""
        for _ in range(len(self._spare)):
            try:
                block = self._spare.pop(0)
            except IndexError:
                # Another thread has taken it.
                break
            if size <= block.size <= 2 * size:
                return block
            self._spare.append(block)
        return np.empty(size, np.uint8)
