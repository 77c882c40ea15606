"""A kernel with the batch norm after it folded in, made again when anything that it came from has changed."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from jpegdomain import nn as layers

__all__ = ["Kept", "can_fold", "fold", "parts_of"]

_SAMPLES = 8
"""Numbers of a tensor that are compared with those that were folded."""

_T = TypeVar("_T")


def can_fold(norm: layers.BatchNorm2d) -> bool:
    """Say whether a batch norm can go into the kernel before it.

    Args:
        norm: The batch norm.

    Returns:
        Whether it is torch's own, and has running statistics.
    """
    return type(norm) is layers.BatchNorm2d and norm.running_mean is not None


def parts_of(convolution: layers.Conv2d, norm: layers.BatchNorm2d | None) -> tuple[Tensor | None, ...]:
    """List the tensors that a folded kernel comes from.

    Args:
        convolution: With W and b.
        norm: With γ, β, E and Var, or None.

    Returns:
        W, b, γ, β, E, Var; those that there are not are None.
    """
    statistics = (None,) * 4 if norm is None else (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (convolution.weight, convolution.bias, *statistics)


def fold(parts: Sequence[Any], eps: float) -> tuple[Tensor, Tensor | None]:
    """γ·(W∗x + b − E)/√(Var + ε) + β = W'∗x + b', with W' = W·γ/√(Var + ε) per output channel.

    Args:
        parts: From `parts_of`.
        eps: ε.

    Returns:
        W' and b'; W and b themselves without a batch norm.
    """
    weight, bias, gain, offset, mean, variance = parts
    if mean is None:
        return weight, bias
    # In half precision every product would round again.
    precise = torch.promote_types(weight.dtype, torch.float32)
    scale = torch.rsqrt(variance.to(precise) + eps)
    if gain is not None:
        scale = scale * gain
    mean = mean.to(precise)
    shift = -mean * scale if bias is None else (bias - mean) * scale
    if offset is not None:
        shift = shift + offset
    return (weight * scale.view(-1, 1, 1, 1)).to(weight.dtype), shift.to(weight.dtype)


class Kept(Generic[_T]):
    """What was made from tensors, for as long as they are the same.

    They are no longer when one is another tensor, lies elsewhere, or was written to: by torch's count of writes, and
    by a sample of its numbers, since writes through ``.data`` are not counted. A write through ``.data`` to a few
    numbers of a tensor can go unnoticed.
    """

    def __init__(self) -> None:
        self._parts: Sequence[Tensor | None] | None = None

    def get(self, parts: Sequence[Tensor | None], settings: Any, make: Callable[[], _T]) -> _T:
        """Give what is kept, or make it.

        Args:
            parts: The tensors that it comes from.
            settings: Anything else that it depends on.
            make: Makes it; without gradients.

        Returns:
            The kept value.
        """
        tensors = [part for part in parts if part is not None]
        if any(tensor.is_inference() for tensor in tensors):
            # Nobody counts what is written to them.
            with torch.no_grad():
                return make()
        if self._parts is None or not self._holds(parts, tensors, settings):
            with torch.inference_mode(False), torch.no_grad():
                self._value = make()
                self._samples = [_sample(tensor).clone() for tensor in tensors]
                self._parts, self._state = parts, _state(tensors, settings)
        return self._value

    def _holds(self, parts: Sequence[Tensor | None], tensors: Sequence[Tensor], settings: Any) -> bool:
        assert self._parts is not None
        same = all(map(operator.is_, parts, self._parts)) and self._state == _state(tensors, settings)
        return same and all(map(torch.equal, self._samples, map(_sample, tensors)))


def _state(tensors: Sequence[Tensor], settings: Any) -> tuple[Any, ...]:
    return (settings, *((tensor.data_ptr(), tensor._version) for tensor in tensors))


def _sample(tensor: Tensor) -> Tensor:
    # An expanded tensor has more numbers than memory.
    held = tensor.untyped_storage().nbytes() // tensor.element_size() - int(tensor.storage_offset())
    if tensor.numel() <= _SAMPLES or held < tensor.numel():
        return tensor.detach()
    return tensor.detach().as_strided((_SAMPLES,), (tensor.numel() // _SAMPLES,))
