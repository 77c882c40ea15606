"""Deep copies of a model with other tensors in them: on the meta device, or beside the model's own."""

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

__all__ = ["copied", "copy_with_tensors"]

_Model = TypeVar("_Model", bound=nn.Module)


def _replaced(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values, requires_grad=tensor.requires_grad)
    return values


def copied(model: _Model) -> _Model:
    """Deep-copy a model with its modules' modes, which torchvision's feature extractors lose."""
    own = copy.deepcopy(model)
    modes = {path: module.training for path, module in model.named_modules()}
    if own.training != model.training:
        own.train(model.training)
    for path, module in own.named_modules():
        module.training = modes.get(path, module.training)
    return own


def copy_with_tensors(model: _Model, replace: Callable[[Tensor], Tensor], hooks: bool = False) -> _Model:
    """Deep-copy a model, but take its parameters and buffers from elsewhere; tied ones stay tied.

    Args:
        model: Any model.
        replace: Tensor → the values that take its place.
        hooks: Whether the copy has the model's forward hooks.

    Returns:
        The copy.
    """
    tensors = [*model.parameters(), *model.buffers()]
    # deepcopy looks an object up here before it copies it.
    memo = {id(tensor): _replaced(tensor, replace(tensor.detach())) for tensor in tensors}
    own = copy.deepcopy(model, memo)
    for module in () if hooks else own.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return own
