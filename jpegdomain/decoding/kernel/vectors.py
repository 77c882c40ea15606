"""Eight float32 numbers as one value: vector code that LLVM would not always generate by itself.

`Vector` is a Numba type, ``<8 x float>`` in LLVM, which maps it to the processor's registers. Every function here
becomes a few instructions of its caller.
"""

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import numpy as np
from llvmlite import ir
from numba import config, extending, types
from numba.core import cgutils
from numba.extending import models, register_model

from jpegdomain.compiled.jit import inlined

__all__ = ["Eight", "Vector", "dequantised", "element", "fused", "load", "spread", "store", "store_three", "transposed"]

Vector: TypeAlias = Any
"""Eight numbers."""

Eight: TypeAlias = tuple[Vector, Vector, Vector, Vector, Vector, Vector, Vector, Vector]

Intrinsic: TypeAlias = Callable[..., Any]


def _intrinsic(generator: Intrinsic) -> Intrinsic:
    """Mark a generator of instructions; the function that it defines is called with fewer arguments."""
    return cast(Intrinsic, extending.intrinsic(generator))


_SETTINGS: Any = config
_FLOATS: Final = ir.VectorType(ir.FloatType(), 8)
_SHORTS: Final = ir.VectorType(ir.IntType(16), 8)
_CHECKED: Final = bool(_SETTINGS.BOUNDSCHECK)


class _VectorType(types.Type):
    def __init__(self) -> None:
        super().__init__("float32x8")


_VECTOR: Final = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, own: Any) -> None:
        super().__init__(manager, own, _FLOATS)


def _pointer(context: Any, builder: Any, kind: Any, arguments: Any, vector: Any) -> Any:
    """Return the address of an array's element as the address of a vector."""
    data = context.make_array(kind)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), vector.as_pointer())


def _chosen(builder: Any, one: Any, two: Any, lanes: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(one, two, mask)


@_intrinsic
def _load(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_pointer(context, builder, signature.args[0], arguments, _FLOATS))
        value.align = 4
        return value

    return _VECTOR(array, types.intp), generate


@_intrinsic
def _load_shorts(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_pointer(context, builder, signature.args[0], arguments, _SHORTS))
        value.align = 2
        widen = builder.sext if array.dtype.signed else builder.zext
        return builder.sitofp(widen(value, ir.VectorType(ir.IntType(32), 8)), _FLOATS)

    return _VECTOR(array, types.intp), generate


@_intrinsic
def _store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], arguments, _FLOATS)
        builder.store(arguments[2], place).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@_intrinsic
def _interleaved(typing: Any, first: Any, second: Any, third: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, two, three = arguments
        result = context.get_constant_undef(signature.return_type)
        for i in range(3):
            # Place 8i + lane belongs to pixel ⌊place/3⌋ and to vector place mod 3.
            places = [divmod(8 * i + lane, 3) for lane in range(8)]
            both = _chosen(builder, one, two, [pixel + 8 * (which == 1) for pixel, which in places])
            mixed = [pixel + 8 if which == 2 else lane for lane, (pixel, which) in enumerate(places)]
            result = builder.insert_value(result, _chosen(builder, both, three, mixed), i)
        return result

    return types.UniTuple(_VECTOR, 3)(first, second, third), generate


@_intrinsic
def _spread(typing: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), arguments[0], ir.IntType(32)(0))
        return _chosen(builder, first, first, [0] * 8)

    return _VECTOR(types.float32), generate


@_intrinsic
def _element(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load(builder.gep(data, [arguments[1]]))

    return array.dtype(array, types.intp), generate


@_intrinsic
def _fused(typing: Any, one: Any, two: Any, three: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.fmuladd.v8f32")
        return builder.call(function, arguments)

    return _VECTOR(one, two, three), generate


def _arithmetic(function: Any, instruction: str) -> None:
    @_intrinsic
    def calculated(typing: Any, one: Any, two: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return _VECTOR(one, two), generate

    @extending.overload(function)
    def _choose(one, two):  # type: ignore[no-untyped-def]  # Numba compares these annotations with a lambda's
        if one == _VECTOR and two == _VECTOR:
            return lambda one, two: calculated(one, two)  # noqa: PLW0108  # Numba reads its arguments' names
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")


@_intrinsic
def _transposed(typing: Any, rows: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = [builder.extract_value(arguments[0], i) for i in range(8)]
        # Three rounds, each exchanging halves at distance 4, 2, 1 between vectors as far apart.
        for distance in (4, 2, 1):
            low = [lane if lane & distance == 0 else lane - distance + 8 for lane in range(8)]
            high = [lane + distance if lane & distance == 0 else lane + 8 for lane in range(8)]
            for i in range(8):
                if i & distance == 0:
                    one, two = rows[i], rows[i + distance]
                    rows[i], rows[i + distance] = _chosen(builder, one, two, low), _chosen(builder, one, two, high)
        result = context.get_constant_undef(signature.return_type)
        for i, row in enumerate(rows):
            result = builder.insert_value(result, row, i)
        return result

    return rows(rows), generate


@inlined
def load(array: Any, at: int) -> Vector:
    """Read eight float32 elements from `at` on."""
    if _CHECKED and not 0 <= at <= array.size - 8:
        raise IndexError("a vector beyond an array")
    return _load(array, at)


@inlined
def store(array: Any, at: int, value: Vector) -> None:
    """Write eight float32 elements from `at` on."""
    if _CHECKED and not 0 <= at <= array.size - 8:
        raise IndexError("a vector beyond an array")
    _store(array, at, value)


@inlined
def store_three(array: Any, at: int, first: Vector, second: Vector, third: Vector) -> None:
    """Write 24 float32 elements from `at` on: first of each vector, second of each, and so on."""
    one, two, three = _interleaved(first, second, third)
    store(array, at, one)
    store(array, at + 8, two)
    store(array, at + 16, three)


@inlined
def element(array: Any, at: int) -> Any:
    """Read an element; negative indices are not supported."""
    if _CHECKED and not 0 <= at < array.size:
        raise IndexError("an element beyond an array")
    return _element(array, at)


@inlined
def dequantised(coefficients: Any, at: int, steps: Any, place: int) -> Vector:
    """Eight int16 or uint16 elements times eight float32 ones."""
    if _CHECKED and not 0 <= at <= coefficients.size - 8:
        raise IndexError("coefficients beyond an array")
    return _load_shorts(coefficients, at) * load(steps, place)


@inlined
def spread(value: Any) -> Vector:
    """The same number eight times."""
    return _spread(np.float32(value))


@inlined
def fused(one: Vector, two: Vector, three: Vector) -> Vector:
    """one·two + three, in one instruction if the processor has it."""
    return _fused(one, two, three)


@inlined
def transposed(rows: Eight) -> Eight:
    """Transpose eight vectors: lane i of the j-th becomes lane j of the i-th."""
    result: Eight = _transposed(rows)
    return result
