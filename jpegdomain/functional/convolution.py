"""Convolution in the transform domain, in each of the three forms of Ξ."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import BLOCK, Extent, Padding, Pair, Window
from jpegdomain.table import implements
from jpegdomain.transform import affine, cut

from .faulty_kernels import conv2d_on_pixels
from .maps import plain
from .pixels import decode, encode

__all__ = ["conv2d", "conv2d_dense", "conv2d_stencil"]


@implements(F.conv2d, accepts=plain)
def conv2d(
    input: Activation,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Activation:
    """Convolve in the factored form, J∘(the spatial kernel)∘J̃ (eq. 11 with C left as it is).

    A 1×1 kernel at stride 1 acts alike on every pixel, so it commutes with J and runs directly on the coefficients.
    The arguments are those of ``torch.nn.functional.conv2d``; `padding` may also be ((top, bottom), (left, right)).

    Returns:
        The activation of the window's output extent.
    """
    window = Window.of(weight.shape[2:], stride, padding, dilation)
    if window.pointwise:
        coefficients = F.conv2d(input.coefficients, weight, groups=groups)
        return input.replace(affine(coefficients, input.extent, None, bias, inplace=True))
    pixels = decode(input)
    zeros = window.symmetric_padding
    if zeros is None:
        (top, bottom), (left, right) = window.padding
        pixels, zeros = F.pad(pixels, (left, right, top, bottom)), (0, 0)
    convolved = conv2d_on_pixels(pixels, weight, bias, window.stride, zeros, window.dilation, groups)
    return encode(convolved, inplace=True, like=input)


def conv2d_stencil(
    x: Activation,
    folded: Tensor,
    bias: Tensor | None,
    window: Window,
    groups: int = 1,
) -> Activation:
    """Convolve by the block stencil of `folding.stencil`: one convolution over the block grid.

    Args:
        x: The activation.
        folded: (64·c', 64·c/groups, X-reach, Y-reach).
        bias: (c',) pixel values, or None.
        window: The spatial kernel's geometry.
        groups: As in ``torch.nn.functional.conv2d``.

    Returns:
        The activation of the window's output extent.
    """
    output = window.output(x.extent)
    blocks = F.pixel_unshuffle(x.coefficients, BLOCK)
    padding: list[int] = []
    for axis in (1, 0):
        first, last = window.reach(axis)
        # The last output block reaches past the grid by this much; a negative number cuts blocks off.
        behind = window.stride[axis] * (output.blocks[axis] - 1) + last + 1 - x.extent.blocks[axis]
        padding += [-first, behind]
    blocks = F.conv2d(F.pad(blocks, padding), folded, stride=window.stride, groups=groups)
    coefficients = cut(F.pixel_shuffle(blocks, BLOCK), output)
    return x.replace(affine(coefficients, output, None, bias, inplace=True), output)


def conv2d_dense(x: Activation, folded: Tensor, bias: Tensor | None, output: Extent) -> Activation:
    """Convolve by the dense tensor of `folding.dense` for the activation's extent: one matrix product, eq. (13).

    Returns:
        The activation of the extent `output`.
    """
    coefficients = torch.tensordot(x.coefficients, folded, dims=([1, 2, 3], [3, 4, 5]))
    return x.replace(affine(coefficients, output, None, bias, inplace=True), output)
