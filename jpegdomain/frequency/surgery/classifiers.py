"""ResNets and MobileNetV2 without their stem: C frequency channels enter the first block instead."""

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import MobileNetV2
from torchvision.ops import FrozenBatchNorm2d

from jpegdomain.errors import InputError

__all__ = [
    "MOBILENET_STRIDE",
    "RESNET_STRIDE",
    "convolution_like",
    "initialise",
    "normalization_like",
    "operate_mobilenet",
    "operate_resnet",
]

RESNET_STRIDE = 4
"""Pixels between the stem's outputs: the stride of its convolution, 2, times that of its pooling, 2."""

MOBILENET_STRIDE = 2
"""Pixels between the stem's outputs: the stride of its convolution."""

_RESNET_STEM = ("conv1", "bn1", "relu", "maxpool")


def operate_resnet(body: Any, channels: int, layer2_stride: int) -> None:
    """Remove the stem of a ResNet, or of a detection backbone's body, and widen the first block's input, in place."""
    if not isinstance(body.conv1, nn.Conv2d):
        raise InputError(
            f"conv1 is {type(body.conv1).__name__}, not a convolution: adapt takes the network on RGB, not one that "
            "has already been adapted"
        )
    for name in _RESNET_STEM:
        setattr(body, name, nn.Identity())
    block = body.layer1[0]
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
    if layer2_stride == 1:
        block = body.layer2[0]
        block.stride = 1
        for layer in (block.conv1, block.conv2, block.downsample[0]):
            layer.stride = (1, 1)


def operate_mobilenet(model: MobileNetV2, channels: int) -> None:
    """Remove the stem and widen the first inverted residual, in place."""
    if isinstance(model.features[0], nn.Identity):
        raise InputError(
            "features[0] is Identity: adapt takes the network on RGB, not one that has already been adapted"
        )
    model.features[0] = nn.Identity()
    block = model.features[1]
    *expansion, depthwise, projection, _ = block.conv
    # Without an expansion, as in torchvision's own, the depthwise convolution runs on the channels themselves.
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


def convolution_like(layer: nn.Conv2d, in_channels: int, out_channels: int, **changes: object) -> nn.Conv2d:
    """`layer` itself if the widths agree; else a new one with its settings, initialised as in torchvision."""
    if (layer.in_channels, layer.out_channels) == (in_channels, out_channels) and not changes:
        return layer
    depthwise = layer.groups == layer.in_channels > 1
    settings: dict[str, object] = {
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": in_channels if depthwise else layer.groups,
        "bias": layer.bias is not None,
        "padding_mode": layer.padding_mode,
        "dtype": layer.weight.dtype,
        "device": layer.weight.device,
    }
    fresh = nn.Conv2d(in_channels, out_channels, **(settings | changes))  # type: ignore[arg-type]
    initialise(fresh)
    return fresh.train(layer.training)


def initialise(module: nn.Module) -> None:
    """Draw the weights of all convolutions as torchvision does, with biases of zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def normalization_like(layer: nn.Module, width: int) -> nn.Module:
    """An untrained normalisation layer of another width, with the given layer's settings, dtype and device."""
    if isinstance(layer, _BatchNorm):
        fresh: nn.Module = type(layer)(width, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    elif isinstance(layer, FrozenBatchNorm2d):
        fresh = FrozenBatchNorm2d(width, layer.eps)
    elif isinstance(layer, nn.GroupNorm):
        if width % layer.num_groups:
            raise InputError(
                f"{width} channels cannot be normalised in {layer.num_groups} groups: use a multiple of that, or "
                "build the network with batch norm"
            )
        fresh = nn.GroupNorm(layer.num_groups, width, layer.eps, layer.affine)
    else:
        raise InputError(
            f"adapt cannot make a normalisation like {type(layer).__name__}: build the network with BatchNorm2d, "
            "FrozenBatchNorm2d or GroupNorm"
        )
    for tensor in (*layer.parameters(), *layer.buffers()):
        if tensor.is_floating_point():
            fresh = fresh.to(tensor)
    return fresh.train(layer.training)
