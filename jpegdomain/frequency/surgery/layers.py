"""Convolutions and normalisations of another width, initialised as torchvision's constructors do."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.ops import FrozenBatchNorm2d

from jpegdomain.errors import InputError

__all__ = ["convolution_like", "normalization_like"]


def convolution_like(layer: nn.Conv2d, in_channels: int, out_channels: int, **changes: object) -> nn.Conv2d:
    """Give a convolution of another width; the given one itself where it has that width already.

    Args:
        layer: Kernel size, stride, padding, dilation, padding mode, bias, dtype and device are taken from it; groups,
            too, unless it is depthwise: then the new one is.
        in_channels: Of the result.
        out_channels: Of the result.
        changes: Other settings of ``Conv2d`` that replace the layer's.

    Returns:
        `layer`, or a convolution with Kaiming-normal weights (fan out, gain √2) that requires a gradient.
    """
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
    nn.init.kaiming_normal_(fresh.weight, mode="fan_out", nonlinearity="relu")
    if fresh.bias is not None:
        nn.init.zeros_(fresh.bias)
    return fresh.train(layer.training)


def normalization_like(layer: nn.Module, width: int) -> nn.Module:
    """Give a normalisation of the same kind: 1 for its weights, 0 for its biases, nothing seen yet.

    Args:
        layer: Settings, dtype and device are taken from it.
        width: Channels of the result.

    Returns:
        The normalisation.

    Raises:
        InputError: If the layer is none that torchvision's networks are built with, or the groups do not divide.
    """
    if isinstance(layer, _BatchNorm):
        fresh: nn.Module = type(layer)(width, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    elif isinstance(layer, FrozenBatchNorm2d):
        fresh = FrozenBatchNorm2d(width, layer.eps)
    elif isinstance(layer, nn.GroupNorm):
        if width % layer.num_groups:
            raise InputError(
                f"{width} channels cannot be normalised in {layer.num_groups} groups: take a multiple of them, or "
                "build the network with batch norm"
            )
        fresh = nn.GroupNorm(layer.num_groups, width, layer.eps, layer.affine)
    else:
        raise InputError(
            f"{type(layer).__name__} is no normalisation that surgery can make one like: build the network with "
            "BatchNorm2d, FrozenBatchNorm2d or GroupNorm"
        )
    for tensor in (*layer.parameters(), *layer.buffers()):
        if tensor.is_floating_point():
            fresh = fresh.to(tensor)
    return fresh.train(layer.training)
