"""Rules for linear maps over channels, and for means, sums and maxima over any axes."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError

from .arguments import argument, first
from .layout import Layout, dimensions, layout


@register_rule(spatial.Linear)
def _linear(module: spatial.Linear, _: LayerOptions) -> Replacement:
    return nn.Linear.from_spatial(module)


@register_rule(F.linear)
def _linear_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.linear)


_REDUCTIONS: dict[Any, Callable[..., Any]] = {
    "mean": functional.reduce_mean,
    torch.mean: functional.reduce_mean,
    "sum": functional.reduce_sum,
    torch.sum: functional.reduce_sum,
    "amax": functional.reduce_amax,
    torch.amax: functional.reduce_amax,
}


@register_rule(*_REDUCTIONS)
def _reduction_call(node: fx.Node, options: LayerOptions) -> Replacement:
    before, dims = layout(argument(node, 0, "input", None)), dimensions(node)
    keepdim, function = argument(node, 2, "keepdim", False), _REDUCTIONS[node.target]
    if dims is None or not isinstance(keepdim, bool):
        raise UnsupportedLayerError(f"{options.path}: the axes of a reduction must be constants")
    if function is functional.reduce_mean and before == Layout(4, (2, 3)) and dims == (2, 3):
        if keepdim:
            return nn.GlobalAvgPool2d(), first(node)
        return nn.Call(functional.channel_mean, returns="pixels"), first(node)
    taken = set(dims) & set(before.axes)
    if not taken:
        return nn.Call(function, transforms=2 * (function is functional.reduce_amax))
    stays = keepdim and len(taken) == 1
    return nn.Call(function, returns="transform" if stays else "pixels", transforms=2 if stays else 1)
