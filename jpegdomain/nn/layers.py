"""The layer for each of torch's elementwise modules."""

from typing import Any

from torch import nn

from .activation import (
    Hardshrink,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    Pointwise,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Softshrink,
    Threshold,
)
from .base import Layer
from .regularization import Dropout, Dropout2d

__all__ = ["PIECEWISE", "elementwise_layer"]

PIECEWISE: dict[type[nn.Module], type[Layer]] = {
    nn.ReLU: ReLU,
    nn.ReLU6: ReLU6,
    nn.Hardtanh: Hardtanh,
    nn.LeakyReLU: LeakyReLU,
    nn.PReLU: PReLU,
    nn.RReLU: RReLU,
    nn.Threshold: Threshold,
    nn.Hardshrink: Hardshrink,
    nn.Softshrink: Softshrink,
    nn.Hardsigmoid: Hardsigmoid,
}
"""torch's piecewise-linear activation function → the layer that computes it by ASM or APX."""

_LAYERS: dict[type[nn.Module], type[Layer]] = {**PIECEWISE, nn.Dropout: Dropout, nn.Dropout2d: Dropout2d}


def elementwise_layer(module: nn.Module | None, **settings: Any) -> nn.Module:
    """Give the layer for a module that keeps shapes.

    Args:
        module: Any function of single pixels; a dropout; a layer, which is given back.
        **settings: Of a piecewise-linear layer: frequencies, method.

    Returns:
        The layer; `Pointwise` of the module for any other function.
    """
    if module is None or isinstance(module, (nn.Identity, Layer)):
        return nn.Identity() if module is None else module
    found = next((_LAYERS[base] for base in type(module).__mro__ if base in _LAYERS), None)
    if found is None:
        return Pointwise(module)
    return found.from_spatial(module, **(settings if found in PIECEWISE.values() else {}))
