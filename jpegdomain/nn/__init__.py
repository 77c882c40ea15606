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
from .convolution import Conv2d
from .normalization import BatchNorm2d
from .pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from .regularization import Dropout, Dropout2d
from .structure import Call, Flatten

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Call",
    "Conv2d",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GlobalAvgPool2d",
    "Hardshrink",
    "Hardsigmoid",
    "Hardtanh",
    "Layer",
    "LeakyReLU",
    "MaxPool2d",
    "PReLU",
    "Piecewise",
    "PixelFunction",
    "Pointwise",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]
