"""ResNets: C frequency channels enter the first block where the stem's 64 feature maps did."""

from typing import Any

from torch import nn

from jpegdomain.errors import InputError

from .layers import convolution_like, normalization_like

__all__ = ["STEM_STRIDE", "operate"]

STEM_STRIDE = 4
"""Pixels between the centres of the stem's outputs: two of the convolution times two of the pooling."""

_STEM = ("conv1", "bn1", "relu", "maxpool")


def operate(body: Any, channels: int, layer2_stride: int) -> None:
    """Take the stem off and widen the first block's entrance, in place.

    Args:
        body: A ResNet, or the part of one that a detection backbone holds: torchvision's classes, which have no types.
        channels: That are to enter.
        layer2_stride: 2 leaves layer2 as it is; 1 makes its first block keep the resolution.

    Raises:
        InputError: If the stem has been taken off before, or a normalisation cannot be made.
    """
    if not isinstance(body.conv1, nn.Conv2d):
        raise InputError(
            f"conv1 is {type(body.conv1).__name__}, no convolution: adapt takes the network on RGB, not one that has "
            "been adapted"
        )
    for name in _STEM:
        setattr(body, name, nn.Identity())
    _widen(body.layer1[0], channels)
    if layer2_stride == 1:
        _keep_resolution(body.layer2[0])


def _widen(block: Any, channels: int) -> None:
    before = block.conv1.in_channels
    block.conv1 = convolution_like(block.conv1, channels, block.conv1.out_channels)
    if block.downsample is not None:
        shortcut = block.downsample[0]
        block.downsample[0] = convolution_like(shortcut, channels, shortcut.out_channels)
    elif channels != before:
        # Only a BasicBlock has none: its last convolution is conv2.
        width = block.conv2.out_channels
        shortcut = convolution_like(block.conv2, channels, width, kernel_size=1, padding=0)
        block.downsample = nn.Sequential(shortcut, normalization_like(block.bn2, width)).train(block.training)
    block.conv1.requires_grad_(True)
    if block.downsample is not None:
        block.downsample[0].requires_grad_(True)


def _keep_resolution(block: Any) -> None:
    block.stride = 1
    for layer in (block.conv1, block.conv2, block.downsample[0]):
        layer.stride = (1, 1)
