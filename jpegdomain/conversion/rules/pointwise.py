"""Rules for the other functions of single pixels, as modules and as calls: islands J∘f∘J̃."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError

from .arguments import first


@register_rule(
    spatial.CELU,
    spatial.ELU,
    spatial.GELU,
    spatial.Hardswish,
    spatial.LogSigmoid,
    spatial.Mish,
    spatial.SELU,
    spatial.SiLU,
    spatial.Sigmoid,
    spatial.Softplus,
    spatial.Softsign,
    spatial.Tanh,
    spatial.Tanhshrink,
    spatial.AlphaDropout,
    spatial.Softmax2d,
)
def _pointwise(module: spatial.Module, _: LayerOptions) -> Replacement:
    return nn.Pointwise(module)


_PIXEL_FUNCTIONS: dict[Any, Any] = {
    function: function
    for function in (
        F.celu,
        F.elu,
        F.gelu,
        F.hardswish,
        F.local_response_norm,
        F.logsigmoid,
        F.mish,
        F.selu,
        F.silu,
        F.softplus,
        F.softsign,
        F.tanhshrink,
        torch.abs,
        torch.exp,
        torch.pow,
        torch.sigmoid,
        torch.sqrt,
        torch.tanh,
        operator.pow,
    )
} | {
    F.sigmoid: torch.sigmoid,
    F.tanh: torch.tanh,
    "abs": torch.abs,
    "exp": torch.exp,
    "pow": torch.pow,
    "sigmoid": torch.sigmoid,
    "sigmoid_": torch.sigmoid,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tanh": torch.tanh,
    "tanh_": torch.tanh,
}


@register_rule(*_PIXEL_FUNCTIONS)
def _pixel_function_call(node: fx.Node, options: LayerOptions) -> Replacement:
    keywords = {name: value for name, value in node.kwargs.items() if name not in {"input", "inplace"}}
    if any(isinstance(value, fx.Node) for value in (*node.args[1:], *keywords.values())):
        raise UnsupportedLayerError(f"{options.path}: its further arguments must be constants")
    function = _PIXEL_FUNCTIONS[node.target]
    return nn.Pointwise(nn.PixelFunction(function, *node.args[1:], **keywords)), first(node)
