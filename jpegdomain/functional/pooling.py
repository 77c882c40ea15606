"""Pooling in the transform domain: averages are linear, the global one reads DC, the maximum is chosen by ASM."""

from typing import Any, TypeVar

import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import Pair, pair
from jpegdomain.table import implements
from jpegdomain.transform import Frequencies

from .faulty_kernels import check_windows
from .maps import plain
from .normalization import channel_mean
from .piecewise import Method
from .pixels import decode, encode, pixels_of

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "global_avg_pool2d", "max_pool2d"]

Features = TypeVar("Features", Activation, Tensor)


def global_avg_pool2d(x: Activation) -> Tensor:
    """Average over the extent by reading DC (section 4.5), Σ_blocks 8·DC/(H·W): (n, c, 1, 1) pixels."""
    return channel_mean(x)[:, :, None, None]


def avg_pool2d(
    input: Activation,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Activation:
    """``torch.nn.functional.avg_pool2d``: from DC if one window covers the extent, else as J∘pool∘J̃."""
    if pair(kernel_size) == input.extent and pair(padding) == (0, 0) and divisor_override is None:
        return encode(global_avg_pool2d(input), like=input)
    window = pair(kernel_size), pair(stride or kernel_size), pair(padding)
    return encode(F.avg_pool2d(decode(input), *window, ceil_mode, count_include_pad, divisor_override), like=input)


def _averages_all(input: Any, output_size: Any) -> bool:
    """Whether one window covers the extent."""
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    return plain(input) and all(size == 1 for size in sizes)


@implements(F.adaptive_avg_pool2d, accepts=_averages_all)
def _adaptive_global(input: Activation, output_size: Any) -> Tensor:  # noqa: ARG001
    if input.has_coefficients:
        return global_avg_pool2d(input)
    return pixels_of(input).mean((2, 3), keepdim=True)


def adaptive_avg_pool2d(input: Activation, output_size: int | tuple[int | None, int | None] | None) -> Activation:
    """``torch.nn.functional.adaptive_avg_pool2d``, J∘pool∘J̃."""
    return encode(F.adaptive_avg_pool2d(decode(input), output_size), like=input)


def _pooled(exact: Tensor | None, low: Tensor, window: tuple[Any, ...]) -> Tensor:
    """The largest of the approximation, or the exact values where that is largest."""
    if exact is None:
        return F.max_pool2d(low, *window)
    _, chosen = F.max_pool2d_with_indices(low, *window)
    return exact.flatten(2).gather(2, chosen.flatten(2)).view(chosen.shape)


def max_pool2d(
    x: Features,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    frequencies: Frequencies = 15,
    method: Method = "asm",
) -> Features:
    """Maximum over windows: a piecewise-linear function whose piece is 'which pixel is largest'.

    ASM chooses the pixel by the truncated reconstruction and takes its exact value; APX takes the maximum of the
    truncated reconstruction. Both are exact at 15 frequencies.

    Args:
        x: The activation; or pixels (n, c, h, w), for which J̃∘pool∘J is computed, and the outer transforms cancel.
        kernel_size: This and those up to `ceil_mode` are as in ``torch.nn.functional.max_pool2d``.
        stride: The kernel size if None.
        padding: On both sides.
        dilation: Dilation of the window.
        ceil_mode: Whether windows may begin inside and end outside.
        frequencies: 1…15, coefficients with α+β < frequencies decide; or a tensor, as in `functional.low_pass`.
        method: 'asm' or 'apx'.

    Returns:
        The activation of the pooled extent, or its pixels.
    """
    window = pair(kernel_size), pair(stride or kernel_size), pair(padding), pair(dilation), ceil_mode
    check_windows(x.shape[2:], *window)
    exact = not isinstance(frequencies, Tensor) and frequencies == 15

    if isinstance(x, Activation):
        masked = method == "asm" and not exact
        return encode(_pooled(decode(x) if masked else None, decode(x, frequencies=frequencies), window), like=x)
    if exact:
        return F.max_pool2d(x, *window)
    low = decode(encode(x), frequencies=frequencies)
    return _pooled(x if method == "asm" else None, low, window)


def _pools(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether the maximum is chosen by ASM or APX; the exact one needs all pixels."""
    return plain(input, *args, **kwargs) and input.frequencies < 15


@implements("max_pool2d", accepts=_pools)
def _max_pool2d(
    input: Activation,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    window = kernel_size, stride, padding, dilation, ceil_mode
    values = max_pool2d(input, *window, input.frequencies, input.method)
    if not return_indices:
        return values
    low = decode(input, frequencies=input.frequencies)
    return values, F.max_pool2d_with_indices(low, *window)[1]  # type: ignore[arg-type]


@implements("max_pool2d_with_indices", accepts=_pools)
def _max_pool2d_with_indices(input: Activation, *args: Any, **kwargs: Any) -> Any:
    return _max_pool2d(input, *args[:5], **{**kwargs, "return_indices": True})
