"""A fitted start: the first block on frequency channels does, as nearly as it can, what the old stem and block did.

Training images go through the RGB network as pixels, and their channels into the adapted one. A ResNet's first block is
fitted convolution by convolution to the RGB network's feature maps at the same place, after batch norm; the last
convolution and the shortcut together are fitted to the sum before the last ReLU. Each is a ridge regression on the
outputs of the layers before it. MobileNetV2's depthwise convolution passes the channels on, values of −3…3 through its
ReLU6, and the projection is fitted to the RGB network's.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.frequency_adaptation.regression import Moments

__all__ = ["entrance", "fit_start"]

_POSITIONS = 128
"""Number of positions in each batch's feature maps, drawn at random, that a fit uses: neighbours are redundant."""

Pairs = Sequence[tuple[Tensor, Tensor]]


def entrance(network: Any) -> list[nn.Module]:
    """List the modules of the stem, which are identities in an adapted network, and last the first block."""
    return [network.conv1, network.bn1, network.layer1[0]] if hasattr(network, "layer1") else [*network.features[:2]]


@torch.no_grad()
def fit_start(rgb: nn.Module, adapted: nn.Module, pairs: Pairs) -> float:
    """Fit the first block of `adapted`, in place.

    Args:
        rgb: The network on RGB, a ResNet without groups or MobileNetV2 of torchvision.
        adapted: Its copy on frequency channels, by `jpegdomain.frequency.adapt`.
        pairs: Normalised channels (n, channels, X, Y) and normalised pixels (n, 3, h, w) of the same images.

    Returns:
        The explained share of the variance of the outputs of the RGB network's first block, before a last ReLU.
    """
    modes = [(module, module.training) for module in (*rgb.modules(), *adapted.modules())]
    rgb.eval()
    adapted.eval()
    fit = _fit_resnet if hasattr(adapted, "layer1") else _fit_mobilenet
    explained = fit(rgb, adapted, pairs)
    for module, mode in modes:
        module.training = mode
    return explained


def _fit_resnet(rgb: Any, adapted: Any, pairs: Pairs) -> float:
    block, model = adapted.layer1[0], rgb.layer1[0]
    stem = nn.Sequential(rgb.conv1, rgb.bn1, rgb.relu, rgb.maxpool)
    inputs, stems = [x for x, _ in pairs], [stem(pixels) for _, pixels in pairs]
    own, theirs = inputs, stems
    *before, last = ("1", "2", "3") if hasattr(block, "conv3") else ("1", "2")
    for name in before:
        conv, norm = getattr(block, f"conv{name}"), getattr(block, f"bn{name}")
        targets = [getattr(model, f"bn{name}")(getattr(model, f"conv{name}")(z)) for z in theirs]
        moments = _moments([[(conv, x)] for x in own], targets)
        weight, bias = moments.matched(moments.ridge())
        _place(conv, norm, weight, bias, moments)
        own, theirs = [F.relu(norm(conv(x))) for x in own], [F.relu(y) for y in targets]
    conv, norm = getattr(block, f"conv{last}"), getattr(block, f"bn{last}")
    shortcut = model.downsample or nn.Identity()
    targets = [
        getattr(model, f"bn{last}")(getattr(model, f"conv{last}")(y)) + shortcut(z)
        for y, z in zip(theirs, stems, strict=True)
    ]
    if block.downsample is None:
        moments = _moments([[(conv, x)] for x in own], [y - x for y, x in zip(targets, inputs, strict=True)])
    else:
        moments = _moments([[(conv, x), (block.downsample[0], y)] for x, y in zip(own, inputs, strict=True)], targets)
    fitted = moments.ridge()
    weight, bias = moments.matched(fitted)
    size = conv.weight[0].numel()
    _place(conv, norm, weight[:, :size], bias, moments, slice(0, size))
    if block.downsample is not None:
        conv, norm = block.downsample
        _place(conv, norm, weight[:, size:], torch.zeros_like(bias), moments, slice(size, None))
    return moments.explained(fitted)


def _fit_mobilenet(rgb: Any, adapted: Any, pairs: Pairs) -> float:
    block = adapted.features[1]
    (depthwise, norm, clip), projection, last = block.conv
    every = _moments([[(projection, x)] for x, _ in pairs], [x[:, :1] for x, _ in pairs])
    passing = torch.zeros_like(depthwise.weight)
    passing[:, :, 1, 1] = 1
    depthwise.weight.copy_(passing)
    # ReLU6 is the identity on 0…6.
    middle = torch.full_like(norm.bias, 3.0)
    _statistics(norm, every.mean, every.covariance.diagonal(), middle)
    targets = [rgb.features[:2](pixels) for _, pixels in pairs]
    if block.use_res_connect:
        targets = [y - x for y, (x, _) in zip(targets, pairs, strict=True)]
    moments = _moments([[(projection, clip(norm(depthwise(x))))] for x, _ in pairs], targets)
    fitted = moments.ridge()
    _place(projection, last, *moments.matched(fitted), moments)
    return moments.explained(fitted)


def _moments(inputs: Sequence[Sequence[tuple[nn.Conv2d, Tensor]]], targets: Sequence[Tensor]) -> Moments:
    """Regress targets on the inputs that convolutions multiply by their weights.

    Args:
        inputs: For each batch, the convolutions and their inputs, side by side.
        targets: For each batch, (n, q, X, Y).
    """
    moments, generator = Moments(), torch.Generator().manual_seed(0)
    for parts, target in zip(inputs, targets, strict=True):
        count = target.shape[2] * target.shape[3]
        chosen = torch.randperm(count, generator=generator)[:_POSITIONS].to(target.device)
        rows = [
            F.unfold(x, conv.kernel_size, conv.dilation, _padding(conv), conv.stride)[..., chosen] for conv, x in parts
        ]
        moments.add(torch.cat(rows, 1).mT.flatten(0, 1), target.flatten(2)[..., chosen].mT.flatten(0, 1))
    return moments


def _padding(conv: nn.Conv2d) -> tuple[int, ...]:
    assert isinstance(conv.padding, tuple)
    return conv.padding


def _place(
    conv: nn.Conv2d,
    norm: nn.BatchNorm2d,
    weight: Tensor,
    bias: Tensor,
    moments: Moments,
    own: slice = slice(None),
) -> None:
    """Let a convolution and its batch norm compute weight·x + bias, the norm's statistics being those of weight·x."""
    conv.weight.copy_(weight.view_as(conv.weight))
    mean, covariance = moments.mean[own], moments.covariance[own, own]
    mean, variance = weight @ mean, ((weight @ covariance) * weight).sum(1)
    _statistics(norm, mean, variance, mean + bias)


def _statistics(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, middle: Tensor) -> None:
    """Let a batch norm with these statistics move its inputs' mean to `middle`, and leave their scale."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance.clamp(min=0))
    norm.weight.copy_((norm.running_var.double() + norm.eps).sqrt())
    norm.bias.copy_(middle)
