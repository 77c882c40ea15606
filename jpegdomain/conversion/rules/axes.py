"""Rules for permuting, splitting and merging axes."""

import torch
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule

from .arguments import argument
from .layout import layout, listed


@register_rule(spatial.Flatten)
def _flatten(module: spatial.Flatten, _: LayerOptions) -> Replacement:
    return nn.Flatten.from_spatial(module)


@register_rule(torch.flatten, "flatten")
def _flatten_call(node: fx.Node, _: LayerOptions) -> Replacement:
    ndim, axes = layout(argument(node, 0, "input", None))
    start, end = argument(node, 1, "start_dim", 0), argument(node, 2, "end_dim", -1)
    if not set(range(start % ndim, end % ndim + 1)) & set(axes):
        return nn.Call(functional.merge)
    return nn.Call(functional.flatten, returns="pixels", transforms=1)


@register_rule("view", "reshape", torch.reshape)
def _reshape_call(node: fx.Node, _: LayerOptions) -> Replacement:
    sizes = listed(tuple(node.args[1:]) or tuple(node.kwargs.values())[-1:])
    before, after = layout(argument(node, 0, "input", None)), layout(node)
    if len(sizes) < 4:
        # Vectors, or pixels in a row: no feature map.
        return nn.Call(functional.reshape, returns="pixels", transforms=1)
    # Where the pixel axes were not side by side, they are about to be merged with others.
    apart = before.axes[1] - before.axes[0] > 1 or (before.ndim == after.ndim and before.axes != after.axes)
    return nn.Call(functional.split_axes, transforms=2 if apart else 0)


@register_rule(torch.permute, "permute")
def _permute_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.permute)


@register_rule(torch.transpose, torch.swapaxes, torch.swapdims, "transpose", "swapaxes", "swapdims")
def _transpose_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.transpose)


@register_rule(torch.unsqueeze, "unsqueeze")
def _unsqueeze_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.unsqueeze)


@register_rule(torch.squeeze, "squeeze")
def _squeeze_call(node: fx.Node, _: LayerOptions) -> Replacement:
    before = layout(argument(node, 0, "input", None))
    dims = listed((argument(node, 1, "dim", before.axes),))
    if {dim % before.ndim for dim in dims} & set(before.axes):
        return nn.Call(functional.squeeze, returns="pixels", transforms=1)
    return nn.Call(functional.squeeze)


@register_rule(spatial.ChannelShuffle)
def _channel_shuffle(module: spatial.ChannelShuffle, _: LayerOptions) -> Replacement:
    return nn.Direct(module)


@register_rule("contiguous", "clone", torch.clone)
def _copy_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return spatial.Identity(), (argument(node, 0, "input", None),)


@register_rule("expand")
def _expand_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.expand, returns="pixels", transforms=1)


@register_rule("expand_as")
def _expand_as_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    # Most often of one factor per channel, which has been on pixels before.
    return nn.Call(functional.expand_as, returns="pixels")
