"""ResNets on luma and chroma blocks at their own resolutions, by Gueguen et al. (NeurIPS 2018), figure 3.

In 4:2:0, an image of 224×224 pixels has 28×28 blocks of luma and 14×14 of each chroma component. These are the sizes of
layer2 and layer3 in a ResNet on pixels, so the channels replace the stem and layer1, and layer2 keeps the resolution.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from jpegdomain.errors import InputError

from .classifiers import convolution_like, initialise, normalization_like
from .entering import Design

__all__ = ["Entrance", "operate_two_resolutions"]

_RFA_KERNELS = (1, 2, 3)
"""Kernels of the three blocks of a receptive-field-aware (RFA) stage."""

_LATE = {"late-concat-rfa": (1, 1 / 2, 1 / 2), "late-concat-rfa-thinner": (3 / 8, 3 / 8, 3 / 4)}
"""Widths of the luma path as shares of layer3's width: its RFA stage, layer2, and its last block."""


class Entrance(nn.Sequential):
    """What replaces conv1: a batch norm of the channels, after Cb and Cr were brought to luma's resolution, if so."""


def operate_two_resolutions(model: ResNet, parts: Sequence[int], design: Design) -> None:
    """Replace the stem and layer1, in place.

    Args:
        model: A ResNet on RGB.
        parts: Numbers of channels of Y, Cb and Cr, which enter in this order.
        design: One of Gueguen et al.'s.

    Raises:
        InputError: If the network has already been adapted, or is dilated in layer2 or layer3.
    """
    body: Any = model
    if not isinstance(body.conv1, nn.Conv2d):
        raise InputError(
            f"conv1 is {type(body.conv1).__name__}, not a convolution: adapt takes the network on RGB, not one that "
            "has already been adapted"
        )
    if (body.layer2[0].stride, body.layer3[0].stride) != (2, 2):
        raise InputError(f"design={design!r} needs layer2 and layer3 with stride 2: build the network without dilation")
    wide, weight = _width(body.layer3), body.conv1.weight
    norm = nn.SyncBatchNorm if isinstance(body.bn1, nn.SyncBatchNorm) else nn.BatchNorm2d
    steps: list[tuple[str, nn.Module]] = [("norm", norm(sum(parts)))]
    if design == "deconvolution-rfa":
        steps.insert(0, ("deconvolution", _Deconvolution(parts)))
    entrance = Entrance(OrderedDict(steps))
    body.conv1 = entrance.to(weight).train(body.training)
    body.bn1 = body.relu = body.maxpool = nn.Identity()
    if design in _LATE:
        _concatenate_late(body, parts, wide, *_LATE[design])
    elif design == "upsampling":
        body.layer1 = nn.Identity()
        _enter_layer2(body, sum(parts))
    else:
        body.layer1 = _stage(body, body.layer1, sum(parts), wide, _RFA_KERNELS)
        _enter_layer2(body, wide)


class _Deconvolution(nn.Module):
    """Double the resolution of Cb and Cr by a transposed convolution each, with kernel and stride 2."""

    def __init__(self, parts: Sequence[int]) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.cb, self.cr = (nn.ConvTranspose2d(number, number, 2, stride=2) for number in self.parts[1:])

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, X, Y) → the same shape."""
        luma, cb, cr = x.split(self.parts, 1)
        wide = (layer(_own_resolution(part)) for layer, part in ((self.cb, cb), (self.cr, cr)))
        return torch.cat((luma, *(part[..., : x.shape[2], : x.shape[3]] for part in wide)), 1)


class _LumaFirst(nn.Sequential):
    """Layer1 of late concatenation: its blocks take luma, and chroma goes beside them, at its own resolution."""

    def __init__(self, luma_channels: int, blocks: nn.Sequential) -> None:
        super().__init__(*blocks)
        self.luma_channels = luma_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, C, X, Y) → luma (n, width, X, Y) and chroma (n, C − luma, ⌈X/2⌉, ⌈Y/2⌉)."""
        luma, chroma = x[:, : self.luma_channels], x[:, self.luma_channels :]
        return super().forward(luma), _own_resolution(chroma)


class _LumaOnly(nn.Sequential):
    """Layer2 of late concatenation: its blocks take luma."""

    def forward(self, x: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Luma and chroma → the same."""
        luma, chroma = x
        return super().forward(luma), chroma


class _Concatenation(nn.Sequential):
    """Layer3 of late concatenation: a block each for luma and chroma, whose outputs enter the blocks that follow."""

    def forward(self, x: tuple[Tensor, Tensor]) -> Tensor:
        """Luma (n, c, X, Y) and chroma (n, c′, ⌈X/2⌉, ⌈Y/2⌉) → (n, width of layer3, ⌈X/2⌉, ⌈Y/2⌉)."""
        luma, chroma, *following = self
        joined = torch.cat((luma(x[0]), chroma(x[1])), 1)
        for block in following:
            joined = block(joined)
        return joined


def _own_resolution(chroma: Tensor) -> Tensor:
    """Chroma's own blocks, of which each stands for 2×2 of luma."""
    return chroma[..., ::2, ::2]


def _concatenate_late(body: Any, parts: Sequence[int], wide: int, first: float, second: float, last: float) -> None:
    entering, middle, own = (int(share * wide) for share in (first, second, last))
    luma = _stage(body, body.layer1, parts[0], entering, _RFA_KERNELS)
    if middle == _width(body.layer2):
        _enter_layer2(body, entering)
    else:
        body.layer2 = _stage(body, body.layer2, entering, middle, (3,) * len(body.layer2))
    # The first block of layer3 becomes two, one for each path; the others keep their names.
    blocks: list[tuple[str, nn.Module]] = [
        ("luma", _stage(body, body.layer3, middle, own, (3,), stride=2)[0]),
        ("chroma", _stage(body, body.layer3, sum(parts[1:]), wide - own, (1,))[0]),
        *list(body.layer3.named_children())[1:],
    ]
    modes = body.layer2.training, body.layer3.training
    body.layer1 = _LumaFirst(parts[0], luma).train(body.training)
    body.layer2, body.layer3 = _LumaOnly(*body.layer2), _Concatenation(OrderedDict(blocks))
    # A container's mode says nothing about its blocks', of which some may be frozen.
    body.layer2.training, body.layer3.training = modes


def _enter_layer2(body: Any, entering: int) -> None:
    """Let layer2 take other channels, at stride 1."""
    block: Any = body.layer2[0]
    block.conv1 = convolution_like(block.conv1, entering, block.conv1.out_channels)
    block.downsample[0] = convolution_like(block.downsample[0], entering, block.downsample[0].out_channels)
    block.stride = 1
    for layer in (block.conv1, block.conv2, block.downsample[0]):
        layer.stride = (1, 1)
    # Their input is new.
    block.conv1.requires_grad_(True)
    block.downsample[0].requires_grad_(True)


def _stage(
    body: Any, replaced: nn.Sequential, entering: int, leaving: int, kernels: Sequence[int], stride: int = 1
) -> nn.Sequential:
    """New blocks with these kernels, like those they replace; the first has a convolution on its shortcut."""
    reference: Any = replaced[0]
    kind: Any = type(reference)

    def norm(width: int) -> nn.Module:
        return normalization_like(reference.bn1, width)

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
    return stage.to(reference.conv1.weight).train(body.training)


def _with_kernel(layer: nn.Conv2d, kernel: int) -> nn.Module:
    """A convolution of stride 1 that keeps the size; an even kernel reaches further to the bottom and right."""
    before, behind = (kernel - 1) // 2, kernel // 2
    smaller = nn.Conv2d(layer.in_channels, layer.out_channels, kernel, groups=layer.groups, bias=False)
    return smaller if kernel == 1 else nn.Sequential(nn.ZeroPad2d((before, behind, before, behind)), smaller)


def _width(stage: nn.Sequential) -> int:
    """Channels that leave a stage."""
    block: Any = stage[0]
    width: int = block.downsample[0].out_channels
    return width
