"""torch's piecewise-linear functions as pieces, and their entries in the table: ASM or APX by the datum's options."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.table import implements

from .maps import alone, elementwise
from .piecewise import PiecewiseLinear, apx, asm

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardtanh",
    "leaky_relu",
    "prelu",
    "relu",
    "rrelu",
    "softshrink",
    "threshold",
]


def relu() -> PiecewiseLinear:
    """0 up to 0, x above."""
    return PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)


def hardtanh(low: float = -1.0, high: float = 1.0) -> PiecewiseLinear:
    """X between low and high, the nearer of them outside."""
    return PiecewiseLinear(
        (low, high), (0.0, 1.0, 0.0), (low, 0.0, high), (False, True), lambda pixels: F.hardtanh(pixels, low, high)
    )


def leaky_relu(slope: float = 0.01) -> PiecewiseLinear:
    """slope·x up to 0, x above."""
    return PiecewiseLinear((0.0,), (slope, 1.0), (0.0, 0.0), (False,), lambda pixels: F.leaky_relu(pixels, slope))


def prelu(weight: Tensor) -> PiecewiseLinear:
    """weight·x up to 0, x above; one weight or one per channel of (n, c, h, w)."""
    return PiecewiseLinear(
        (0.0,), (weight.view(-1, 1, 1), 1.0), (0.0, 0.0), (False,), lambda pixels: F.prelu(pixels, weight)
    )


def rrelu(lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> PiecewiseLinear:
    """Up to 0 a slope drawn per pixel in training, the mean slope in eval; x above."""

    def draw(pixels: Tensor) -> Tensor:
        return torch.empty_like(pixels).uniform_(lower, upper)

    slope = draw if training else (lower + upper) / 2
    function = lambda pixels: F.rrelu(pixels, lower, upper, training)  # noqa: E731
    return PiecewiseLinear((0.0,), (slope, 1.0), (0.0, 0.0), (False,), function)


def threshold(edge: float, value: float) -> PiecewiseLinear:
    """Value up to the edge, x above."""
    return PiecewiseLinear((edge,), (0.0, 1.0), (value, 0.0), (False,), lambda pixels: F.threshold(pixels, edge, value))


def hardshrink(edge: float = 0.5) -> PiecewiseLinear:
    """0 between −edge and edge, x outside."""
    return PiecewiseLinear(
        (-edge, edge), (1.0, 0.0, 1.0), (0.0,) * 3, (True, False), lambda pixels: F.hardshrink(pixels, edge)
    )


def softshrink(edge: float = 0.5) -> PiecewiseLinear:
    """0 between −edge and edge, x moved towards 0 by edge outside."""
    return PiecewiseLinear(
        (-edge, edge), (1.0, 0.0, 1.0), (edge, 0.0, -edge), (True, False), lambda pixels: F.softshrink(pixels, edge)
    )


def hardsigmoid() -> PiecewiseLinear:
    """x/6 + ½ between −3 and 3, 0 and 1 outside."""
    return PiecewiseLinear((-3.0, 3.0), (0.0, 1 / 6, 0.0), (0.0, 0.5, 1.0), (False, True), F.hardsigmoid)


def _approximated(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Below 15 frequencies only: the exact function is torch's own on pixels, J∘f∘J̃."""
    return alone(input, *args, **kwargs) and input.frequencies < 15


def _apply(x: Activation, pieces: PiecewiseLinear) -> Activation:
    by = asm if x.method == "asm" else apx
    return elementwise(x, lambda four: by(four, pieces, x.frequencies))


@implements("relu", accepts=_approximated)
def _relu(input: Activation, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, relu())


@implements("relu6", accepts=_approximated)
def _relu6(input: Activation, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, hardtanh(0.0, 6.0))


@implements("hardtanh", accepts=_approximated)
def _hardtanh(input: Activation, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, hardtanh(float(min_val), float(max_val)))


@implements("leaky_relu", accepts=_approximated)
def _leaky_relu(input: Activation, negative_slope: float = 0.01, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, leaky_relu(negative_slope))


def _one_slope_each(input: Any, weight: Any) -> bool:
    return _approximated(input, weight) and (weight.numel() == 1 or (input.ndim, input.axes) == (4, (2, 3)))


@implements("prelu", accepts=_one_slope_each)
def _prelu(input: Activation, weight: Tensor) -> Activation:
    return _apply(input, prelu(weight))


@implements("hardsigmoid", accepts=_approximated)
def _hardsigmoid(input: Activation, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, hardsigmoid())


@implements("threshold", "_threshold", accepts=_approximated)
def _threshold(input: Activation, threshold: float, value: float, inplace: bool = False) -> Activation:  # noqa: ARG001
    return _apply(input, globals()["threshold"](float(threshold), float(value)))


@implements("hardshrink", accepts=_approximated)
def _hardshrink(input: Activation, lambd: float = 0.5) -> Activation:
    return _apply(input, hardshrink(lambd))


@implements("softshrink", accepts=_approximated)
def _softshrink(input: Activation, lambd: float = 0.5) -> Activation:
    return _apply(input, softshrink(lambd))


@implements("rrelu", accepts=_approximated)
def _rrelu(
    input: Activation,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,  # noqa: ARG001
) -> Activation:
    return _apply(input, rrelu(lower, upper, training))


def _between_numbers(input: Any, min: Any = None, max: Any = None) -> bool:
    """Whether bounds are numbers, the lower one first."""
    numbers = all(bound is None or isinstance(bound, (int, float)) for bound in (min, max))
    return _approximated(input) and numbers and (min is None or max is None or min <= max)


@implements("clamp", "clip", accepts=_between_numbers)
def _clamp(input: Activation, min: float | None = None, max: float | None = None) -> Activation:
    low, high = -math.inf if min is None else float(min), math.inf if max is None else float(max)
    return _apply(input, hardtanh(low, high))


@implements("clamp_min", accepts=_between_numbers)
def _clamp_min(input: Activation, min: float) -> Activation:
    return _clamp(input, min)


def _below_number(input: Any, max: Any) -> bool:
    return _between_numbers(input, None, max)


@implements("clamp_max", accepts=_below_number)
def _clamp_max(input: Activation, max: float) -> Activation:
    return _clamp(input, None, max)
