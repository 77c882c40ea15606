"""The rules that come with the package: what each of torch's layers becomes on activations."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.errors import UnsupportedLayerError
from jpegdomain.geometry import pair

from .options import LayerOptions
from .registry import Replacement, register_rule

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
    return not isinstance(size, fx.Node) and size is not None and tuple(pair(size)) == (1, 1)


# Functions and tensor methods -------------------------------------------------------------------------------------


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


@register_rule(F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_")
def _relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU(frequencies=options.frequencies, method=options.method), node.args[:1]


@register_rule(F.relu6)
def _relu6_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU6(frequencies=options.frequencies, method=options.method), node.args[:1]


@register_rule(F.hardtanh)
def _hardtanh_call(node: fx.Node, options: LayerOptions) -> Replacement:
    low, high = _argument(node, 1, "min_val", -1.0), _argument(node, 2, "max_val", 1.0)
    layer = nn.Hardtanh(low, high, frequencies=options.frequencies, method=options.method)
    return layer, node.args[:1]


@register_rule(F.leaky_relu)
def _leaky_relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    slope = _argument(node, 1, "negative_slope", 0.01)
    layer = nn.LeakyReLU(slope, frequencies=options.frequencies, method=options.method)
    return layer, node.args[:1]


@register_rule(F.hardsigmoid)
def _hardsigmoid_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.Hardsigmoid(frequencies=options.frequencies, method=options.method), node.args[:1]


_POINTWISE_CALLS: dict[Any, type[spatial.Module]] = {
    F.silu: spatial.SiLU,
    F.hardswish: spatial.Hardswish,
    F.mish: spatial.Mish,
    F.selu: spatial.SELU,
    F.sigmoid: spatial.Sigmoid,
    torch.sigmoid: spatial.Sigmoid,
    "sigmoid": spatial.Sigmoid,
    F.tanh: spatial.Tanh,
    torch.tanh: spatial.Tanh,
    "tanh": spatial.Tanh,
}


@register_rule(*_POINTWISE_CALLS)
def _pointwise_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Pointwise(_POINTWISE_CALLS[node.target]()), node.args[:1]


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
    return layer, node.args[:1]


@register_rule(F.adaptive_avg_pool2d)
def _adaptive_avg_pool_call(node: fx.Node, _: LayerOptions) -> Replacement:
    if _is_one(_argument(node, 1, "output_size", None)):
        return nn.GlobalAvgPool2d(), node.args[:1]
    return nn.Call(functional.adaptive_avg_pool2d)


@register_rule("mean", torch.mean)
def _mean_call(node: fx.Node, options: LayerOptions) -> Replacement:
    dims = _argument(node, 1, "dim", None)
    if not isinstance(dims, list | tuple) or sorted(dim % 4 for dim in dims) != [2, 3]:
        raise UnsupportedLayerError(f"{options.path}: mean is converted over the pixels, dim=(2, 3), only")
    if _argument(node, 2, "keepdim", False):
        return nn.GlobalAvgPool2d(), node.args[:1]
    return nn.Call(functional.channel_mean, returns="pixels"), node.args[:1]


@register_rule(F.dropout)
def _dropout_call(node: fx.Node, _: LayerOptions) -> Replacement:
    # The traced ``training`` flag was that of eval: a module follows the model's mode.
    return nn.Dropout(_argument(node, 1, "p", 0.5)), node.args[:1]


_CALLS: dict[Any, Any] = {
    F.conv2d: functional.conv2d,
    F.avg_pool2d: functional.avg_pool2d,
    F.batch_norm: functional.batch_norm,
    F.pad: functional.pad,
    operator.add: functional.add,
    torch.add: functional.add,
    "add": functional.add,
    "add_": functional.add,
    operator.mul: functional.mul,
    torch.mul: functional.mul,
    "mul": functional.mul,
    "mul_": functional.mul,
    operator.getitem: functional.getitem,
    torch.cat: functional.cat,
    torch.concat: functional.cat,
}


@register_rule(*_CALLS)
def _call(node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(_CALLS[node.target])


@register_rule(torch.flatten, "flatten")
def _flatten_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.flatten, returns="pixels")


@register_rule("view", "reshape", torch.reshape)
def _reshape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.reshape, returns="pixels")


@register_rule("contiguous")
def _contiguous_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return spatial.Identity(), node.args[:1]


@register_rule("size", "dim")
def _shape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return None


@register_rule(getattr)
def _attribute(node: fx.Node, options: LayerOptions) -> Replacement:
    if node.args[1] not in {"shape", "ndim", "dtype", "device"}:
        raise UnsupportedLayerError(f"{options.path}: an activation has no attribute {node.args[1]!r}")
    return None
