"""Normalisation of each image by itself, as modules."""

from torch import nn

from jpegdomain import functional
from jpegdomain.activation import Activation

from .base import Layer

__all__ = ["GroupNorm", "InstanceNorm2d"]


class GroupNorm(Layer, nn.GroupNorm):
    """``torch.nn.GroupNorm``: statistics of each group of channels from DC and Parseval."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Normalise.

        Args:
            x: An activation.

        Returns:
            An activation of the same extent.
        """
        return functional.group_norm(self._activation(x), self.num_groups, self.weight, self.bias, self.eps)


class InstanceNorm2d(Layer, nn.InstanceNorm2d):
    """``torch.nn.InstanceNorm2d``: statistics of each channel of each image from DC and Parseval."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Normalise.

        Args:
            x: An activation.

        Returns:
            An activation of the same extent.
        """
        return functional.instance_norm(
            self._activation(x),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
