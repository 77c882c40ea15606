"""Dropout as modules: identities in eval, torch's own random masks in training."""

import torch.nn.functional as F
from torch import nn

from jpegdomain import functional
from jpegdomain.activation import Activation

from .base import Layer

__all__ = ["Dropout", "Dropout2d"]


class Dropout(Layer, nn.Dropout):
    """``torch.nn.Dropout``: in training, pixels are dropped, J∘(mask)∘J̃."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Drop pixels in training.

        Args:
            x: A feature map.

        Returns:
            A feature map of the same extent and axes.
        """
        return functional.dropout(self._feature_map(x), self.p, self.training)


class Dropout2d(Layer, nn.Dropout2d):
    """``torch.nn.Dropout2d``: whole channels are dropped, on the coefficients as they are."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Drop channels in training.

        Args:
            x: An activation.

        Returns:
            An activation of the same extent.
        """
        x = self._activation(x)
        # Never in place: the coefficients may be the caller's.
        return x.replace(F.dropout2d(x.coefficients, self.p, self.training))
