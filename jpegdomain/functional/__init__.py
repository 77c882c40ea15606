"""Every layer as a function of an `Activation`; state and options are `jpegdomain.nn`'s."""

from .convolution import conv2d, conv2d_dense, conv2d_stencil
from .normalization import batch_norm, channel_mean
from .piecewise import (
    Method,
    PiecewiseLinear,
    apx,
    apx_relu,
    asm,
    asm_relu,
    harmonic_mixing,
    pointwise,
)
from .pooling import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d
from .structure import add, cat, div, flatten, getitem, keeps_blocks, mul, neg, pad, reshape, sub
from .transform import Frequencies, affine, constant_image, cut, decode, encode, low_pass

__all__ = [
    "Frequencies",
    "Method",
    "PiecewiseLinear",
    "adaptive_avg_pool2d",
    "add",
    "affine",
    "apx",
    "apx_relu",
    "asm",
    "asm_relu",
    "avg_pool2d",
    "batch_norm",
    "cat",
    "channel_mean",
    "constant_image",
    "conv2d",
    "conv2d_dense",
    "conv2d_stencil",
    "cut",
    "decode",
    "div",
    "encode",
    "flatten",
    "getitem",
    "global_avg_pool2d",
    "harmonic_mixing",
    "keeps_blocks",
    "low_pass",
    "max_pool2d",
    "mul",
    "neg",
    "pad",
    "pointwise",
    "reshape",
    "sub",
]
