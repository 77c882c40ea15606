"""Spatial networks from the literature that torchvision does not have: plain torch, without anything about JPEG.

- `ThreeBlockNet`: Ehrlich & Davis (2019), figure 3.
- `CifarResNet`: He et al. (2016), section 4.2, with shortcut option A.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CifarResNet", "ThreeBlockNet", "cifar_resnet20", "cifar_resnet32", "three_block_net"]


class _ResidualBlock(nn.Module):
    """conv–BN–ReLU–conv–BN plus a projected shortcut, then ReLU."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class ThreeBlockNet(nn.Module):
    """Three residual blocks, the last two at stride 2, global average pooling, one linear layer.

    A 32×32 image becomes 32×32, 16×16 and 8×8 feature maps: the last is a single JPEG block. Ehrlich & Davis
    (2019), figure 3 and section 5.1. The paper does not give the numbers of channels, so they are an argument.

    Args:
        channels_in: 1 for gray images, 3 for colour.
        classes: Number of logits.
        channels: Output channels of the three blocks.
    """

    def __init__(self, channels_in: int = 3, classes: int = 10, channels: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        first, second, third = channels
        self.block1 = _ResidualBlock(channels_in, first, stride=1)
        self.block2 = _ResidualBlock(first, second, stride=2)
        self.block3 = _ResidualBlock(second, third, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify (n, channels_in, h, w) pixels: (n, classes) logits."""
        x = self.block3(self.block2(self.block1(x)))
        return self.linear(self.pool(x).flatten(1))


def three_block_net(channels_in: int = 3, classes: int = 10, channels: Sequence[int] = (16, 32, 64)) -> ThreeBlockNet:
    """Build a freshly initialised `ThreeBlockNet`."""
    return ThreeBlockNet(channels_in, classes, channels)


class _OptionABlock(nn.Module):
    """A basic block whose shortcut subsamples and zero-pads channels: option A, no parameters."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsamples = stride != 1 or channels_in != channels
        self.padding = channels // 4

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsamples:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding), "constant", 0)
        return F.relu(y + x)


class CifarResNet(nn.Module):
    """He et al.'s network of 6·depth+2 layers for 32×32 images: 16, 32, 64 channels, shortcut option A.

    The ``state_dict`` keys are those of the publicly available weights: conv1, bn1,
    layer{1,2,3}.{i}.{conv1,bn1,conv2,bn2}, linear.

    Args:
        depth: Blocks in each of the three stages.
        classes: Number of logits.
    """

    def __init__(self, depth: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, depth, stride=1)
        self.layer2 = self._stage(16, 32, depth, stride=2)
        self.layer3 = self._stage(32, 64, depth, stride=2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(channels_in: int, channels: int, depth: int, stride: int) -> nn.Sequential:
        blocks = [_OptionABlock(channels_in, channels, stride)]
        blocks += [_OptionABlock(channels, channels, 1) for _ in range(depth - 1)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Classify (n, 3, h, w) normalised pixels: (n, classes) logits."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.avg_pool2d(x, x.size()[2:])
        return self.linear(x.view(x.size(0), -1))


def cifar_resnet20(classes: int = 10) -> CifarResNet:
    """Build the 20-layer CIFAR ResNet (He et al. 2016, section 4.2), freshly initialised."""
    return CifarResNet(3, classes)


def cifar_resnet32(classes: int = 10) -> CifarResNet:
    """Build the 32-layer CIFAR ResNet (He et al. 2016, section 4.2), freshly initialised."""
    return CifarResNet(5, classes)
