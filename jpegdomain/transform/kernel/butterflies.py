"""The orthonormal 8-point DCT-II and its inverse on eight vectors: 36 operations instead of the matrix's 64."""

import math
from collections.abc import Sequence
from typing import Any, Final

from llvmlite import ir

from .vectors import fused

__all__ = ["forward", "inverse"]

_HALF_COSINES: Final = [0.5 * math.cos(k * math.pi / 16) for k in range(16)]
"""½·cos(kπ/16)."""


def forward(builder: Any, x: Sequence[Any]) -> list[Any]:
    """Transform eight vectors: y_k = Σ_i d_{ki} x_i, even k from the sums x_i + x_{7−i}, odd from the differences."""
    kind = x[0].type
    sums = [builder.fadd(x[i], x[7 - i]) for i in range(4)]
    differences = [builder.fsub(x[i], x[7 - i]) for i in range(4)]
    outer, inner = builder.fadd(sums[0], sums[3]), builder.fadd(sums[1], sums[2])
    rotated = [builder.fsub(sums[0], sums[3]), builder.fsub(sums[1], sums[2])]
    scale = _constant(kind, _HALF_COSINES[4])
    y = [None] * 8
    y[0] = builder.fmul(builder.fadd(outer, inner), scale)
    y[4] = builder.fmul(builder.fsub(outer, inner), scale)
    y[2] = _combination(builder, rotated, [_HALF_COSINES[2], _HALF_COSINES[6]])
    y[6] = _combination(builder, rotated, [_HALF_COSINES[6], -_HALF_COSINES[2]])
    for k in (1, 3, 5, 7):
        y[k] = _combination(builder, differences, [_entry(k, i) for i in range(4)])
    return y


def inverse(builder: Any, y: Sequence[Any]) -> list[Any]:
    """Invert `forward`: x_i = Σ_k d_{ki} y_k, the even k symmetric about the middle, the odd ones antisymmetric."""
    kind = y[0].type
    scale = _constant(kind, _HALF_COSINES[4])
    outer = builder.fmul(builder.fadd(y[0], y[4]), scale)
    inner = builder.fmul(builder.fsub(y[0], y[4]), scale)
    first = _combination(builder, [y[2], y[6]], [_HALF_COSINES[2], _HALF_COSINES[6]])
    second = _combination(builder, [y[2], y[6]], [_HALF_COSINES[6], -_HALF_COSINES[2]])
    even = [
        builder.fadd(outer, first),
        builder.fadd(inner, second),
        builder.fsub(inner, second),
        builder.fsub(outer, first),
    ]
    odd = [_combination(builder, y[1::2], [_entry(k, i) for k in (1, 3, 5, 7)]) for i in range(4)]
    left = [builder.fadd(even[i], odd[i]) for i in range(4)]
    right = [builder.fsub(even[i], odd[i]) for i in (3, 2, 1, 0)]
    return left + right


def _entry(k: int, i: int) -> float:
    """½·cos((2i+1)kπ/16), through the cosine's symmetries, so that equal entries are equal numbers."""
    angle = (2 * i + 1) * k % 32
    angle = min(angle, 32 - angle)
    return _HALF_COSINES[angle] if angle < 8 else -_HALF_COSINES[16 - angle]


def _combination(builder: Any, vectors: Sequence[Any], factors: Sequence[float]) -> Any:
    total = builder.fmul(vectors[0], _constant(vectors[0].type, factors[0]))
    for vector, factor in zip(vectors[1:], factors[1:], strict=True):
        total = fused(builder, vector, _constant(vector.type, factor), total)
    return total


def _constant(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * kind.count)
