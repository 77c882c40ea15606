"""Vectors of neighbouring channels in LLVM itself: Numba has no type for them."""

from collections.abc import Sequence
from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types

__all__ = ["VECTOR_BYTES", "Lanes", "clip", "fused", "load", "splat", "store", "vector_type"]

_INT32: Final = ir.IntType(32)
_FEATURES: Final = llvm.get_host_cpu_features()

VECTOR_BYTES: Final = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16
"""The widest vector that the processor computes with."""


def vector_type(element: Any) -> Any:
    """Return the LLVM type of a register filled with elements of a Numba type."""
    scalar = ir.FloatType() if element == types.float32 else ir.DoubleType()
    return ir.VectorType(scalar, VECTOR_BYTES * 8 // element.bitwidth)


def splat(builder: Any, scalar: Any, kind: Any) -> Any:
    """Fill a vector of a type with one scalar."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, scalar, _INT32(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT32, kind.count), [0] * kind.count))


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Multiply and add vectors, a·b + c, in one instruction where the processor has it."""
    kind = a.type
    name = f"llvm.fmuladd.{_suffix(kind)}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return builder.call(function, [a, b, c])


def clip(builder: Any, mask_source: Any, value: Any, clamp: Sequence[Any]) -> Any:
    """Return below where mask_source ≤ low, above where it is ≥ high, and the value elsewhere, also where it is NaN."""
    low, high, below, above = clamp
    upper = builder.select(builder.fcmp_ordered(">=", mask_source, high), above, value)
    return builder.select(builder.fcmp_ordered("<=", mask_source, low), below, upper)


class Lanes:
    """Which elements of which of eight vectors exist: the first `lanes` of each, an LLVM int64."""

    def __init__(self, builder: Any, kind: Any, lanes: Any) -> None:
        self._builder = builder
        self._numbers = ir.VectorType(_INT32, kind.count)
        self._lanes = builder.trunc(lanes, _INT32)

    def mask(self, index: int, inside: Any) -> Any:
        """Return the mask of one of the eight vectors, of which the first `inside` exist."""
        there = self._builder.icmp_signed(">", inside, ir.IntType(64)(index))
        active = self._builder.select(there, self._lanes, _INT32(0))
        counts = ir.Constant(self._numbers, list(range(self._numbers.count)))
        return self._builder.icmp_signed("<", counts, splat(self._builder, active, self._numbers))


def load(builder: Any, address: Any, kind: Any, mask: Any = None) -> Any:
    """Read a vector with its elements' alignment; elements outside the mask are zero, and are not read."""
    pointer = builder.inttoptr(address, kind.as_pointer())
    if mask is None:
        return builder.load(pointer, align=_alignment(kind))
    signature = ir.FunctionType(kind, [pointer.type, _INT32, mask.type, kind])
    name = f"llvm.masked.load.{_suffix(kind)}.p0"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    zeros = ir.Constant(kind, [0.0] * kind.count)
    return builder.call(function, [pointer, _INT32(_alignment(kind)), mask, zeros])


def store(builder: Any, vector: Any, address: Any, mask: Any = None) -> None:
    """Write a vector with its elements' alignment; memory of elements outside the mask is not touched."""
    kind = vector.type
    pointer = builder.inttoptr(address, kind.as_pointer())
    if mask is None:
        builder.store(vector, pointer, align=_alignment(kind))
        return
    signature = ir.FunctionType(ir.VoidType(), [kind, pointer.type, _INT32, mask.type])
    name = f"llvm.masked.store.{_suffix(kind)}.p0"
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    builder.call(function, [vector, pointer, _INT32(_alignment(kind)), mask])


def _suffix(kind: Any) -> str:
    return f"v{kind.count}f{8 * _alignment(kind)}"


def _alignment(kind: Any) -> int:
    return 4 if isinstance(kind.element, ir.FloatType) else 8
