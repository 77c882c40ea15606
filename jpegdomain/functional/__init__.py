"""Torch's operations and layers as functions of an `Activation`; those with state or options are in `jpegdomain.nn`.

Names imported as themselves are for the package's higher modules only.
"""

from jpegdomain.transform import Frequencies, affine, constant_image, cut, low_pass

from . import conversions as conversions
from . import islands as islands
from . import rectifiers
from . import views as views
from .axes import expand, expand_as, flatten, merge, permute, reshape, split_axes, squeeze, transpose, unsqueeze
from .channels import linear, reduce_amax, reduce_mean, reduce_sum
from .convolution import conv2d, conv2d_dense, conv2d_stencil
from .faulty_kernels import adds_safely as adds_safely
from .faulty_kernels import conv2d_on_pixels as conv2d_on_pixels
from .faulty_kernels import own_dilation as own_dilation
from .indexing import chunk, getitem, split, stack, unbind
from .indexing import kept_axes as kept_axes
from .indexing import pixel_index as pixel_index
from .indexing import takes_pixels as takes_pixels
from .maps import dropout, elementwise, island
from .maps import each_from_pixels as each_from_pixels
from .maps import each_to_pixels as each_to_pixels
from .maps import four_axes as four_axes
from .normalization import batch_norm, channel_mean, group_norm, instance_norm, layer_norm
from .piecewise import Method, PiecewiseLinear, apx, apx_relu, asm, asm_relu, pointwise
from .piecewise import piecewise_on_pixels as piecewise_on_pixels
from .pixels import decode, encode
from .pooling import adaptive_avg_pool2d, avg_pool2d, global_avg_pool2d, max_pool2d
from .structure import add, cat, div, mul, neg, pad, sub

__all__ = ["Frequencies", "Method", "PiecewiseLinear", "adaptive_avg_pool2d", "add", "affine", "apx", "apx_relu"]
__all__ += ["asm", "asm_relu", "avg_pool2d", "batch_norm", "cat", "channel_mean", "chunk", "constant_image", "conv2d"]
__all__ += ["conv2d_dense", "conv2d_stencil", "cut", "decode", "div", "dropout", "elementwise", "encode", "expand"]
__all__ += ["expand_as", "flatten", "getitem", "global_avg_pool2d", "group_norm", "instance_norm", "island"]
__all__ += ["layer_norm", "linear", "low_pass", "max_pool2d", "merge", "mul", "neg", "pad", "permute", "pointwise"]
__all__ += ["rectifiers", "reduce_amax", "reduce_mean", "reduce_sum", "reshape", "split", "split_axes", "squeeze"]
__all__ += ["stack", "sub", "transpose", "unbind", "unsqueeze"]
