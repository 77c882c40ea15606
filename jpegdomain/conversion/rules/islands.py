"""Rules for what has no closed form in the transform domain, as modules and as calls: islands J∘f∘J̃."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError


@register_rule(
    spatial.AdaptiveMaxPool2d,
    spatial.CircularPad2d,
    spatial.ConstantPad2d,
    spatial.ConvTranspose2d,
    spatial.GLU,
    spatial.LogSoftmax,
    spatial.LPPool2d,
    spatial.PixelShuffle,
    spatial.PixelUnshuffle,
    spatial.ReflectionPad2d,
    spatial.ReplicationPad2d,
    spatial.Softmax,
    spatial.Upsample,
    spatial.ZeroPad2d,
)
def _island(module: spatial.Module, options: LayerOptions) -> Replacement:
    if getattr(module, "return_indices", False):
        raise UnsupportedLayerError(
            f"{options.path}: {type(module).__name__} with return_indices has no activation; pool without indices"
        )
    return nn.Island(module)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    F.adaptive_max_pool2d: F.adaptive_max_pool2d,
    F.channel_shuffle: F.channel_shuffle,
    F.conv_transpose2d: F.conv_transpose2d,
    F.glu: F.glu,
    F.interpolate: F.interpolate,
    F.log_softmax: F.log_softmax,
    F.lp_pool2d: F.lp_pool2d,
    F.normalize: F.normalize,
    F.pixel_shuffle: F.pixel_shuffle,
    F.pixel_unshuffle: F.pixel_unshuffle,
    F.softmax: F.softmax,
    torch.log_softmax: F.log_softmax,
    torch.softmax: F.softmax,
    "log_softmax": F.log_softmax,
    "softmax": F.softmax,
}


@register_rule(*_FUNCTIONS)
def _island_call(node: fx.Node, options: LayerOptions) -> Replacement:
    if node.kwargs.get("return_indices"):
        raise UnsupportedLayerError(f"{options.path}: indices of pixels have no activation; pool without them")
    return nn.IslandCall(_FUNCTIONS[node.target])
