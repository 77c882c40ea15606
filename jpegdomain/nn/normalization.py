"""Normalisations as modules, and batch normalisation with the activation function after it."""

from typing import Any

from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation

from .activation import PIECEWISE
from .base import Features, Layer
from .exact import Dropout, Dropout2d, Pointwise

__all__ = ["BatchNorm2d", "BatchNormAct2d", "GroupNorm", "InstanceNorm2d", "elementwise_layer"]


class BatchNorm2d(Layer, nn.BatchNorm2d):
    """``torch.nn.BatchNorm2d`` on activations, eqs. (21) to (24): statistics from DC and Parseval over all blocks.

    Output, gradients and running statistics (unbiased variance, ``momentum=None`` for the cumulative average,
    ``track_running_stats=False``) are torch's.
    """

    on_pixels = True

    def forward(self, x: Features, inplace: bool = False) -> Features:
        """Normalise an activation or pixels; with `inplace`, an activation may be overwritten in eval mode."""
        x = x if isinstance(x, Tensor) else self._activation(x)
        if isinstance(x, Tensor) or not inplace or self.training or self.running_mean is None:
            return super().forward(x)  # type: ignore[arg-type, return-value]
        statistics = self.running_mean, self.running_var
        return functional.batch_norm(x, *statistics, self.weight, self.bias, eps=self.eps, inplace=True)


class GroupNorm(Layer, nn.GroupNorm):
    """``torch.nn.GroupNorm``: statistics of each group of channels from DC and Parseval."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Normalise; the extent stays."""
        return super().forward(self._activation(x))  # type: ignore[arg-type, return-value]


class InstanceNorm2d(Layer, nn.InstanceNorm2d):
    """``torch.nn.InstanceNorm2d``: statistics of each channel of each image from DC and Parseval."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Normalise; the extent stays."""
        return super().forward(self._activation(x))  # type: ignore[arg-type, return-value]


_ELEMENTWISE: dict[type[nn.Module], type[Layer]] = {**PIECEWISE, nn.Dropout: Dropout, nn.Dropout2d: Dropout2d}


def elementwise_layer(module: nn.Module | None, **settings: Any) -> nn.Module:
    """Return the layer for a module that keeps shapes.

    Args:
        module: Any function of single pixels, a dropout, or a layer, which is returned unchanged.
        **settings: The settings of a piecewise-linear layer: frequencies, method.

    Returns:
        The layer; for functions without a layer of their own, a `Pointwise` of the module.
    """
    if module is None or isinstance(module, (nn.Identity, Layer)):
        return nn.Identity() if module is None else module
    found = next((_ELEMENTWISE[base] for base in type(module).__mro__ if base in _ELEMENTWISE), None)
    if found is None:
        return Pointwise(module)
    return found.from_spatial(module, **(settings if found in PIECEWISE.values() else {}))


class BatchNormAct2d(Layer, nn.BatchNorm2d):
    """timm's ``BatchNormAct2d``: `BatchNorm2d`, then the layers `drop` and `act`, identities by default.

    Not a subclass of the layer `BatchNorm2d`, since it is not an affine map.

    """

    on_pixels = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules["drop"], self._modules["act"] = nn.Identity(), nn.Identity()

    @property
    def drop(self) -> nn.Module:
        """The dropout, as a layer."""
        return elementwise_layer(self._modules["drop"])

    @property
    def act(self) -> nn.Module:
        """The activation function, as a layer."""
        return elementwise_layer(self._modules["act"])

    @property
    def frequencies(self) -> Any:
        """The activation function's, if it has any."""
        return self.act.frequencies

    @frequencies.setter
    def frequencies(self, value: Any) -> None:
        self.act.frequencies = value

    @property
    def method(self) -> Any:
        """The activation function's, if it has any."""
        return self.act.method

    @method.setter
    def method(self, value: Any) -> None:
        self.act.method = value

    def forward(self, x: Any) -> Any:
        """Normalise, drop, activate; the result has the type and extent of the input."""
        x = nn.BatchNorm2d.forward(self, x if isinstance(x, Tensor) else self._activation(x))  # type: ignore[arg-type]
        for layer in (self.drop, self.act):
            if isinstance(x, Tensor) and isinstance(layer, Layer) and not layer.on_pixels:
                x = functional.decode(layer(functional.encode(x)))
            else:
                x = layer(x)
        return x
