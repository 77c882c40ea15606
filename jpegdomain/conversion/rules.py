"""What torch's modules, functions and methods become on activations with any axes: tables and their rules."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.errors import UnsupportedLayerError
from jpegdomain.nn.activation import APPROXIMATED_CALLS, PIECEWISE, ApproximatedCall
from jpegdomain.nn.normalization import elementwise_layer

from . import axis_rules  # noqa: F401  (fills the registry)
from .layout import MOVES, argument, constants, first
from .options import LayerOptions
from .registry import AS_IT_IS, Replacement, find_module_rule, register_rule, register_table

_LAYERS: dict[Any, type[nn.Layer]] = {
    getattr(spatial, kind.__name__): kind
    for kind in (
        *(nn.Conv2d, nn.Linear, nn.Flatten, nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d),
        *(nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d),
    )
}
"""For each module class, the layer that shares the module's state."""

_HOLDERS: dict[type[nn.Layer], str] = {
    nn.Pointwise: "CELU ELU GELU Hardswish LogSigmoid Mish SELU SiLU Sigmoid Softplus Softsign Tanh Tanhshrink "
    "AlphaDropout LocalResponseNorm Softmax2d",
    nn.Island: "AdaptiveMaxPool2d CircularPad2d ConstantPad2d ConvTranspose2d GLU LayerNorm LogSoftmax LPPool2d "
    "PixelShuffle PixelUnshuffle ReflectionPad2d ReplicationPad2d Softmax Upsample ZeroPad2d",
    # One factor per image, or one for all, is linear, and the same for every pixel.
    nn.Direct: "ChannelShuffle torchvision.ops.stochastic_depth.StochasticDepth timm.layers.drop.DropPath",
}
"""For each layer that holds a module and runs it unchanged, the module classes, torch's or by dotted names."""

_HELD: dict[Any, Any] = {spatial.Identity: lambda module: module} | {
    getattr(spatial, name, name): holder for holder, names in _HOLDERS.items() for name in names.split()
}


def _themselves(place: Any, names: str) -> dict[Any, Any]:
    """Functions of a module that stand for themselves in the tables below."""
    return {getattr(place, name): getattr(place, name) for name in names.split()}


_PIXEL_FUNCTIONS: dict[Any, Any] = {
    **_themselves(
        F, "celu elu gelu hardswish local_response_norm logsigmoid mish selu silu softplus softsign tanhshrink"
    ),
    **_themselves(torch, "abs exp pow sigmoid sqrt tanh"),
    **_themselves(operator, "pow"),
    **{function.__name__: function for function in (torch.abs, torch.exp, torch.pow, torch.sqrt, torch.square)},
    **dict.fromkeys((F.sigmoid, "sigmoid", "sigmoid_"), torch.sigmoid),
    **dict.fromkeys((F.tanh, "tanh", "tanh_"), torch.tanh),
}
"""For each call of a function of single pixels, that function: an island J∘f∘J̃."""

_ISLANDS: dict[Any, Any] = {
    **_themselves(F, "adaptive_max_pool2d channel_shuffle conv_transpose2d glu interpolate lp_pool2d normalize"),
    **_themselves(F, "pixel_shuffle pixel_unshuffle"),
    **dict.fromkeys((F.softmax, torch.softmax, "softmax"), F.softmax),
    **dict.fromkeys((F.log_softmax, torch.log_softmax, "log_softmax"), F.log_softmax),
}
"""For each call of a function of feature maps without closed form, that function: an island J∘f∘J̃."""

_CALLS: dict[Any, tuple[Any, ...]] = {
    **{key: (function,) for key, function in MOVES.items()},
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), (functional.add,)),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), (functional.sub,)),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), (functional.mul,)),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div, "div", "div_"), (functional.div,)),
    **dict.fromkeys((operator.neg, torch.neg, "neg"), (functional.neg,)),
    **dict.fromkeys((F.group_norm, torch.group_norm), (functional.group_norm,)),
    F.batch_norm: (functional.batch_norm,),
    F.instance_norm: (functional.instance_norm,),
    F.layer_norm: (functional.layer_norm, "transform", 2),
    F.conv2d: (functional.conv2d, "transform", 2),
    F.avg_pool2d: (functional.avg_pool2d, "transform", 1),
    F.linear: (functional.linear,),
    torch.stack: (functional.stack,),
    "expand": (functional.expand, "pixels", 1),
    # Usually of one factor per channel, which already is on pixels.
    "expand_as": (functional.expand_as, "pixels"),
}
"""For each call, `nn.Call`'s arguments: the function on activations, its result's domain, how often J or J̃ runs."""


def _without_indices(subject: Any, options: LayerOptions, name: str) -> None:
    given = subject.kwargs if isinstance(subject, fx.Node) else vars(subject)
    if given.get("return_indices"):
        raise UnsupportedLayerError(
            f"{options.path}: {name} with return_indices=True cannot run on activations: use return_indices=False"
        )


@register_table(_LAYERS)
@register_table(PIECEWISE)
def _layer(kind: type[nn.Layer], module: spatial.Module, options: LayerOptions) -> Replacement:
    _without_indices(module, options, type(module).__name__)
    return kind.from_spatial(module, **{name: getattr(options, name) for name in kind.settings})


@register_table(_HELD)
def _held(kind: Any, module: spatial.Module, options: LayerOptions) -> Replacement:
    _without_indices(module, options, type(module).__name__)
    return kind(module)


@register_table(APPROXIMATED_CALLS)
def _approximated_call(call: ApproximatedCall, node: fx.Node, options: LayerOptions) -> Replacement:
    _without_indices(node, options, "max_pool2d")
    names = enumerate(call.settings, 1)
    given = {name: argument(node, at, name) for at, name in names if len(node.args) > at or name in node.kwargs}
    if not constants(tuple(given.values())):
        raise UnsupportedLayerError(f"{options.path}: its settings must be constants")
    try:
        layer = call.layer(**given, frequencies=options.frequencies, method=options.method)
    except TypeError as error:
        raise UnsupportedLayerError(f"{options.path}: {error}") from error
    return layer, (*first(node), *(argument(node, at, name) for at, name in enumerate(call.tensors, 1)))


@register_table(_PIXEL_FUNCTIONS)
def _pixel_function_call(function: Any, node: fx.Node, options: LayerOptions) -> Replacement:
    keywords = {name: value for name, value in node.kwargs.items() if name not in {"input", "inplace"}}
    if not constants((*node.args[1:], *keywords.values())):
        raise UnsupportedLayerError(f"{options.path}: its other arguments must be constants")
    return nn.Pointwise(nn.PixelFunction(function, *node.args[1:], **keywords)), first(node)


@register_table(_ISLANDS)
def _island_call(function: Any, node: fx.Node, options: LayerOptions) -> Replacement:
    _without_indices(node, options, "a pooling")
    return nn.IslandCall(function)


@register_table(_CALLS)
def _call(arguments: tuple[Any, ...], _node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(*arguments)


@register_rule("contiguous", "clone", torch.clone)
def _copy_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return spatial.Identity(), first(node)


@register_rule("size", "dim")
def _shape_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return AS_IT_IS


@register_rule(getattr)
def _attribute(node: fx.Node, options: LayerOptions) -> Replacement:
    if node.args[1] not in {"shape", "ndim", "dtype", "device"}:
        raise UnsupportedLayerError(f"{options.path}: an activation has no attribute {node.args[1]!r}")
    return AS_IT_IS


@register_rule(spatial.AdaptiveAvgPool2d)
def _adaptive_avg_pool(module: spatial.AdaptiveAvgPool2d, _: LayerOptions) -> Replacement:
    layer = nn.GlobalAvgPool2d if _is_one(module.output_size) else nn.AdaptiveAvgPool2d
    return layer.from_spatial(module)


@register_rule(F.adaptive_avg_pool2d)
def _adaptive_avg_pool_call(node: fx.Node, _: LayerOptions) -> Replacement:
    if _is_one(argument(node, 1, "output_size")):
        return nn.GlobalAvgPool2d(), first(node)
    return nn.Call(functional.adaptive_avg_pool2d, transforms=1)


def _is_one(size: Any) -> bool:
    parts = size if isinstance(size, list | tuple) else (size, size)
    return all(isinstance(part, int) and part == 1 for part in parts)


@register_rule(F.dropout)
def _dropout_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.dropout), (
        *first(node),
        argument(node, 1, "p", 0.5),
        argument(node, 2, "training", True),
    )


@register_rule("timm.layers.norm_act.BatchNormAct2d")
def _batch_norm_act(module: Any, options: LayerOptions) -> Replacement:
    for part in (module.drop, module.act):
        if find_module_rule(part) is None:
            raise UnsupportedLayerError(
                f"{options.path}: no rule converts its {type(part).__qualname__}: register one for this class"
            )
        elementwise_layer(part, frequencies=options.frequencies, method=options.method)
    return nn.BatchNormAct2d.from_spatial(module)
