"""Rules for dropout, as modules and as calls."""

import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule

from .arguments import argument, first


@register_rule(spatial.Dropout)
def _dropout(module: spatial.Dropout, _: LayerOptions) -> Replacement:
    return nn.Dropout.from_spatial(module)


@register_rule(spatial.Dropout2d)
def _dropout2d(module: spatial.Dropout2d, _: LayerOptions) -> Replacement:
    return nn.Dropout2d.from_spatial(module)


@register_rule(F.dropout)
def _dropout_call(node: fx.Node, _: LayerOptions) -> Replacement:
    arguments = (*first(node), argument(node, 1, "p", 0.5), argument(node, 2, "training", True))
    return nn.Call(functional.dropout), arguments


@register_rule("torchvision.ops.stochastic_depth.StochasticDepth", "timm.layers.drop.DropPath")
def _stochastic_depth(module: spatial.Module, _: LayerOptions) -> Replacement:
    # One factor per image, or one for all: linear, and the same for every pixel.
    return nn.Direct(module)
