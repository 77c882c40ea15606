"""Batch normalisation as a module."""

from typing import overload

import torch
from torch import Tensor

from jpegdomain import functional
from jpegdomain.activation import Activation

from .base import Layer

__all__ = ["BatchNorm2d"]


class BatchNorm2d(Layer, torch.nn.BatchNorm2d):
    """``torch.nn.BatchNorm2d`` on activations, eqs. (21) to (24): statistics from DC and Parseval over all blocks.

    Output, gradients and running statistics (unbiased variance, ``momentum=None`` for the cumulative average,
    ``track_running_stats=False``) are torch's.
    """

    on_pixels = True

    @overload
    def forward(self, x: Activation, inplace: bool = False) -> Activation: ...
    @overload
    def forward(self, x: Tensor, inplace: bool = False) -> Tensor: ...
    def forward(self, x: Activation | Tensor, inplace: bool = False) -> Activation | Tensor:
        """Normalise.

        Args:
            x: An activation, or pixels.
            inplace: Whether an activation may be written over, in eval; without effect while gradients are recorded.

        Returns:
            Its like.
        """
        if isinstance(x, Tensor):
            return super().forward(x)
        x = self._activation(x)
        momentum = 0.0 if self.momentum is None else self.momentum
        tracks = self.training and self.track_running_stats
        if tracks and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        own = self.training or self.running_mean is None
        keeps = not own or tracks
        return functional.batch_norm(
            x,
            self.running_mean if keeps else None,
            self.running_var if keeps else None,
            self.weight,
            self.bias,
            own,
            momentum,
            self.eps,
            inplace,
        )
