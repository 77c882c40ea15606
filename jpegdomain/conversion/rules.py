"""The rules that come with the package: what each of torch's layers becomes on activations."""

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.errors import UnsupportedLayerError

from .options import LayerOptions
from .registry import AS_IT_IS, Replacement, register_rule

# Modules with parameters or options of their own ------------------------------------------------------------------


@register_rule(spatial.Conv2d)
def _conv(module: spatial.Conv2d, options: LayerOptions) -> Replacement:
    return nn.Conv2d.from_spatial(module, form=options.form)


@register_rule(spatial.BatchNorm2d)
def _batch_norm(module: spatial.BatchNorm2d, _: LayerOptions) -> Replacement:
    return nn.BatchNorm2d.from_spatial(module)


_PIECEWISE: dict[type[spatial.Module], type[nn.Layer]] = {
    spatial.ReLU: nn.ReLU,
    spatial.ReLU6: nn.ReLU6,
    spatial.Hardtanh: nn.Hardtanh,
    spatial.LeakyReLU: nn.LeakyReLU,
    spatial.PReLU: nn.PReLU,
    spatial.RReLU: nn.RReLU,
    spatial.Threshold: nn.Threshold,
    spatial.Hardshrink: nn.Hardshrink,
    spatial.Softshrink: nn.Softshrink,
    spatial.Hardsigmoid: nn.Hardsigmoid,
}


@register_rule(*_PIECEWISE)
def _piecewise(module: spatial.Module, options: LayerOptions) -> Replacement:
    layer = next(_PIECEWISE[base] for base in type(module).__mro__ if base in _PIECEWISE)
    return layer.from_spatial(module, frequencies=options.frequencies, method=options.method)


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
)
def _pointwise(module: spatial.Module, _: LayerOptions) -> Replacement:
    return nn.Pointwise(module)


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


@register_rule(spatial.Dropout)
def _dropout(module: spatial.Dropout, _: LayerOptions) -> Replacement:
    return nn.Dropout.from_spatial(module)


@register_rule(spatial.Dropout2d)
def _dropout2d(module: spatial.Dropout2d, _: LayerOptions) -> Replacement:
    return nn.Dropout2d.from_spatial(module)


@register_rule(spatial.Flatten)
def _flatten(module: spatial.Flatten, _: LayerOptions) -> Replacement:
    return nn.Flatten.from_spatial(module)


@register_rule(spatial.Identity)
def _identity(module: spatial.Identity, _: LayerOptions) -> Replacement:
    return module


def _is_one(size: Any) -> bool:
    parts = size if isinstance(size, list | tuple) else (size, size)
    return all(isinstance(part, int) and part == 1 for part in parts)


# Functions and tensor methods -------------------------------------------------------------------------------------


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _input(node: fx.Node) -> tuple[Any, ...]:
    return (_argument(node, 0, "input", None),)


@register_rule(F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_")
def _relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU(frequencies=options.frequencies, method=options.method), _input(node)


@register_rule(F.relu6)
def _relu6_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU6(frequencies=options.frequencies, method=options.method), _input(node)


@register_rule(F.hardtanh, F.hardtanh_)
def _hardtanh_call(node: fx.Node, options: LayerOptions) -> Replacement:
    low, high = _argument(node, 1, "min_val", -1.0), _argument(node, 2, "max_val", 1.0)
    layer = nn.Hardtanh(low, high, frequencies=options.frequencies, method=options.method)
    return layer, _input(node)


@register_rule(F.leaky_relu, F.leaky_relu_)
def _leaky_relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    slope = _argument(node, 1, "negative_slope", 0.01)
    layer = nn.LeakyReLU(slope, frequencies=options.frequencies, method=options.method)
    return layer, _input(node)


@register_rule(F.hardsigmoid)
def _hardsigmoid_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.Hardsigmoid(frequencies=options.frequencies, method=options.method), _input(node)


@register_rule(F.threshold)
def _threshold_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge, value = _argument(node, 1, "threshold", None), _argument(node, 2, "value", None)
    layer = nn.Threshold(edge, value, frequencies=options.frequencies, method=options.method)
    return layer, _input(node)


@register_rule(F.hardshrink)
def _hardshrink_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge = _argument(node, 1, "lambd", 0.5)
    return nn.Hardshrink(edge, frequencies=options.frequencies, method=options.method), _input(node)


@register_rule(F.softshrink)
def _softshrink_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge = _argument(node, 1, "lambd", 0.5)
    return nn.Softshrink(edge, frequencies=options.frequencies, method=options.method), _input(node)


@register_rule(torch.clamp, "clamp", "clamp_")
def _clamp_call(node: fx.Node, options: LayerOptions) -> Replacement:
    low, high = (_argument(node, place, name, None) for place, name in ((1, "min"), (2, "max")))
    if not all(isinstance(bound, int | float | None) for bound in (low, high)):
        raise UnsupportedLayerError(f"{options.path}: clamp is converted for numbers as bounds only")
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    layer = nn.Hardtanh(low, high, frequencies=options.frequencies, method=options.method)
    return layer, _input(node)


_PIXEL_FUNCTIONS: dict[Any, Any] = {
    function: function
    for function in (
        F.celu,
        F.elu,
        F.gelu,
        F.hardswish,
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
    return nn.Pointwise(nn.PixelFunction(function, *node.args[1:], **keywords)), _input(node)


@register_rule(F.max_pool2d)
def _max_pool_call(node: fx.Node, options: LayerOptions) -> Replacement:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    defaults = (None, None, 0, 1, False)
    window = [_argument(node, index + 1, name, defaults[index]) for index, name in enumerate(names)]
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
    return layer, _input(node)


@register_rule(F.adaptive_avg_pool2d)
def _adaptive_avg_pool_call(node: fx.Node, _: LayerOptions) -> Replacement:
    if _is_one(_argument(node, 1, "output_size", None)):
        return nn.GlobalAvgPool2d(), _input(node)
    return nn.Call(functional.adaptive_avg_pool2d, transforms=1)


@register_rule("mean", torch.mean)
def _mean_call(node: fx.Node, options: LayerOptions) -> Replacement:
    dims = _argument(node, 1, "dim", None)
    if not isinstance(dims, list | tuple) or sorted(dim % 4 for dim in dims) != [2, 3]:
        raise UnsupportedLayerError(f"{options.path}: mean is converted over the pixels, dim=(2, 3), only")
    if _argument(node, 2, "keepdim", False):
        return nn.GlobalAvgPool2d(), _input(node)
    return nn.Call(functional.channel_mean, returns="pixels"), _input(node)


@register_rule(F.dropout)
def _dropout_call(node: fx.Node, options: LayerOptions) -> Replacement:
    # Traced in eval: a flag that is on there never goes off.
    if _argument(node, 2, "training", True):
        raise UnsupportedLayerError(
            f"{options.path}: this dropout stays on in eval; pass training=self.training, or use torch.nn.Dropout"
        )
    return nn.Dropout(_argument(node, 1, "p", 0.5)), _input(node)


_CALLS: dict[Any, tuple[Callable[..., Any], int]] = {
    F.conv2d: (functional.conv2d, 2),
    F.avg_pool2d: (functional.avg_pool2d, 1),
    F.batch_norm: (functional.batch_norm, 0),
    torch.cat: (functional.cat, 0),
    torch.concat: (functional.cat, 0),
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


@register_rule(operator.getitem)
def _getitem_call(node: fx.Node, _: LayerOptions) -> Replacement:
    index: Any = node.args[1]
    direct = not isinstance(index, fx.Node) and functional.keeps_blocks(index)
    return nn.Call(functional.getitem, transforms=0 if direct else 2)


@register_rule(F.pad)
def _pad_call(node: fx.Node, _: LayerOptions) -> Replacement:
    sides = _argument(node, 1, "pad", ())
    outwards = isinstance(sides, fx.Node) or any(isinstance(side, fx.Node) or side for side in sides[:4])
    return nn.Call(functional.pad, transforms=2 if outwards else 0)


@register_rule(torch.flatten, "flatten")
def _flatten_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.flatten, returns="pixels", transforms=1)


@register_rule("view", "reshape", torch.reshape)
def _reshape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.reshape, returns="pixels", transforms=1)


@register_rule("contiguous")
def _contiguous_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return spatial.Identity(), _input(node)


@register_rule("size", "dim")
def _shape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return AS_IT_IS


@register_rule(getattr)
def _attribute(node: fx.Node, options: LayerOptions) -> Replacement:
    if node.args[1] not in {"shape", "ndim", "dtype", "device"}:
        raise UnsupportedLayerError(f"{options.path}: an activation has no attribute {node.args[1]!r}")
    return AS_IT_IS
