"""Rules for piecewise-linear activations, as modules and as calls."""

import math

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule
from jpegdomain.errors import UnsupportedLayerError
from jpegdomain.nn.layers import PIECEWISE, elementwise_layer

from .arguments import argument, first


@register_rule(*PIECEWISE)
def _piecewise(module: spatial.Module, options: LayerOptions) -> Replacement:
    return elementwise_layer(module, frequencies=options.frequencies, method=options.method)


@register_rule(F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_")
def _relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU(frequencies=options.frequencies, method=options.method), first(node)


@register_rule(F.relu6)
def _relu6_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.ReLU6(frequencies=options.frequencies, method=options.method), first(node)


@register_rule(F.hardtanh, F.hardtanh_)
def _hardtanh_call(node: fx.Node, options: LayerOptions) -> Replacement:
    low, high = argument(node, 1, "min_val", -1.0), argument(node, 2, "max_val", 1.0)
    layer = nn.Hardtanh(low, high, frequencies=options.frequencies, method=options.method)
    return layer, first(node)


@register_rule(F.leaky_relu, F.leaky_relu_)
def _leaky_relu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    slope = argument(node, 1, "negative_slope", 0.01)
    layer = nn.LeakyReLU(slope, frequencies=options.frequencies, method=options.method)
    return layer, first(node)


@register_rule(F.prelu, torch.prelu)
def _prelu_call(node: fx.Node, options: LayerOptions) -> Replacement:
    layer = nn.PReLUCall(frequencies=options.frequencies, method=options.method)
    return layer, (*first(node), argument(node, 1, "weight", None))


@register_rule(F.hardsigmoid)
def _hardsigmoid_call(node: fx.Node, options: LayerOptions) -> Replacement:
    return nn.Hardsigmoid(frequencies=options.frequencies, method=options.method), first(node)


@register_rule(F.threshold)
def _threshold_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge, value = argument(node, 1, "threshold", None), argument(node, 2, "value", None)
    layer = nn.Threshold(edge, value, frequencies=options.frequencies, method=options.method)
    return layer, first(node)


@register_rule(F.hardshrink)
def _hardshrink_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge = argument(node, 1, "lambd", 0.5)
    return nn.Hardshrink(edge, frequencies=options.frequencies, method=options.method), first(node)


@register_rule(F.softshrink)
def _softshrink_call(node: fx.Node, options: LayerOptions) -> Replacement:
    edge = argument(node, 1, "lambd", 0.5)
    return nn.Softshrink(edge, frequencies=options.frequencies, method=options.method), first(node)


@register_rule(torch.clamp, "clamp", "clamp_")
def _clamp_call(node: fx.Node, options: LayerOptions) -> Replacement:
    low, high = (argument(node, place, name, None) for place, name in ((1, "min"), (2, "max")))
    if not all(isinstance(bound, int | float | None) for bound in (low, high)):
        raise UnsupportedLayerError(f"{options.path}: clamp is converted for numbers as bounds only")
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    layer = nn.Hardtanh(low, high, frequencies=options.frequencies, method=options.method)
    return layer, first(node)
