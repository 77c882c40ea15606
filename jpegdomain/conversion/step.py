"""A convolution and what follows it as one call, if no gradients are recorded."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.activation import Activation
from jpegdomain.geometry import Extent
from jpegdomain.transform import affine
from jpegdomain.transform.checksums import has_checksum

from .onednn import Settings, convolve, fits, pack

__all__ = ["InferenceStep", "can_fold", "fold_batch_norm"]

_T = TypeVar("_T")


def can_fold(norm: layers.BatchNorm2d) -> bool:
    """Return whether a batch norm can go into the kernel before it: torch's own, with running statistics."""
    return type(norm) is layers.BatchNorm2d and norm.running_mean is not None


def fold_batch_norm(parts: Sequence[Any], eps: float) -> tuple[Tensor, Tensor | None]:
    """γ·(W∗x + b − E)/√(Var + ε) + β = W'∗x + b', with W' = W·γ/√(Var + ε) per output channel.

    Args:
        parts: W, b, γ, β, E, Var; missing ones are None.
        eps: ε.

    Returns:
        W' and b'; W and b themselves without a batch norm.

    """
    weight, bias, gain, offset, mean, variance = parts
    if mean is None:
        return weight, bias
    # In half precision every product would be rounded again.
    precise = torch.promote_types(weight.dtype, torch.float32)
    scale = torch.rsqrt(variance.to(precise) + eps)
    if gain is not None:
        scale = scale * gain
    mean = mean.to(precise)
    shift = -mean * scale if bias is None else (bias - mean) * scale
    if offset is not None:
        shift = shift + offset
    return (weight * scale.view(-1, 1, 1, 1)).to(weight.dtype), shift.to(weight.dtype)


class TensorCache(Generic[_T]):
    """One value made from tensors, kept as long as the key of everything that it depends on is the same."""

    def __init__(self) -> None:
        self._key: Any = None

    def get(self, key: Any, make: Callable[[], _T]) -> _T:
        """Return the value for the key, or make it, without gradients."""
        if self._key is None or key != self._key:
            with torch.inference_mode(False), torch.no_grad():
                self._value = make()
                self._key = key
        return self._value


class InferenceStep:
    """relu(norm(convolution(x)) + other) with the batch norm in the kernel; all except the convolution can be missing.

    If one of the layers is in training or approximates, they run one after the other. What is made from their
    parameters is kept while these are the same, judging by checksums, which the plan computes before each run.

    Args:
        convolution: A convolution on coefficients or on pixels.
        norm: A batch norm that can be folded, or None.
        relu: A ReLU, or None.
    """

    checksum: Any = None
    """The checksum of the tensors that kernels are made from; while it is None, unknown, nothing is kept."""

    def __init__(
        self,
        convolution: layers.Conv2d,
        norm: layers.BatchNorm2d | None = None,
        relu: layers.ReLU | layers.Hardtanh | None = None,
    ) -> None:
        self.convolution, self.norm, self.relu = convolution, norm, relu
        self._folded: TensorCache[tuple[Tensor, Tensor | None]] = TensorCache()
        self._packed: TensorCache[tuple[Tensor, Tensor | None]] = TensorCache()

    @property
    def _parts(self) -> tuple[Tensor | None, ...]:
        """W, b, γ, β, E, Var; missing ones are None."""
        conv, norm = self.convolution, self.norm
        statistics = (None,) * 4 if norm is None else (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        return (conv.weight, conv.bias, *statistics)

    def parts(self) -> list[Tensor]:
        """List the tensors that kernels are made from, if the result may be kept."""
        tensors = [part for part in self._parts if part is not None]
        return tensors if all(map(has_checksum, tensors)) else []

    def __call__(self, x: Any, other: Any = None, inplace: bool = False) -> Any:
        """Run the step on an activation or pixels; `other` is added before the ReLU, and overwritten if `inplace`."""
        conv, norm = self.convolution, self.norm
        # Without running statistics, which a user can remove, it uses the batch's.
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
        exact = self.relu is not None and self.relu.exact
        relu: bool | tuple[float, float] = exact
        if exact and isinstance(self.relu, layers.Hardtanh):
            # oneDNN cannot clamp sums.
            exact = other is None
            relu = (self.relu.min_val, self.relu.max_val) if exact else False
        if other is not None and not self._can_add(x, other):
            return self._finish(convolve(x, weight, bias, settings, relu=False), other)
        result = convolve(x, weight, bias, settings, relu=relu, other=other, inplace=inplace)
        return result if exact else self._finish(result, None)

    def _pack(self, settings: Settings, x: Tensor) -> tuple[Tensor, Tensor | None]:
        weight, bias = fold_batch_norm(self._parts, self._eps)
        return pack(weight.contiguous(), settings, x.shape), bias

    @property
    def _eps(self) -> float:
        return 0.0 if self.norm is None else self.norm.eps

    def _can_add(self, x: Tensor, other: Any) -> bool:
        output = self.convolution.window.output(Extent(*x.shape[2:]))
        shape = (x.shape[0], self.convolution.out_channels, *output)
        # With one channel or one pixel, oneDNN cannot tell the layout.
        known = self.convolution.out_channels > 1 and output != (1, 1)
        known = known and functional.adds_safely(self.convolution.out_channels, self.convolution.groups)
        return known and isinstance(other, Tensor) and tuple(other.shape) == shape and other.dtype == x.dtype

    def _weights(self) -> tuple[Tensor, Tensor | None]:
        parts, eps = self._parts, self._eps
        if self.norm is None or self.checksum is None:
            return fold_batch_norm(parts, eps)

        def make() -> tuple[Tensor, Tensor | None]:
            weight, bias = fold_batch_norm(parts, eps)
            # In the memory layout of the activations.
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
            coefficients = convolve(x.coefficients, weight, None, settings, relu=False)
            return x.replace(affine(coefficients, x.extent, None, bias, inplace=True))
        weight, bias = self._weights()
        return functional.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    def _finish(self, x: Any, other: Any) -> Any:
        if other is not None:
            x = x + other
        return x if self.relu is None else self.relu(x, inplace=not torch.is_grad_enabled())
