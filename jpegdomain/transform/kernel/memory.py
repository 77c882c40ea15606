"""The job's record, the workspace and the shared counter, as addresses in memory."""

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["fetch_to_read", "fetch_to_write", "real", "take", "word", "workspace"]

_INT64: Final = ir.IntType(64)


def _reader(numba_type: Any, kind: Any) -> Any:
    """Make the intrinsic that reads the `index`-th eight bytes of a record."""

    @intrinsic
    def read(_typing: Any, _record: Any, _index: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            record, index = arguments
            address = builder.add(record, builder.mul(index, _INT64(8)))
            return builder.load(builder.inttoptr(address, kind.as_pointer()))

        return numba_type(types.int64, types.int64), generate

    return read


@intrinsic
def _take(_typing: Any, _record: Any, _count: Any) -> Any:

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _INT64.as_pointer())
        return builder.atomic_rmw("add", pointer, arguments[1], "monotonic")

    return types.int64(types.int64, types.int64), generate


def _fetch(rights: int) -> Any:
    """Make the intrinsic that prefetches memory: for reading (0) or for writing (1)."""

    @intrinsic
    def fetch(_typing: Any, _address: Any, _step: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
            start, step = arguments
            pointer = ir.IntType(8).as_pointer()
            flags = [ir.IntType(32)(value) for value in (rights, 3, 1)]
            signature = ir.FunctionType(ir.VoidType(), [pointer, *[flag.type for flag in flags]])
            function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
            for index in range(8):
                address = builder.add(start, builder.mul(step, _INT64(index)))
                builder.call(function, [builder.inttoptr(address, pointer), *flags])

        return types.void(types.int64, types.int64), generate

    return fetch


def workspace(size: int) -> Any:
    """Make a function that returns the address of memory on its caller's stack, aligned to 64 bytes."""

    @intrinsic
    def reserve(_typing: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
            # Not with Numba's own function, which stores a zero of this type; LLVM unrolls that byte by byte.
            with builder.goto_entry_block():
                reserved = builder.alloca(ir.ArrayType(ir.IntType(8), size))
                reserved.align = 64
            return builder.ptrtoint(reserved, _INT64)

        return types.int64(), generate

    return reserve


word: Callable[[int, int], int] = _reader(types.int64, _INT64)
"""word(record, index): an integer of the record at an address."""

real: Callable[[int, int], float] = _reader(types.float64, ir.DoubleType())
"""real(record, index): a float64 of the record."""

fetch_to_read: Callable[[int, int], None] = _fetch(0)
"""fetch_to_read(address, step): prefetch eight places; this is only a hint, and works with any address."""

fetch_to_write: Callable[[int, int], None] = _fetch(1)
"""fetch_to_write(address, step): prefetch eight places that will be written."""

take: Callable[[int, int], int] = cast(Any, _take)
"""take(record, count): add to the record's first word, as one of several threads, and return what it was."""
