"""Large arrays that are reused: the system provides memory in pages, each with a page fault, and clears it.

For the files of a batch, that takes as long as decoding them.
"""

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lender"]


class Lender:
    """Lends memory, and takes it back automatically when no array in it is left.

    Args:
        blocks: The largest number of blocks that are kept for their next use.
        size: The largest size of a block in bytes; larger blocks are not reused.
    """

    def __init__(self, blocks: int, size: int) -> None:
        self._blocks = blocks
        self._size = size
        # Single operations on a list are atomic, so threads need no lock, and a fork cannot inherit one.
        self._spare: list[NDArray[np.uint8]] = []
        self._lent: dict[int, Any] = {}

    def lend(self, size: int, *, read_only: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Lend uninitialised memory.

        Args:
            size: Size in bytes.
            read_only: Whether the second array is read-only, and neither it nor its views can be made writeable.

        Returns:
            The memory as a writeable array, and as an array to make others from: while one of these is left, the memory
            is not reused.
        """
        block = self._found(size)
        # Its base is not an array, so it is itself the base of its views.
        shown = np.frombuffer(block.data.toreadonly() if read_only else block.data, np.uint8)
        number = id(shown)

        def gone(_: object) -> None:
            self._lent.pop(number, None)
            if block.size <= self._size:
                self._spare.append(block)
                # The block used last is most likely to fit next.
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
