"""Linear maps of channels as modules."""

import math

from torch import nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.planning import Cost

from .base import Layer, elements

__all__ = ["Linear"]


class Linear(Layer, nn.Linear):
    """``torch.nn.Linear`` on a feature map's last axis: of channels-last maps, a 1×1 convolution of coefficients."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Apply the matrix.

        Args:
            x: A feature map.

        Returns:
            A feature map with the same pixel axes.
        """
        x = self._feature_map(x)
        return functional.linear(x, self.weight, self.bias)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            'direct', and the cost of a matrix product.
        """
        return "direct", self._product(elements(shape), itemsize)

    def pixel_cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch on pixels.

        Args:
            shape: (n, c, h, w) of the input.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and the cost of the same matrix product.
        """
        return "spatial", self._product(math.prod(shape), itemsize)

    def _product(self, count: int, itemsize: int) -> Cost:
        weights = itemsize * self.weight.numel()
        moved = itemsize * (count + count // self.in_features * self.out_features) + weights
        return Cost(flops=2 * count * self.out_features, weights=weights, moved=moved, calls=1)
