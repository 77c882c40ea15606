"""A kernel with the batch norm after it folded in, made again when anything that it came from has changed."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from jpegdomain import nn as layers

__all__ = ["Kept", "can_fold", "fold", "parts_of"]

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
    """What was made from tensors, for as long as their numbers and all else that it depends on are the same."""

    def __init__(self) -> None:
        self._key: Any = None

    def get(self, key: Any, make: Callable[[], _T]) -> _T:
        """Give what is kept, or make it.

        Args:
            key: Of all that it depends on: equal as long as that is.
            make: Makes it; without gradients.

        Returns:
            The kept value.
        """
        if self._key is None or key != self._key:
            with torch.inference_mode(False), torch.no_grad():
                self._value = make()
                self._key = key
        return self._value
