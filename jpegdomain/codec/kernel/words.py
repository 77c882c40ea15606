"""Eight bytes at a time: unaligned loads and stores, which array indexing cannot express.

A uint64 and an int64 make a float64 in Numba, silently: every constant that is combined with a word is cast here or
where it is used.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from jpegdomain.compiled.jit import compiled, inlined

from .layout import Bytes

__all__ = ["has_ff", "load", "lowest_bit", "next_marker", "skip_scan", "store"]

_EIGHT = np.uint64(8)
_ONES = np.uint64(0x0101010101010101)
_TOPS = np.uint64(0x8080808080808080)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.IntType(64).as_pointer())


@intrinsic
def _load_unchecked(_: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        return builder.bswap(builder.load(address, align=1, typ=ir.IntType(64)))

    return types.uint64(array, types.int64), generate


@intrinsic
def _store_unchecked(_: Any, array: Any, index: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(builder.bswap(arguments[2]), address, align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), generate


@inlined
def _load_checked(array: Bytes, index: int) -> Any:
    word = np.uint64(0)
    for i in range(8):
        word = (word << _EIGHT) | np.uint64(array[index + i])
    return word


@inlined
def _store_checked(array: Bytes, index: int, word: Any) -> None:
    for i in range(8):
        array[index + i] = np.uint8((word >> np.uint64(56 - 8 * i)) & np.uint64(255))


# The unchecked form has no bounds checks; if NUMBA_BOUNDSCHECK asks for them, array indexing is used.
_checked: bool = vars(config)["BOUNDSCHECK"] or False
load: Any = _load_checked if _checked else _load_unchecked
"""(array, index) → uint64: the eight bytes from an index on, the first of them the most significant."""
store: Any = _store_checked if _checked else _store_unchecked
"""(array, index, word): write eight bytes from an index on, the most significant first."""


@inlined
def has_ff(word: Any) -> bool:
    """Return whether one of a word's eight bytes is FF."""
    turned = ~word
    return ((turned - _ONES) & word & _TOPS) != np.uint64(0)


@intrinsic
def _lowest_bit(_: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


lowest_bit: Any = _lowest_bit
"""(word) → int64: the position of the lowest 1 bit of a uint64, 64 if there is none."""


@compiled
def next_marker(data: Bytes, at: int, end: int) -> int:
    """Find the first FF, at `at` or after it, that a byte other than 00 and FF follows; `end` if there is none."""
    while at + 1 < end:
        if at + 8 <= end and not has_ff(load(data, at)):
            at += 8
        elif data[at] == 0xFF and data[at + 1] != 0 and data[at + 1] != 0xFF:
            return at
        else:
            at += 1
    return end


@compiled
def skip_scan(data: Bytes, at: int, end: int) -> int:
    """Find the first marker that is not a restart marker."""
    at = next_marker(data, at, end)
    while at + 1 < end and 0xD0 <= data[at + 1] <= 0xD7:
        at = next_marker(data, at + 2, end)
    return at
