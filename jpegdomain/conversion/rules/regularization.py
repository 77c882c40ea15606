"""Rules for dropout, as modules and as calls."""

import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError

from .arguments import argument, first


@register_rule(spatial.Dropout)
def _dropout(module: spatial.Dropout, _: LayerOptions) -> Replacement:
    return nn.Dropout.from_spatial(module)


@register_rule(spatial.Dropout2d)
def _dropout2d(module: spatial.Dropout2d, _: LayerOptions) -> Replacement:
    return nn.Dropout2d.from_spatial(module)


@register_rule(F.dropout)
def _dropout_call(node: fx.Node, options: LayerOptions) -> Replacement:
    # Traced in eval: a flag that is on there never goes off.
    if argument(node, 2, "training", True):
        raise UnsupportedLayerError(
            f"{options.path}: this dropout stays on in eval; pass training=self.training, or use torch.nn.Dropout"
        )
    return nn.Dropout(argument(node, 1, "p", 0.5)), first(node)


@register_rule("torchvision.ops.stochastic_depth.StochasticDepth", "timm.layers.drop.DropPath")
def _stochastic_depth(module: spatial.Module, _: LayerOptions) -> Replacement:
    # One factor per image, or one for all: linear, and the same for every pixel.
    return nn.Direct(module)
