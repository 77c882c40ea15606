"""Layers on activations, as modules: each replaces the ``torch.nn`` class of the same name."""

from .activation import (
    Hardshrink,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    Piecewise,
    PReLU,
    PReLUCall,
    ReLU,
    ReLU6,
    RReLU,
    Softshrink,
    Threshold,
)
from .base import Layer
from .convolution import Conv2d
from .exact import Call, Direct, Dropout, Dropout2d, Flatten, Island, IslandCall, Linear, PixelFunction, Pointwise
from .normalization import BatchNorm2d, BatchNormAct2d, GroupNorm, InstanceNorm2d
from .pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d

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
