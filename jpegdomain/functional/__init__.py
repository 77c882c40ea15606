"""torch's operations and layers as functions of an `Activation`; those with state or options are `jpegdomain.nn`'s."""

from jpegdomain.transform import Frequencies, affine, constant_image, cut, low_pass

from . import conversions, islands, rectifiers, views
from .axes import expand, expand_as, flatten, merge, permute, reshape, split_axes, squeeze, transpose, unsqueeze
from .channels import linear, reduce_amax, reduce_mean, reduce_sum
from .convolution import conv2d, conv2d_dense, conv2d_stencil
from .faulty_kernels import adds_safely, conv2d_on_pixels, own_dilation
from .indexing import chunk, getitem, kept_axes, pixel_index, split, stack, takes_pixels, unbind
from .maps import (
    dropout,
    each_from_pixels,
    each_to_pixels,
    elementwise,
    four_axes,
    island,
)
from .normalization import batch_norm, channel_mean, group_norm, instance_norm, layer_norm
from .piecewise import (
    Method,
    PiecewiseLinear,
    apx,
    apx_relu,
    asm,
    asm_relu,
    piecewise_on_pixels,
    pointwise,
)
from .pixels import decode, encode
from .pooling import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d
from .structure import add, cat, div, mul, neg, pad, sub

__all__ = [
    "Frequencies",
    "Method",
    "PiecewiseLinear",
    "adaptive_avg_pool2d",
    "add",
    "adds_safely",
    "affine",
    "apx",
    "apx_relu",
    "asm",
    "asm_relu",
    "avg_pool2d",
    "batch_norm",
    "cat",
    "channel_mean",
    "chunk",
    "constant_image",
    "conv2d",
    "conv2d_dense",
    "conv2d_on_pixels",
    "conv2d_stencil",
    "conversions",
    "cut",
    "decode",
    "div",
    "dropout",
    "each_from_pixels",
    "each_to_pixels",
    "elementwise",
    "encode",
    "expand",
    "expand_as",
    "flatten",
    "four_axes",
    "getitem",
    "global_avg_pool2d",
    "group_norm",
    "instance_norm",
    "island",
    "islands",
    "kept_axes",
    "layer_norm",
    "linear",
    "low_pass",
    "max_pool2d",
    "merge",
    "mul",
    "neg",
    "own_dilation",
    "pad",
    "permute",
    "piecewise_on_pixels",
    "pixel_index",
    "pointwise",
    "rectifiers",
    "reduce_amax",
    "reduce_mean",
    "reduce_sum",
    "reshape",
    "split",
    "split_axes",
    "squeeze",
    "stack",
    "sub",
    "takes_pixels",
    "transpose",
    "unbind",
    "unsqueeze",
    "views",
]
