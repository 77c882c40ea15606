"""Rules for sums, products and what else is called with several feature maps."""

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule

from .arguments import argument
from .layout import layout

_CALLS: dict[Any, tuple[Callable[..., Any], int]] = {
    F.conv2d: (functional.conv2d, 2),
    F.avg_pool2d: (functional.avg_pool2d, 1),
    torch.neg: (functional.neg, 0),
    operator.neg: (functional.neg, 0),
    "neg": (functional.neg, 0),
}
"""A call → the function on activations, and how often that takes J or J̃."""

_ARITHMETIC = {
    functional.add: (operator.add, operator.iadd, torch.add, "add", "add_"),
    functional.sub: (operator.sub, operator.isub, torch.sub, "sub", "sub_"),
    functional.mul: (operator.mul, operator.imul, torch.mul, "mul", "mul_"),
    functional.div: (operator.truediv, operator.itruediv, torch.div, "div", "div_"),
}
_CALLS |= {key: (function, 0) for function, keys in _ARITHMETIC.items() for key in keys}


@register_rule(*_CALLS)
def _call(node: fx.Node, _: LayerOptions) -> Replacement:
    function, transforms = _CALLS[node.target]
    return nn.Call(function, transforms=transforms)


@register_rule(torch.cat, torch.concat)
def _cat_call(node: fx.Node, _: LayerOptions) -> Replacement:
    before, dim = layout(node), argument(node, 1, "dim", 0)
    along_pixels = not isinstance(dim, int) or dim % before.ndim in before.axes
    return nn.Call(functional.cat, transforms=2 if along_pixels else 0)
