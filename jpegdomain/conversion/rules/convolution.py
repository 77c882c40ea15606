"""Rules for convolutions."""

from torch import nn as spatial

from jpegdomain import nn
from jpegdomain.conversion.options import LayerOptions
from jpegdomain.conversion.registry import Replacement, register_rule


@register_rule(spatial.Conv2d)
def _conv(module: spatial.Conv2d, options: LayerOptions) -> Replacement:
    return nn.Conv2d.from_spatial(module, form=options.form)
