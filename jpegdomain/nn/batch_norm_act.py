"""Batch normalisation followed by dropout and an activation function, as one module."""

from typing import Any

from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.planning import Cost

from .base import Layer
from .layers import elementwise_layer
from .normalization import BatchNorm2d

__all__ = ["BatchNormAct2d"]


class BatchNormAct2d(Layer, nn.BatchNorm2d):
    """timm's ``BatchNormAct2d``: `BatchNorm2d`, then the layers `drop` and `act`, identities by default.

    No subclass of the layer `BatchNorm2d`: what holds for an affine map does not hold for this one.

    Args:
        *args: As for ``torch.nn.BatchNorm2d``.
        **kwargs: As for ``torch.nn.BatchNorm2d``.
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
        """Normalise, drop, activate.

        Args:
            x: An activation, or pixels.

        Returns:
            Its like, of the same extent.
        """
        x = self._on_tensor(x) if isinstance(x, Tensor) else self._on_activation(self._activation(x))
        for layer in (self.drop, self.act):
            if isinstance(x, Tensor) and isinstance(layer, Layer) and not layer.on_pixels:
                x = functional.decode(layer(functional.encode(x)))
            else:
                x = layer(x)
        return x

    def _on_tensor(self, x: Tensor) -> Tensor:
        return nn.BatchNorm2d.forward(self, x)

    def _on_activation(self, x: Activation) -> Activation:
        return BatchNorm2d.forward(self, x)  # type: ignore[call-overload]

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The activation function's form as the plan prints it, and the cost of both.
        """
        form, cost = super().cost(shape, itemsize)
        if isinstance(self.act, Layer):
            form, then = self.act.cost(shape, itemsize)
            cost += then
        return form, cost
