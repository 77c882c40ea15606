"""torch's piecewise-linear functions, and their entries in the table: ASM or APX by the activation's options."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.table import implements

from .maps import alone, elementwise
from .piecewise import PiecewiseLinear, apx, asm

__all__ = ["hardshrink", "hardsigmoid", "hardtanh", "leaky_relu", "prelu", "relu", "rrelu", "softshrink", "threshold"]

Pieces = Callable[..., PiecewiseLinear]


def _approximated(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether fewer than 15 frequencies are used; the exact function is torch's own on pixels, J∘f∘J̃."""
    return alone(input, *args, **kwargs) and input.frequencies < 15


def _implements(*names: str, accepts: Callable[..., bool] = _approximated) -> Callable[[Pieces], Pieces]:
    """Enter a function into the table; `pieces` takes all its arguments except the first, by torch's names."""

    def enter(pieces: Pieces) -> Pieces:
        @implements(*names, accepts=accepts)
        def run(input: Activation, *args: Any, inplace: bool = False, **kwargs: Any) -> Activation:  # noqa: ARG001
            approximate = asm if input.method == "asm" else apx
            return elementwise(input, lambda four: approximate(four, pieces(*args, **kwargs), input.frequencies))

        return pieces

    return enter


@_implements("relu")
def relu() -> PiecewiseLinear:
    """0 for x ≤ 0, x above."""
    return PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)


@_implements("hardtanh")
def hardtanh(min_val: float = -1.0, max_val: float = 1.0) -> PiecewiseLinear:
    """X between min_val and max_val, outside the nearer of the two."""
    low, high = float(min_val), float(max_val)
    return PiecewiseLinear(
        (low, high), (0.0, 1.0, 0.0), (low, 0.0, high), (False, True), lambda pixels: F.hardtanh(pixels, low, high)
    )


@_implements("relu6")
def _relu6() -> PiecewiseLinear:
    return hardtanh(0.0, 6.0)


@_implements("leaky_relu")
def leaky_relu(negative_slope: float = 0.01) -> PiecewiseLinear:
    """negative_slope·x for x ≤ 0, x above."""
    return PiecewiseLinear(
        (0.0,), (negative_slope, 1.0), (0.0, 0.0), (False,), lambda pixels: F.leaky_relu(pixels, negative_slope)
    )


def _one_slope_each(input: Any, weight: Any) -> bool:
    return _approximated(input, weight) and (weight.numel() == 1 or (input.ndim, input.axes) == (4, (2, 3)))


@_implements("prelu", accepts=_one_slope_each)
def prelu(weight: Tensor) -> PiecewiseLinear:
    """weight·x for x ≤ 0, x above; one weight, or one per channel of (n, c, h, w)."""
    return PiecewiseLinear(
        (0.0,), (weight.view(-1, 1, 1), 1.0), (0.0, 0.0), (False,), lambda pixels: F.prelu(pixels, weight)
    )


@_implements("rrelu")
def rrelu(lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> PiecewiseLinear:
    """slope·x for x ≤ 0, with a slope drawn per pixel in training and the mean one in eval; x above."""

    def draw(pixels: Tensor) -> Tensor:
        return torch.empty_like(pixels).uniform_(lower, upper)

    slope = draw if training else (lower + upper) / 2
    function = lambda pixels: F.rrelu(pixels, lower, upper, training)  # noqa: E731
    return PiecewiseLinear((0.0,), (slope, 1.0), (0.0, 0.0), (False,), function)


@_implements("threshold", "_threshold")
def threshold(threshold: float, value: float) -> PiecewiseLinear:
    """Value for x ≤ threshold, x above."""
    edge, value = float(threshold), float(value)
    return PiecewiseLinear((edge,), (0.0, 1.0), (value, 0.0), (False,), lambda pixels: F.threshold(pixels, edge, value))


@_implements("hardshrink")
def hardshrink(lambd: float = 0.5) -> PiecewiseLinear:
    """0 between −λ and λ; outside, x."""
    return PiecewiseLinear(
        (-lambd, lambd), (1.0, 0.0, 1.0), (0.0,) * 3, (True, False), lambda pixels: F.hardshrink(pixels, lambd)
    )


@_implements("softshrink")
def softshrink(lambd: float = 0.5) -> PiecewiseLinear:
    """0 between −λ and λ; outside, x moved towards 0 by λ."""
    return PiecewiseLinear(
        (-lambd, lambd),
        (1.0, 0.0, 1.0),
        (lambd, 0.0, -lambd),
        (True, False),
        lambda pixels: F.softshrink(pixels, lambd),
    )


@_implements("hardsigmoid")
def hardsigmoid() -> PiecewiseLinear:
    """x/6 + ½ between −3 and 3; 0 below, 1 above."""
    return PiecewiseLinear((-3.0, 3.0), (0.0, 1 / 6, 0.0), (0.0, 0.5, 1.0), (False, True), F.hardsigmoid)


def _between_numbers(input: Any, min: Any = None, max: Any = None) -> bool:
    """Whether bounds are numbers, the lower one first."""
    numbers = all(bound is None or isinstance(bound, (int, float)) for bound in (min, max))
    return _approximated(input) and numbers and (min is None or max is None or min <= max)


@_implements("clamp", "clip", accepts=_between_numbers)
def _clamp(min: float | None = None, max: float | None = None) -> PiecewiseLinear:
    return hardtanh(-math.inf if min is None else min, math.inf if max is None else max)


@_implements("clamp_min", accepts=_between_numbers)
def _clamp_min(min: float) -> PiecewiseLinear:
    return _clamp(min)


@_implements("clamp_max", accepts=lambda input, max: _between_numbers(input, None, max))
def _clamp_max(max: float) -> PiecewiseLinear:
    return _clamp(None, max)
