"""The layers as modules: each takes the place of the ``torch.nn`` class of the same name, on activations."""

from .activation import (
    Hardshrink,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    Piecewise,
    PixelFunction,
    Pointwise,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Softshrink,
    Threshold,
)
from .base import Layer
from .batch_norm_act import BatchNormAct2d
from .channels import Linear
from .convolution import Conv2d
from .group_normalization import GroupNorm, InstanceNorm2d
from .island import Direct, Island, IslandCall
from .normalization import BatchNorm2d
from .pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from .prelu_call import PReLUCall
from .regularization import Dropout, Dropout2d
from .structure import Call, Flatten

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "BatchNormAct2d",
    "Call",
    "Conv2d",
    "Direct",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GlobalAvgPool2d",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardtanh",
    "InstanceNorm2d",
    "Island",
    "IslandCall",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "PReLU",
    "PReLUCall",
    "Piecewise",
    "PixelFunction",
    "Pointwise",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]
