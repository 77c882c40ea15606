"""Deep copies of a model with other tensors in them: on the meta device, or beside the model's own."""

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

__all__ = ["copy_with_tensors"]

_Model = TypeVar("_Model", bound=nn.Module)


def _replaced(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values, requires_grad=tensor.requires_grad)
    return values


def copy_with_tensors(model: _Model, replace: Callable[[Tensor], Tensor]) -> _Model:
    """Deep-copy a model without its hooks, but take its parameters and buffers from elsewhere; tied ones stay tied.

    Args:
        model: Any model.
        replace: Tensor → the values that take its place.

    Returns:
        The copy.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # deepcopy looks an object up here before it copies it.
    memo = {id(tensor): _replaced(tensor, replace(tensor.detach())) for tensor in tensors}
    copied = copy.deepcopy(model, memo)
    for module in copied.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return copied
