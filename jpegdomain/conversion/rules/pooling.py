"""Rules for pooling, as modules and as calls."""

from typing import Any

import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError

from .arguments import argument, first


@register_rule(spatial.MaxPool2d)
def _max_pool(module: spatial.MaxPool2d, options: LayerOptions) -> Replacement:
    if module.return_indices:
        raise UnsupportedLayerError(f"{options.path}: MaxPool2d with return_indices has no activation")
    return nn.MaxPool2d.from_spatial(module, frequencies=options.frequencies, method=options.method)


@register_rule(spatial.AvgPool2d)
def _avg_pool(module: spatial.AvgPool2d, _: LayerOptions) -> Replacement:
    return nn.AvgPool2d.from_spatial(module)


@register_rule(spatial.AdaptiveAvgPool2d)
def _adaptive_avg_pool(module: spatial.AdaptiveAvgPool2d, _: LayerOptions) -> Replacement:
    layer = nn.GlobalAvgPool2d if _is_one(module.output_size) else nn.AdaptiveAvgPool2d
    return layer.from_spatial(module)


def _is_one(size: Any) -> bool:
    parts = size if isinstance(size, list | tuple) else (size, size)
    return all(isinstance(part, int) and part == 1 for part in parts)


@register_rule(F.max_pool2d)
def _max_pool_call(node: fx.Node, options: LayerOptions) -> Replacement:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    defaults = (None, None, 0, 1, False)
    window = [argument(node, index + 1, name, defaults[index]) for index, name in enumerate(names)]
    kernel, stride, padding, dilation, ceil_mode = window
    if any(isinstance(part, fx.Node) for part in window) or node.kwargs.get("return_indices"):
        raise UnsupportedLayerError(
            f"{options.path}: max_pool2d with a window computed at run time, or returning indices, has no rule"
        )
    layer = nn.MaxPool2d(
        kernel,
        stride,
        padding,
        dilation,
        ceil_mode=ceil_mode,
        frequencies=options.frequencies,
        method=options.method,
    )
    return layer, first(node)


@register_rule(F.adaptive_avg_pool2d)
def _adaptive_avg_pool_call(node: fx.Node, _: LayerOptions) -> Replacement:
    if _is_one(argument(node, 1, "output_size", None)):
        return nn.GlobalAvgPool2d(), first(node)
    return nn.Call(functional.adaptive_avg_pool2d, transforms=1)
