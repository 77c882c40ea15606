"""Bugs in the CPU kernels that torch uses, and calls that avoid them.

``python -m tests.kernels.stress`` looks for such bugs. This is the only list of those that it has found:

1. *Strided 1×1 convolution, backward for the weights* (oneDNN, ``jit_avx2_1x1_convolution_bwd_weights``). Writes past
   its scratch memory: 'double free or corruption', or a crash anywhere later. When: AVX2 or AVX2_VNNI is the best that
   the CPU has (or ``ONEDNN_MAX_CPU_ISA`` allows); float32, with at least the kernel in channels-last memory; no
   padding, groups of 1, a stride other than 1 that divides the size, 2 to 7 input channels, 2 images or more. Seen in
   torch 2.6.0 and 2.14.1. `conv2d_on_pixels` selects the pixels that are read, and convolves them at stride 1.
2. *Depthwise convolution and a sum in one pass* (oneDNN, ``jit_dw:sse41``, which `conversion.onednn` calls). Reads
   through a wild pointer: a segmentation fault. When: CPUs without AVX2; float32 in channels-last memory, the number of
   channels not a multiple of 8. Seen in torch 2.14.1. `adds_safely` returns False, and the sum is a separate call.
3. *Max-pooling with windows that hold no pixel*, backward (torch's own). In the forward pass the maximum of nothing is
   −∞ and its index lies beyond the plane, where the backward pass adds to whatever is there. When: any CPU and memory
   format; a dilation larger than the feature map, with padding. Seen in torch 2.6.0 and 2.14.1. `check_windows` raises.
4. *1×1 convolution with a dilation*, forward (oneDNN, ``brg_conv_fwd:avx2``): a segmentation fault. When: AVX2 and
   more; float32 in channels-last memory, padding, and a feature map so narrow that a stride takes the kernel from the
   padding before it to that after it. Seen in torch 2.14.1. `own_dilation` drops a dilation that has no effect.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.geometry import Pair, pair

__all__ = ["adds_safely", "check_windows", "conv2d_on_pixels", "own_dilation"]

_VECTOR = 8
"""Number of float32 in an AVX2 vector; both kernels of oneDNN fail in the incomplete last vector."""


def conv2d_on_pixels(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv2d`` without bugs 1 and 4: C_s(x) = C_1(x[:, :, ::s, ::s]) for a 1×1 kernel."""
    down, right = pair(stride)
    dilation = own_dilation(weight.shape[2:], dilation)
    few = x.shape[1] < _VECTOR and x.device.type == "cpu" and x.dim() == 4
    if few and (down, right) != (1, 1) and tuple(weight.shape[2:]) == (1, 1) and padding in (0, (0, 0), "valid"):
        x, stride, padding = x[:, :, ::down, ::right], 1, 0
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def own_dilation(kernel: Sequence[int], dilation: Pair) -> tuple[int, int]:
    """Return a kernel's dilation, to avoid bug 4: 1 along axes where the kernel has size 1 and nothing to dilate."""
    down, right = pair(dilation)
    return down if kernel[0] != 1 else 1, right if kernel[1] != 1 else 1


def adds_safely(channels: int, groups: int) -> bool:
    """Return whether a convolution may add to its result in the same pass: not where bug 2 occurs."""
    return groups == 1 or groups < channels or channels % _VECTOR == 0


def check_windows(
    size: Sequence[int], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> None:
    """Raise unless every window of a max-pooling holds a pixel, to avoid bug 3.

    Args:
        size: Height and width of the feature map.
        kernel: This and the following as in ``torch.nn.functional.max_pool2d``.
        stride: As there.
        padding: As there.
        dilation: As there.
        ceil_mode: As there.

    Raises:
        InputError: If a window holds no pixel.
    """
    for side, k, s, p, d in zip(size, *map(pair, (kernel, stride, padding, dilation)), strict=True):
        if p == 0 or d == 1:
            continue
        behind = side + p - d * (k - 1) + (s - 1 if ceil_mode else 0)
        # A window that begins in the padding first meets the plane at its start modulo d.
        if any(start % d >= side for start in range(-p, min(0, behind), s)):
            raise InputError(
                f"max-pooling of {'×'.join(map(str, size))} pixels with kernel_size={kernel}, padding={padding} and "
                f"dilation={dilation} has windows that hold no pixel"
            )
