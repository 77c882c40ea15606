"""Rules for normalisations, as modules and as calls."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch import nn as spatial

from jpegdomain import functional, nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule


@register_rule(spatial.BatchNorm2d)
def _batch_norm(module: spatial.BatchNorm2d, _: LayerOptions) -> Replacement:
    return nn.BatchNorm2d.from_spatial(module)


@register_rule(spatial.GroupNorm)
def _group_norm(module: spatial.GroupNorm, _: LayerOptions) -> Replacement:
    return nn.GroupNorm.from_spatial(module)


@register_rule(spatial.InstanceNorm2d)
def _instance_norm(module: spatial.InstanceNorm2d, _: LayerOptions) -> Replacement:
    return nn.InstanceNorm2d.from_spatial(module)


@register_rule(spatial.LayerNorm)
def _layer_norm(module: spatial.LayerNorm, _: LayerOptions) -> Replacement:
    return nn.Island(module)


@register_rule(spatial.LocalResponseNorm)
def _local_response_norm(module: spatial.LocalResponseNorm, _: LayerOptions) -> Replacement:
    return nn.Pointwise(module)


_CALLS: dict[Any, Callable[..., Any]] = {
    F.batch_norm: functional.batch_norm,
    F.group_norm: functional.group_norm,
    torch.group_norm: functional.group_norm,
    F.instance_norm: functional.instance_norm,
}


@register_rule(*_CALLS)
def _norm_call(node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(_CALLS[node.target])


@register_rule(F.layer_norm)
def _layer_norm_call(_node: fx.Node, _: LayerOptions) -> Replacement:
    return nn.Call(functional.layer_norm, transforms=2)
