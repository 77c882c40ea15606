"""Layers that run something unchanged: a module between J̃ and J, or on the coefficients; a function of activations."""

from collections.abc import Callable
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation

from .base import Features, Holder, Layer

__all__ = [
    "Call",
    "Direct",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "Island",
    "IslandCall",
    "Linear",
    "PixelFunction",
    "Pointwise",
]


class Island(Holder):
    """Any module that takes feature maps to feature maps, run exactly as J∘f∘J̃."""

    def forward(self, x: Activation) -> Activation:
        """Apply the module; the pixel axes of the result are at the same positions."""
        return functional.island(self._feature_map(x), self.function)


class Pointwise(Holder):
    """Any module that acts on each pixel separately, run exactly as J∘f∘J̃; its parameters keep their names.

    Args:
        function: The spatial module.

    Raises:
        InputError: If `function` is not a module.
    """

    on_pixels = True

    def forward(self, x: Features) -> Features:
        """Apply the function; the result has the type and extent of the input."""
        x = x if isinstance(x, Tensor) else self._feature_map(x)
        if x.device.type == "meta":
            # Only shapes are needed, and the function keeps them; it may not be able to run without values.
            return x
        if isinstance(x, Tensor):
            return self.function(x)
        if (x.ndim, x.axes) == (4, (2, 3)):
            return functional.pointwise(x, self.function)
        return functional.island(x, self.function)


class Direct(Holder):
    """A linear module that treats all pixels of a channel alike, such as a channel shuffle, run on the coefficients."""

    def forward(self, x: Activation) -> Activation:
        """Apply the module to the coefficients."""
        x = self._feature_map(x)
        return x.replace(self.function(x.coefficients))


class PixelFunction(nn.Module):
    """A function of pixels, such as ``torch.nn.functional.gelu``, with its other arguments, for `Pointwise`."""

    def __init__(self, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.function, self.args, self.kwargs = function, args, kwargs

    def forward(self, pixels: Tensor) -> Tensor:
        """Call the function with (n, c, h, w) pixels."""
        return self.function(pixels, *self.args, **self.kwargs)

    def extra_repr(self) -> str:
        """Name the function."""
        return getattr(self.function, "__name__", repr(self.function))


class Call(Layer):
    """A function of activations as a module, so that a converted model is a graph of modules.

    Args:
        function: Takes activations where its spatial counterpart takes feature maps.
        returns: The domain of its result.
        transforms: How many times it applies J or J̃ to something of its input's size.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        returns: Literal["transform", "pixels"] = "transform",
        transforms: int = 0,
    ) -> None:
        super().__init__()
        self.function = function
        self.returns = returns  # type: ignore[misc]
        self.transforms = transforms

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    def extra_repr(self) -> str:
        """Name the function."""
        return getattr(self.function, "__name__", repr(self.function))


class IslandCall(Call):
    """A function of pixels, such as ``torch.nn.functional.interpolate``, with its other arguments, run as J∘f∘J̃."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__(function, transforms=2)

    def forward(self, input: Activation, *args: Any, **kwargs: Any) -> Activation:
        """Call the function; the pixel axes of the result are at the same positions."""
        return functional.island(input, lambda pixels: self.function(pixels, *args, **kwargs))


class Linear(Layer, nn.Linear):
    """``torch.nn.Linear`` on a feature map's last axis: for channels-last maps, a 1×1 convolution of coefficients."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Apply the matrix; the pixel axes stay."""
        return functional.linear(self._feature_map(x), self.weight, self.bias)


class Flatten(Layer, nn.Flatten):
    """``torch.nn.Flatten``: leaves the transform domain, then flattens."""

    returns = "pixels"

    def forward(self, x: Activation) -> Tensor:  # type: ignore[override]
        """Decode and flatten: (n, c·h·w) pixels at the default settings."""
        return functional.flatten(self._activation(x), self.start_dim, self.end_dim)


class Dropout(Layer, nn.Dropout):
    """``torch.nn.Dropout``: in training, pixels are dropped, J∘(mask)∘J̃."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Drop pixels in training."""
        return functional.dropout(self._feature_map(x), self.p, self.training)


class Dropout2d(Layer, nn.Dropout2d):
    """``torch.nn.Dropout2d``: whole channels are dropped, directly on the coefficients."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Drop channels in training."""
        x = self._activation(x)
        # Never in place: the coefficients may be the caller's.
        return x.replace(F.dropout2d(x.coefficients, self.p, self.training))
