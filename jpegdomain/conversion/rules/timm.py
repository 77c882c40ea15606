"""Rules for classes of timm, by name: timm need not be installed."""

from typing import Any

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, find_module_rule, register_rule
from jpegdomain.errors import UnsupportedLayerError
from jpegdomain.nn.layers import elementwise_layer


@register_rule("timm.layers.norm_act.BatchNormAct2d")
def _batch_norm_act(module: Any, options: LayerOptions) -> Replacement:
    for part in (module.drop, module.act):
        if find_module_rule(part) is None:
            raise UnsupportedLayerError(
                f"{options.path}: no rule converts its {type(part).__qualname__}: register one for that class"
            )
        elementwise_layer(part, frequencies=options.frequencies, method=options.method)
    return nn.BatchNormAct2d.from_spatial(module)
