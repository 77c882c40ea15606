"""Piecewise-linear activation functions as modules, by ASM or APX.

Defining a class here is all that a new function needs. The class names its `pieces`, a function of the module's
settings. In converted models, planned or not, it replaces the torch module that it extends, and the functions and
tensor methods (`calls`) with the same settings.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.functional import PiecewiseLinear, rectifiers

from .base import Layer, Masking

__all__ = [
    "APPROXIMATED_CALLS",
    "PIECEWISE",
    "ApproximatedCall",
    "Hardshrink",
    "Hardsigmoid",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "PReLUCall",
    "Piecewise",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
    "approximates",
]


class ApproximatedCall(NamedTuple):
    """How a function call becomes a layer, made from the call's settings, `frequencies` and `method`.

    Args:
        layer: Makes the layer.
        settings: Names of the arguments after the feature map that are settings.
        tensors: Names of the arguments after the feature map that are passed to the layer's call.

    """

    layer: Callable[..., Masking]
    settings: tuple[str, ...]
    tensors: tuple[str, ...]


PIECEWISE: dict[type[nn.Module], type[Layer]] = {}
"""For each of torch's piecewise-linear modules, the layer."""

APPROXIMATED_CALLS: dict[Any, ApproximatedCall] = {}
"""For each function, or name of a tensor method, the layer."""


def approximates(
    layer: Callable[..., Masking], *calls: Any, settings: tuple[str, ...] = (), tensors: tuple[str, ...] = ()
) -> None:
    """Let a layer replace calls of functions, and of tensor methods given by name; see `ApproximatedCall`."""
    APPROXIMATED_CALLS.update(dict.fromkeys(calls, ApproximatedCall(layer, settings, tensors)))


class Piecewise(Masking):
    """A piecewise-linear activation function: the lowest frequencies choose among its `pieces`, as in `Masking`."""

    _pieces: ClassVar[tuple[Callable[..., PiecewiseLinear], tuple[str, ...]]]

    def __init_subclass__(
        cls, pieces: Callable[..., PiecewiseLinear] | None = None, calls: tuple[Any, ...] = ()
    ) -> None:
        super().__init_subclass__()
        names = () if pieces is None else tuple(inspect.signature(pieces).parameters)
        if pieces is not None:
            cls._pieces = pieces, names
        spatial = cls.__mro__[cls.__mro__.index(Layer) + 1]
        if spatial is not nn.Module:
            PIECEWISE.setdefault(spatial, cls)
        approximates(cls, *calls, settings=names)

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002
        """Return the function's pieces for the activation, or the pixels, that it will be applied to."""
        function, names = self._pieces
        return function(*(getattr(self, name) for name in names))

    def forward(self, input: Any, inplace: bool = False) -> Any:
        """Apply the function.

        Args:
            input: An activation, or pixels.
            inplace: Whether `input` may be overwritten; ignored while gradients are recorded.

        Returns:
            The result, with the type and extent of the input.
        """
        if isinstance(input, Tensor):
            if self.exact:
                # In place if the source module is, or if the caller says so and no gradient is needed.
                wanted = getattr(self, "inplace", False) or (inplace and not torch.is_grad_enabled())
                return self._exactly(input, wanted)
            return self._masked(input, self.pieces(input))
        apply = functional.asm if self.method == "asm" else functional.apx
        return functional.elementwise(
            self._feature_map(input), lambda four: apply(four, self.pieces(four), self.frequencies, inplace)
        )

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:  # noqa: ARG002
        """The function itself, on pixels."""
        return self.pieces(pixels).function(pixels)

    def _masked(self, pixels: Tensor, pieces: PiecewiseLinear) -> Tensor:
        """ASM or APX between pixels."""
        return functional.piecewise_on_pixels(pixels, pieces, self.frequencies, self.method)


class ReLU(
    Piecewise, nn.ReLU, pieces=rectifiers.relu, calls=(F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_")
):
    """``torch.nn.ReLU``: 0 for x ≤ 0, x above."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.relu(pixels, inplace)


class Hardtanh(Piecewise, nn.Hardtanh, pieces=rectifiers.hardtanh, calls=(F.hardtanh, F.hardtanh_)):
    """``torch.nn.Hardtanh``: x between min_val and max_val; outside, the nearer of the two."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.hardtanh(pixels, self.min_val, self.max_val, inplace)


class ReLU6(Hardtanh, nn.ReLU6, calls=(F.relu6,)):
    """``torch.nn.ReLU6``: `Hardtanh` between 0 and 6."""


def _clamp(min: Any = None, max: Any = None, **settings: Any) -> Hardtanh:
    """``torch.clamp`` between numbers, either of which may be missing."""
    if not all(isinstance(bound, int | float | None) for bound in (min, max)):
        raise TypeError("clamp can only be converted with numbers as bounds")
    return Hardtanh(-math.inf if min is None else min, math.inf if max is None else max, **settings)


approximates(_clamp, torch.clamp, "clamp", "clamp_", settings=("min", "max"))


class LeakyReLU(Piecewise, nn.LeakyReLU, pieces=rectifiers.leaky_relu, calls=(F.leaky_relu, F.leaky_relu_)):
    """``torch.nn.LeakyReLU``: negative_slope·x for x ≤ 0, x above."""


class PReLU(Piecewise, nn.PReLU, pieces=rectifiers.prelu):
    """``torch.nn.PReLU``: slope·x for x ≤ 0, with one learned slope or one per channel; x above."""


class PReLUCall(Piecewise):
    """``torch.nn.functional.prelu``: the slopes, (1,) or (c,), are an argument of `forward`."""

    def forward(self, input: Any, weight: Tensor, inplace: bool = False) -> Any:  # type: ignore[override]
        """Apply the function as `Piecewise` does, with slopes (1,) or (c,)."""
        pieces = rectifiers.prelu(weight)
        if isinstance(input, Tensor):
            return pieces.function(input) if self.exact else self._masked(input, pieces)
        apply = functional.asm if self.method == "asm" else functional.apx
        return apply(self._activation(input), pieces, self.frequencies, inplace)


approximates(PReLUCall, F.prelu, tensors=("weight",))


class RReLU(Piecewise, nn.RReLU, pieces=rectifiers.rrelu):
    """``torch.nn.RReLU``: slope·x for x ≤ 0, with a slope drawn per pixel in training, the mean in eval; x above."""


class Threshold(Piecewise, nn.Threshold, pieces=rectifiers.threshold, calls=(F.threshold,)):
    """``torch.nn.Threshold``: `value` for x ≤ threshold, x above."""


class Hardshrink(Piecewise, nn.Hardshrink, pieces=rectifiers.hardshrink, calls=(F.hardshrink,)):
    """``torch.nn.Hardshrink``: 0 between −λ and λ; outside, x."""


class Softshrink(Piecewise, nn.Softshrink, pieces=rectifiers.softshrink, calls=(F.softshrink,)):
    """``torch.nn.Softshrink``: 0 between −λ and λ; outside, x moved towards 0 by λ."""


class Hardsigmoid(Piecewise, nn.Hardsigmoid, pieces=rectifiers.hardsigmoid, calls=(F.hardsigmoid,)):
    """``torch.nn.Hardsigmoid``: x/6 + ½ between −3 and 3; 0 below, 1 above."""
