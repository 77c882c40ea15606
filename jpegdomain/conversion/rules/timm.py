"""Rules for classes of timm, by name: timm need not be installed."""

from typing import Any

from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, find_module_rule, register_rule
from jpegdomain.errors import UnsupportedLayerError


@register_rule("timm.layers.norm_act.BatchNormAct2d")
def _batch_norm_act(module: Any, options: LayerOptions) -> Replacement:
    layer = nn.BatchNormAct2d.from_spatial(module)
    layer.drop, layer.act = _converted(module.drop, options), _converted(module.act, options)
    return layer


def _converted(module: spatial.Module, options: LayerOptions) -> spatial.Module:
    rule = find_module_rule(module)
    replacement = None if rule is None else rule(module, options)
    if not isinstance(replacement, spatial.Module):
        raise UnsupportedLayerError(
            f"{options.path}: no rule converts its {type(module).__qualname__}: register one for that class"
        )
    return replacement
