"""Rules for what takes feature maps apart, puts them together, and asks for their shape."""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import AS_IT_IS, Key, Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError

from .arguments import argument, constants
from .layout import layout, splits


@register_rule(spatial.Identity)
def _identity(module: spatial.Identity, _: LayerOptions) -> Replacement:
    return module


@register_rule(operator.getitem)
def _getitem_call(node: fx.Node, _: LayerOptions) -> Replacement:
    index: Any = node.args[1]
    if splits(node.args[0]):
        return nn.Call(operator.getitem)
    before = layout(node.args[0])
    if not constants(index):
        return nn.Call(functional.getitem, transforms=2)
    if functional.takes_pixels(index, *before):
        return nn.Call(functional.pixel_index, returns="pixels", transforms=1)
    return nn.Call(functional.getitem, transforms=0 if functional.kept_axes(index, *before) else 2)


_DIVISIONS: dict[Callable[..., Any], tuple[Key, ...]] = {
    functional.chunk: (torch.chunk, "chunk"),
    functional.split: (torch.split, "split"),
    functional.unbind: (torch.unbind, "unbind"),
}


@register_rule(*(key for keys in _DIVISIONS.values() for key in keys))
def _division_call(node: fx.Node, _: LayerOptions) -> Replacement:
    function = next(function for function, keys in _DIVISIONS.items() if node.target in keys)
    before = layout(argument(node, 0, "tensor" if function is functional.split else "input", None))
    dim = argument(node, 1 if function is functional.unbind else 2, "dim", 0)
    along_pixels = not isinstance(dim, int) or dim % before.ndim in before.axes
    return nn.Call(function, transforms=2 if along_pixels else 0)


@register_rule(torch.stack)
def _stack_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.stack)


@register_rule(F.pad)
def _pad_call(node: fx.Node, _: LayerOptions) -> Replacement:
    sides = argument(node, 1, "pad", ())
    outwards = isinstance(sides, fx.Node) or any(isinstance(side, fx.Node) or side for side in sides[:4])
    return nn.Call(functional.pad, transforms=2 if outwards else 0)


@register_rule("size", "dim")
def _shape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return AS_IT_IS


@register_rule(getattr)
def _attribute(node: fx.Node, options: LayerOptions) -> Replacement:
    if node.args[1] not in {"shape", "ndim", "dtype", "device"}:
        raise UnsupportedLayerError(f"{options.path}: an activation has no attribute {node.args[1]!r}")
    return AS_IT_IS
