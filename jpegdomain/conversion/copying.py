"""Deep copies of a model that keep its modes, or have other tensors."""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["copied", "copy_with_tensors"]

_Model = TypeVar("_Model", bound=nn.Module)


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
    """Deep-copy a model with each tensor replaced by `replace` of it, by default without forward hooks."""

    def replaced(tensor: Tensor) -> Tensor:
        values = replace(tensor.detach())
        if values.is_inference() and not torch.is_inference_mode_enabled():
            # A tensor that was made in inference mode cannot be a parameter outside it.
            values = values.clone()
        return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values

    # deepcopy looks up an object here before it copies it, so tied tensors stay tied.
    memo = {id(tensor): replaced(tensor) for tensor in (*model.parameters(), *model.buffers())}
    own = copy.deepcopy(model, memo)
    for module in () if hooks else own.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return own
