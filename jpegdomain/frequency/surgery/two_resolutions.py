"""ResNets on luma and chroma blocks at their own resolutions, as in Gueguen et al. (NeurIPS 2018), figure 3.

In 4:2:0, an image of 224×224 pixels has 28×28 blocks of luma and 14×14 of each chroma component. These are the sizes of
layer2 and layer3 in a ResNet on pixels, so the channels replace stem and layer1, and layer2 keeps the resolution.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from jpegdomain.errors import InputError

from .classifiers import convolution_like, initialise
from .entering import Design

__all__ = ["operate_two_resolutions"]

_GROWING = (1, 2, 3)
"""Kernels of the three blocks of a receptive-field-aware (RFA) stage."""

_LATE = {"late-concat-rfa": (1, 1, 1 / 2), "late-concat-rfa-thinner": (3 / 8, 3 / 4, 3 / 4)}
"""Widths of the luma path: RFA stage and last block as shares of layer3's width, layer2 as a share of its own."""


def operate_two_resolutions(model: ResNet, parts: Sequence[int], design: Design) -> None:
    """Replace stem and layer1, in place.

    Args:
        model: A ResNet on RGB.
        parts: Numbers of channels of Y, Cb and Cr, which enter in this order.
        design: One of Gueguen et al.'s.

    Raises:
        InputError: If the network has already been adapted.
    """
    body: Any = model
    if not isinstance(body.conv1, nn.Conv2d):
        raise InputError(
            f"conv1 is {type(body.conv1).__name__}, not a convolution: adapt takes the network on RGB, not one that "
            "has already been adapted"
        )
    weight = body.fc.weight
    wide = _width(body.layer3)
    body.conv1 = _Deconvolution(parts) if design == "deconvolution-rfa" else nn.Identity()
    body.bn1 = nn.BatchNorm2d(sum(parts))
    body.relu = body.maxpool = nn.Identity()
    if design in _LATE:
        _concatenate_late(body, parts, wide, *_LATE[design])
    elif design == "upsampling":
        body.layer1 = nn.Identity()
        _enter_layer2(body, sum(parts))
    else:
        body.layer1 = _stage(body, sum(parts), wide, _GROWING)
        _enter_layer2(body, wide)
    body.to(weight).train(body.training)


class _Deconvolution(nn.Module):
    """Double the resolution of Cb and Cr, each by its own transposed convolution with kernel and stride 2."""

    def __init__(self, parts: Sequence[int]) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.cb, self.cr = (nn.ConvTranspose2d(number, number, 2, stride=2) for number in self.parts[1:])

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, X, Y) → the same shape."""
        luma, cb, cr = x.split(self.parts, 1)
        wide = (layer(_own_resolution(part)) for layer, part in ((self.cb, cb), (self.cr, cr)))
        return torch.cat((luma, *(part[..., : x.shape[2], : x.shape[3]] for part in wide)), 1)


class _LateConcatenation(nn.Module):
    """Luma and chroma on paths of their own, then concatenated at chroma's resolution."""

    def __init__(self, luma_channels: int, luma: nn.Module, chroma: nn.Module) -> None:
        super().__init__()
        self.luma_channels, self.luma, self.chroma = luma_channels, luma, chroma

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, X, Y) → (n, width of layer3, ⌈X/2⌉, ⌈Y/2⌉)."""
        luma, chroma = x[:, : self.luma_channels], x[:, self.luma_channels :]
        return torch.cat((self.luma(luma), self.chroma(_own_resolution(chroma))), 1)


def _own_resolution(chroma: Tensor) -> Tensor:
    """Chroma's own blocks, each of which covers 2×2 luma blocks."""
    return chroma[..., ::2, ::2]


def _concatenate_late(
    body: ResNet, parts: Sequence[int], wide: int, growing: float, layer2: float, last: float
) -> None:
    entering, middle, own = (int(share * wide) for share in (growing, layer2 / 2, last))
    luma: list[nn.Module] = [_stage(body, parts[0], entering, _GROWING)]
    if middle == _width(body.layer2):
        _enter_layer2(body, entering)
        luma.append(body.layer2)
    else:
        luma.append(_stage(body, entering, middle, (3,) * len(body.layer2)))
    luma.append(_stage(body, middle, own, (3,), stride=2))
    chroma = _stage(body, sum(parts[1:]), wide - own, (1,))
    body.layer1 = _LateConcatenation(parts[0], nn.Sequential(*luma), chroma)
    body.layer2 = nn.Identity()
    # Both paths end in layer3's first block, so the identity blocks are left.
    body.layer3 = body.layer3[1:]


def _enter_layer2(body: ResNet, entering: int) -> None:
    """Let layer2 take another number of channels, at stride 1."""
    block: Any = body.layer2[0]
    block.conv1 = convolution_like(block.conv1, entering, block.conv1.out_channels)
    block.downsample[0] = convolution_like(block.downsample[0], entering, block.downsample[0].out_channels)
    block.stride = 1
    for layer in (block.conv1, block.conv2, block.downsample[0]):
        layer.stride = (1, 1)
        layer.requires_grad_(True)


def _stage(body: ResNet, entering: int, leaving: int, kernels: Sequence[int], stride: int = 1) -> nn.Sequential:
    """New blocks of the network's kind with these kernels; the first has a convolution on its shortcut."""
    kind: Any = type(body.layer4[0])
    norm = body._norm_layer
    blocks: list[nn.Module] = []
    for kernel in kernels:
        shortcut = None
        if not blocks:
            shortcut = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), norm(leaving))
        block = kind(
            entering, leaving // kind.expansion, stride, shortcut, body.groups, body.base_width, norm_layer=norm
        )
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and kernel != 3:
                setattr(block, name, _with_kernel(layer, kernel))
        blocks.append(block)
        entering, stride = leaving, 1
    stage = nn.Sequential(*blocks)
    initialise(stage)
    return stage


def _with_kernel(layer: nn.Conv2d, kernel: int) -> nn.Module:
    """A convolution of stride 1 that keeps the size; an even kernel reaches further to the bottom and right."""
    before, behind = (kernel - 1) // 2, kernel // 2
    smaller = nn.Conv2d(layer.in_channels, layer.out_channels, kernel, groups=layer.groups, bias=False)
    return smaller if kernel == 1 else nn.Sequential(nn.ZeroPad2d((before, behind, before, behind)), smaller)


def _width(stage: nn.Sequential) -> int:
    """Number of output channels of a stage."""
    block: Any = stage[0]
    width: int = block.downsample[0].out_channels
    return width
