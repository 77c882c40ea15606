"""Checksums of many tensors at the speed of memory: any changed byte shows.

A state is 64 lanes of 32 bits. Every 256 bytes, lane l is updated with the l-th word w: s ← s·M + (u ⊕ u≫15) with u =
w·C, all modulo 2³², M and C odd. Each step is a bijection of w, so that one changed word always shows; several changed
words leave a state unchanged with a probability of 2⁻³² for each lane that they touch.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .memory import take, word

__all__ = ["LANES", "run"]

LANES: Final = 64
_BYTES: Final = 4 * LANES
_WIDTH: Final = 16
_LANE: Final = ir.IntType(32)
_VECTOR: Final = ir.VectorType(_LANE, _WIDTH)
_MULTIPLIER: Final = 0x9E3779B1
_SPREAD: Final = 0x85EBCA6B
_STREAMS: Final = 4
"""Number of places in a tensor that are read in turn: memory serves several streams faster than one."""


def _taken_in(builder: Any, state: Any, value: Any, constant: Callable[[int], Any]) -> Any:
    spread = builder.mul(value, constant(_SPREAD))
    mixed = builder.xor(spread, builder.lshr(spread, constant(15)))
    return builder.add(builder.mul(state, constant(_MULTIPLIER)), mixed)


@intrinsic
def _take_in_row(_typing: Any, _state: Any, _address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
        for part in range(LANES // _WIDTH):
            offset = ir.Constant(ir.IntType(64), 4 * _WIDTH * part)
            state, given = (
                builder.inttoptr(builder.add(argument, offset), _VECTOR.as_pointer()) for argument in arguments
            )
            numbers = _taken_in(
                builder,
                builder.load(state, align=4),
                builder.load(given, align=1),
                lambda value: ir.Constant(_VECTOR, [value] * _WIDTH),
            )
            builder.store(numbers, state, align=4)

    return types.void(types.int64, types.int64), generate


@intrinsic
def _take_in_byte(_typing: Any, _state: Any, _address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> None:
        state = builder.inttoptr(arguments[0], _LANE.as_pointer())
        given = builder.inttoptr(arguments[1], ir.IntType(8).as_pointer())
        value = builder.zext(builder.load(given), _LANE)
        number = _taken_in(builder, builder.load(state, align=4), value, lambda constant: ir.Constant(_LANE, constant))
        builder.store(number, state, align=4)

    return types.void(types.int64, types.int64), generate


take_in_row: Callable[[int, int], None] = cast(Any, _take_in_row)
"""take_in_row(state, address): 256 bytes, a word for each lane."""

take_in_byte: Callable[[int, int], None] = cast(Any, _take_in_byte)
"""take_in_byte(state, address): one byte for the lane at the address `state`."""


def run(job: int) -> None:
    """Compute checksums, or, as one of several threads, a share of them.

    Args:
        job: Address of a record: 0, the number of tensors, the address of a table of their addresses and sizes in
            bytes, the address of their states, zero at first.
    """
    count, table, states = word(job, 1), word(job, 2), word(job, 3)
    row = take(job, 1)
    while row < count:
        address, size = word(table, 2 * row), word(table, 2 * row + 1)
        state = states + _BYTES * row
        part = size // (_BYTES * _STREAMS)
        for place in range(part):
            for stream in range(_STREAMS):
                take_in_row(state, address + _BYTES * (stream * part + place))
        for place in range(_STREAMS * part, size // _BYTES):
            take_in_row(state, address + _BYTES * place)
        for place in range(size // _BYTES * _BYTES, size):
            take_in_byte(state + 4 * (place % LANES), address + place)
        row = take(job, 1)
