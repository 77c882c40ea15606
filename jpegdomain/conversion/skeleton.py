"""Copies of a model with other tensors in it: its structure without its weights, and back."""

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

__all__ = ["copy_with_tensors", "skeleton"]

_Model = TypeVar("_Model", bound=nn.Module)


def _replaced(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values, requires_grad=tensor.requires_grad)
    return values


def copy_with_tensors(model: _Model, replace: Callable[[str, Tensor], Tensor]) -> _Model:
    """Deep-copy a model, but take its parameters and buffers from elsewhere; tied ones stay tied.

    Args:
        model: Any model.
        replace: (name, tensor) → the values that take its place.

    Returns:
        The copy.
    """
    tensors = [*model.named_parameters(), *model.named_buffers()]
    # deepcopy looks an object up here before it copies it.
    memo = {id(tensor): _replaced(tensor, replace(name, tensor).detach()) for name, tensor in tensors}
    return copy.deepcopy(model, memo)


def skeleton(model: _Model) -> _Model:
    """Copy a model's structure; parameters and ``state_dict`` buffers lose their values and their memory.

    Args:
        model: Any model.

    Returns:
        The copy, its tensors on the meta device but for buffers that the ``state_dict`` leaves out.
    """
    kept = set(model.state_dict(keep_vars=True))

    def empty(name: str, tensor: Tensor) -> Tensor:
        return tensor.to("meta") if name in kept or isinstance(tensor, nn.Parameter) else tensor.clone()

    return copy_with_tensors(model, empty)
