"""Pooling as modules."""

from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation

from .activation import approximates
from .base import Features, Layer, Masking

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]


class MaxPool2d(Masking, nn.MaxPool2d):
    """``torch.nn.MaxPool2d``: ASM chooses the pixel, whose value is exact; APX reconstructs with few frequencies."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "return_indices" and value:
            raise ValueError("MaxPool2d on activations cannot return indices: use return_indices=False")
        super().__setattr__(name, value)

    def forward(self, x: Features) -> Features:
        """Pool."""
        window = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        x = x if isinstance(x, Tensor) else self._activation(x)
        return functional.max_pool2d(x, *window, self.frequencies, self.method)


_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
approximates(MaxPool2d, F.max_pool2d, settings=_WINDOW)


class AvgPool2d(Layer, nn.AvgPool2d):
    """``torch.nn.AvgPool2d``, exactly: from DC if one window covers the extent, as J∘pool∘J̃ otherwise."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Pool."""
        window = self.kernel_size, self.stride, self.padding, self.ceil_mode
        return functional.avg_pool2d(self._activation(x), *window, self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        """Describe all settings; torch leaves out the last three."""
        return (
            f"{super().extra_repr()}, ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}, "
            f"divisor_override={self.divisor_override}"
        )


class AdaptiveAvgPool2d(Layer, nn.AdaptiveAvgPool2d):
    """``torch.nn.AdaptiveAvgPool2d`` to any size except 1×1 (`GlobalAvgPool2d`), exactly, as J∘pool∘J̃."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Pool."""
        return functional.adaptive_avg_pool2d(self._activation(x), self.output_size)


class GlobalAvgPool2d(Layer, nn.AdaptiveAvgPool2d):
    """``torch.nn.AdaptiveAvgPool2d(1)``: reads DC and leaves the transform domain (section 4.5)."""

    returns: ClassVar[Literal["transform", "pixels"]] = "pixels"

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Activation) -> Tensor:  # type: ignore[override]
        """Average over the extent: (n, c, 1, 1) pixels."""
        return functional.global_avg_pool2d(self._activation(x))

    def extra_repr(self) -> str:
        """Return an empty string, since there are no settings."""
        return ""
