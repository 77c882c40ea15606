"""A convolution and what follows it as one call, while no gradients are recorded."""

from typing import Any

import torch
from torch import Tensor

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.activation import Activation
from jpegdomain.geometry import Extent
from jpegdomain.transform.checksums import has_checksum

from .folded import Kept, fold, parts_of
from .packed import Settings, convolve, fits, pack

__all__ = ["InferenceStep"]


class InferenceStep:
    """relu(norm(convolution(x)) + other) with the batch norm in the kernel; all but the convolution can be missing.

    Runs the layers one after the other where one of them is in training or approximates. What is made of their
    parameters is kept while these are the same: their checksums tell, which the plan computes before each run.

    Args:
        convolution: On coefficients or on pixels.
        norm: That can be folded, or None.
        relu: Or None; `layers.Hardtanh` and ReLU6, too.
    """

    checksum: Any = None
    """Of the tensors that kernels are made of; None while nobody knows, then nothing is kept."""

    def __init__(
        self,
        convolution: layers.Conv2d,
        norm: layers.BatchNorm2d | None = None,
        relu: layers.ReLU | layers.Hardtanh | None = None,
    ) -> None:
        self.convolution, self.norm, self.relu = convolution, norm, relu
        self._folded: Kept[tuple[Tensor, Tensor | None]] = Kept()
        self._packed: Kept[tuple[Tensor, Tensor | None]] = Kept()

    def parts(self) -> list[Tensor]:
        """List the tensors that kernels are made of, if anything may be kept of them."""
        tensors = [part for part in parts_of(self.convolution, self.norm) if part is not None]
        return tensors if all(map(has_checksum, tensors)) else []

    def __call__(self, x: Any, other: Any = None, inplace: bool = False) -> Any:
        """Run the step.

        Args:
            x: An activation, or pixels.
            other: Pixels, or a number, to be added before the ReLU; or None.
            inplace: Whether `other` may be written over.

        Returns:
            The like.
        """
        conv, norm = self.convolution, self.norm
        # Without running statistics, of which a user can rid it, it takes the batch's own.
        if norm is not None and (norm.training or norm.running_mean is None or self.checksum is None):
            return self._finish(norm(conv(x)), other)
        if isinstance(x, Activation):
            return self._finish(self._on_coefficients(x), other)
        zeros = conv.window.symmetric_padding if conv.padding_mode == "zeros" else None
        if zeros is None or self.checksum is None or not fits(x, conv.weight):
            return self._finish(self._plain(x), other)
        dilation = functional.own_dilation(conv.kernel_size, conv.dilation)
        settings = (list(zeros), list(conv.window.stride), list(dilation), conv.groups)
        weight, bias = self._packed.get((self.checksum, self._eps, settings), lambda: self._pack(settings, x))
        exact = self.relu is not None and not isinstance(self.relu.frequencies, Tensor) and self.relu.frequencies == 15
        relu: bool | tuple[float, float] = exact
        if exact and isinstance(self.relu, layers.Hardtanh):
            # Only without a sum.
            relu = exact = other is None and (self.relu.min_val, self.relu.max_val)
        if other is not None and not self._can_add(x, other):
            return self._finish(convolve(x, weight, bias, settings, relu=False), other)
        result = convolve(x, weight, bias, settings, relu=relu, other=other, inplace=inplace)
        return result if exact else self._finish(result, None)

    def _pack(self, settings: Settings, x: Tensor) -> tuple[Tensor, Tensor | None]:
        weight, bias = fold(parts_of(self.convolution, self.norm), self._eps)
        return pack(weight.contiguous(), settings, x.shape), bias

    @property
    def _eps(self) -> float:
        return 0.0 if self.norm is None else self.norm.eps

    def _can_add(self, x: Tensor, other: Any) -> bool:
        output = self.convolution.window.output(Extent(*x.shape[2:]))
        shape = (x.shape[0], self.convolution.out_channels, *output)
        # Of one channel or one pixel, oneDNN does not know the layout.
        known = self.convolution.out_channels > 1 and output != (1, 1)
        known = known and functional.adds_safely(self.convolution.out_channels, self.convolution.groups)
        return known and isinstance(other, Tensor) and tuple(other.shape) == shape and other.dtype == x.dtype

    def _weights(self) -> tuple[Tensor, Tensor | None]:
        parts, eps = parts_of(self.convolution, self.norm), self._eps
        if self.norm is None or self.checksum is None:
            return fold(parts, eps)

        def make() -> tuple[Tensor, Tensor | None]:
            weight, bias = fold(parts, eps)
            # As the activations lie that it meets.
            return weight.contiguous(memory_format=torch.channels_last), bias

        return self._folded.get((self.checksum, eps), make)

    def _plain(self, x: Tensor) -> Tensor:
        return self.convolution._conv_forward(x, *self._weights())

    def _on_coefficients(self, x: Activation) -> Activation:
        conv, norm = self.convolution, self.norm
        if conv.chosen_form(len(x), x.extent) != "factored":
            return conv(x) if norm is None else norm(conv(x))
        if conv.padding_mode != "zeros":
            return functional.encode(self._plain(functional.decode(x)))
        if conv.window.pointwise and self.checksum is not None and fits(x.coefficients, conv.weight):
            settings = [0, 0], [1, 1], [1, 1], conv.groups
            weight, bias = self._packed.get((self.checksum, self._eps), lambda: self._pack(settings, x.coefficients))
            result = x.replace(convolve(x.coefficients, weight, None, settings, relu=False))
            return result if bias is None else functional.add(result, bias.view(-1, 1, 1), inplace=True)
        weight, bias = self._weights()
        return functional.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    def _finish(self, x: Any, other: Any) -> Any:
        if other is not None:
            x = x + other
        return x if self.relu is None else self.relu(x, inplace=not torch.is_grad_enabled())
