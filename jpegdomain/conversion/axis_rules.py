"""Rules for calls whose form depends on where the pixel axes are: concatenations, slices, reshapes, reductions."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

from jpegdomain import functional, nn
from jpegdomain.errors import UnsupportedLayerError

from .layout import Layout, argument, constants, dimensions, first, layout, new_sizes, splits
from .options import LayerOptions
from .registry import Replacement, register_rule, register_table


def _islands(dim: Any, before: Layout) -> int:
    """How often a call along an axis applies J or J̃: never, unless it may be a pixel axis."""
    return 2 if not isinstance(dim, int) or dim % before.ndim in before.axes else 0


@register_rule(torch.cat, torch.concat)
def _cat_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.cat, transforms=_islands(argument(node, 1, "dim", 0), layout(node)))


_DIVISIONS: dict[Any, Any] = {
    **dict.fromkeys((torch.chunk, "chunk"), (functional.chunk, "input", 2)),
    **dict.fromkeys((torch.split, "split"), (functional.split, "tensor", 2)),
    **dict.fromkeys((torch.unbind, "unbind"), (functional.unbind, "input", 1)),
}
"""For each call, the function on activations, the name of its first argument, and the position of ``dim``."""


@register_table(_DIVISIONS)
def _division_call(entry: tuple[Any, str, int], node: fx.Node, _: LayerOptions) -> Replacement:
    function, name, place = entry
    return nn.Call(function, transforms=_islands(argument(node, place, "dim", 0), layout(argument(node, 0, name))))


@register_rule(F.pad)
def _pad_call(node: fx.Node, _: LayerOptions) -> Replacement:
    sides = argument(node, 1, "pad", ())
    outwards = isinstance(sides, fx.Node) or any(isinstance(side, fx.Node) or side for side in sides[:4])
    return nn.Call(functional.pad, transforms=2 if outwards else 0)


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


@register_rule(torch.flatten, "flatten")
def _flatten_call(node: fx.Node, _: LayerOptions) -> Replacement:
    ndim, axes = layout(*first(node))
    start, end = argument(node, 1, "start_dim", 0), argument(node, 2, "end_dim", -1)
    if not set(range(start % ndim, end % ndim + 1)) & set(axes):
        return nn.Call(functional.merge)
    return nn.Call(functional.flatten, returns="pixels", transforms=1)


@register_rule("view", "reshape", torch.reshape)
def _reshape_call(node: fx.Node, _: LayerOptions) -> Replacement:
    before, after = layout(*first(node)), layout(node)
    if len(new_sizes(node)) < 4:
        # Vectors, or pixels in a row: not a feature map.
        return nn.Call(functional.reshape, returns="pixels", transforms=1)
    # If the pixel axes were not side by side, they are about to be merged with others.
    apart = before.axes[1] - before.axes[0] > 1 or (before.ndim == after.ndim and before.axes != after.axes)
    return nn.Call(functional.split_axes, transforms=2 if apart else 0)


@register_rule(torch.squeeze, "squeeze")
def _squeeze_call(node: fx.Node, _: LayerOptions) -> Replacement:
    before = layout(*first(node))
    dims = argument(node, 1, "dim", before.axes)
    if {dim % before.ndim for dim in (dims if isinstance(dims, list | tuple) else (dims,))} & set(before.axes):
        return nn.Call(functional.squeeze, returns="pixels", transforms=1)
    return nn.Call(functional.squeeze)


_REDUCTIONS: dict[Any, Any] = {
    **dict.fromkeys((torch.mean, "mean"), functional.reduce_mean),
    **dict.fromkeys((torch.sum, "sum"), functional.reduce_sum),
    **dict.fromkeys((torch.amax, "amax"), functional.reduce_amax),
}


@register_table(_REDUCTIONS)
def _reduction_call(function: Any, node: fx.Node, options: LayerOptions) -> Replacement:
    before, dims = layout(*first(node)), dimensions(node)
    keepdim = argument(node, 2, "keepdim", False)
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
