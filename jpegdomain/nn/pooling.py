"""Pooling as modules."""

from typing import Any, ClassVar, Literal, overload

from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.planning import Cost, transform_cost

from .base import Layer, elements
from .masking import Masking

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "GlobalAvgPool2d", "MaxPool2d"]


class MaxPool2d(Masking, nn.MaxPool2d):
    """``torch.nn.MaxPool2d``: the pixel is chosen by ASM, its value is exact; 15 frequencies are exact.

    Args:
        *args: As for ``torch.nn.MaxPool2d``.
        frequencies: 1…15, the spatial frequencies that choose the pixel; or a tensor, as for `Piecewise`.
        method: 'asm', or 'apx' for the maximum of the truncated reconstruction.
        **kwargs: As for ``torch.nn.MaxPool2d``.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "return_indices" and value:
            raise ValueError("MaxPool2d returns no indices of pixels: pool with return_indices=False")
        super().__setattr__(name, value)

    @overload
    def forward(self, x: Activation) -> Activation: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: Activation | Tensor) -> Activation | Tensor:
        """Pool.

        Args:
            x: An activation, or pixels.

        Returns:
            Its like, of the pooled extent.
        """
        return functional.max_pool2d(  # type: ignore[type-var]
            x if isinstance(x, Tensor) else self._activation(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.frequencies,
            self.method,
        )


class AvgPool2d(Layer, nn.AvgPool2d):
    """``torch.nn.AvgPool2d``, exactly: DC where one window covers the extent, J∘pool∘J̃ otherwise."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Pool.

        Args:
            x: An activation.

        Returns:
            The activation of the pooled extent.
        """
        return functional.avg_pool2d(
            self._activation(x),
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            All of them; torch's description leaves out the last three.
        """
        return (
            f"{super().extra_repr()}, ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}, "
            f"divisor_override={self.divisor_override}"
        )

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "factored", transform_cost(elements(shape), itemsize)


class AdaptiveAvgPool2d(Layer, nn.AdaptiveAvgPool2d):
    """``torch.nn.AdaptiveAvgPool2d`` to any size but 1×1 (`GlobalAvgPool2d`), exactly, as J∘pool∘J̃."""

    def forward(self, x: Activation) -> Activation:  # type: ignore[override]
        """Pool.

        Args:
            x: An activation.

        Returns:
            The activation of the output extent.
        """
        return functional.adaptive_avg_pool2d(self._activation(x), self.output_size)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "factored", transform_cost(elements(shape), itemsize)


class GlobalAvgPool2d(Layer, nn.AdaptiveAvgPool2d):
    """``torch.nn.AdaptiveAvgPool2d(1)``: reads DC and leaves the transform domain (section 4.5)."""

    returns: ClassVar[Literal["transform", "pixels"]] = "pixels"

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Activation) -> Tensor:  # type: ignore[override]
        """Average over the extent.

        Args:
            x: An activation.

        Returns:
            (n, c, 1, 1) pixels.
        """
        return functional.global_avg_pool2d(self._activation(x))

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            'DC' and the cost of reading a 64th of the coefficients.
        """
        return "DC", Cost(moved=itemsize * elements(shape) // 64, calls=1)

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            Nothing: there are none.
        """
        return ""
