"""oneDNN's convolution with a kernel in its own blocked layout, and what follows it in the same pass, on CPU.

Torch keeps a kernel in its original layout, and oneDNN works with that; in the layout that oneDNN would choose, a 1×1
convolution takes less than half the time. The operators are those that torch's own compiler calls for frozen models.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["convolve", "fits", "pack"]


@lru_cache(maxsize=1)
def _works() -> bool:
    """True if this torch has the operators, and they compute what this code expects."""
    if not torch.backends.mkldnn.is_available():
        return False
    with torch.inference_mode(False), torch.no_grad():
        x, weight, bias = (torch.arange(n, dtype=torch.float32).sin() for n in (2 * 4 * 5 * 6, 8 * 2 * 3 * 3, 8))
        x, weight = x.view(2, 4, 5, 6), weight.view(8, 2, 3, 3)
        settings = [1, 1], [2, 1], [1, 1], 2
        expected = F.conv2d(x, weight, bias, (2, 1), 1, 1, 2)
        other = expected.cos()
        try:
            packed = pack(weight, settings, x.shape)
            alone = convolve(x, packed, bias, settings, relu=False)
            bounded = convolve(x, packed, bias, settings, relu=(0.0, 0.5))
            summed = convolve(x, packed, bias, settings, relu=True, other=other)
            memory = other.contiguous(memory_format=torch.channels_last)
            inplace = convolve(x, packed, bias, settings, relu=True, other=memory, inplace=True)
        except (AttributeError, RuntimeError, TypeError):
            return False
        total = (expected + other).relu()
        pairs = ((alone, expected), (bounded, expected.clamp(0, 0.5)), (summed, total), (inplace, total))
        return all(torch.allclose(got, right, rtol=1e-4, atol=1e-4) for got, right in pairs)


def fits(x: Tensor, weight: Tensor) -> bool:
    """Return whether the operators can run a convolution: float32 on a CPU, without autocast."""
    plain = x.dtype == weight.dtype == torch.float32 and x.device.type == weight.device.type == "cpu"
    wanted = bool(torch.backends.mkldnn.enabled) and not torch.is_autocast_enabled("cpu")
    return plain and x.numel() > 0 and wanted and _works()


Settings = tuple[list[int], list[int], list[int], int]
"""Padding, stride, dilation, groups."""


def pack(weight: Tensor, settings: Settings, shape: Sequence[int]) -> Tensor:
    """Convert a kernel (c', c/groups, kh, kw) to the layout that oneDNN chooses for inputs of this shape."""
    return torch.ops.mkldnn._reorder_convolution_weight(weight, *settings, list(shape))


def convolve(
    x: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    settings: Settings,
    *,
    relu: bool | tuple[float, float],
    other: Tensor | None = None,
    inplace: bool = False,
) -> Tensor:
    """Convolve (n, c, h, w) float32, add `other` if given, and rectify if `relu`, in one pass: (n, c', h', w')."""
    # Without `other`, `relu` may be the bounds of a hardtanh.
    # `other` has the result's shape, with more than one channel and pixel: oneDNN cannot tell the layout otherwise.
    after: tuple[Any, ...] = ("relu" if relu else "none", [], "")
    if isinstance(relu, tuple):
        after = "hardtanh", list(relu), ""
    if other is None:
        return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *settings, *after)
    after = ("relu" if relu else None, [], None)
    if inplace and other.is_contiguous(memory_format=torch.channels_last):
        # Otherwise oneDNN begins with a copy of it.
        return torch.ops.mkldnn._convolution_pointwise_.binary(other, x, packed, bias, *settings, "add", 1.0, *after)
    return torch.ops.mkldnn._convolution_pointwise.binary(x, other, packed, bias, *settings, "add", 1.0, *after)
