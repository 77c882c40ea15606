"""MobileNetV2: C frequency channels enter the first inverted residual where the stem's feature maps did."""

from torch import nn
from torchvision.models import MobileNetV2

from jpegdomain.errors import InputError

from .layers import convolution_like, normalization_like

__all__ = ["STEM_STRIDE", "operate"]

STEM_STRIDE = 2
"""Of the stem's convolution."""


def operate(model: MobileNetV2, channels: int) -> None:
    """Take the stem off and widen the first inverted residual, in place.

    Without an expansion, as in torchvision's own, its depthwise convolution runs on the channels themselves.

    Args:
        model: torchvision's.
        channels: That are to enter.

    Raises:
        InputError: If the stem has been taken off before, or a normalisation cannot be made.
    """
    if isinstance(model.features[0], nn.Identity):
        raise InputError("features[0] is Identity: adapt takes the network on RGB, not one that has been adapted")
    model.features[0] = nn.Identity()
    block = model.features[1]
    *expansion, depthwise, projection, _ = block.conv
    if expansion:
        first = expansion[0]
        first[0] = convolution_like(first[0], channels, first[0].out_channels).requires_grad_(True)
        return
    if channels != depthwise[0].in_channels:
        depthwise[0] = convolution_like(depthwise[0], channels, channels)
        depthwise[1] = normalization_like(depthwise[1], channels)
        block.conv[1] = convolution_like(projection, channels, projection.out_channels)
    depthwise[0].requires_grad_(True)
    block.conv[1].requires_grad_(True)
    block.use_res_connect = block.stride == 1 and channels == projection.out_channels
