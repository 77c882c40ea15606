"""Normalisation: statistics from the coefficients, or over the channels of every pixel."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import BLOCK
from jpegdomain.table import implements
from jpegdomain.transform import affine, constant_image

from .maps import island, plain

__all__ = ["batch_norm", "channel_mean", "group_norm", "instance_norm", "layer_norm"]


def channel_mean(x: Activation) -> Tensor:
    """Average each channel's pixels over the extent, from DC alone: Σ_blocks 8·DC/(H·W), eq. (22) at any size.

    A block's orthonormal DC is an eighth of the sum of its 64 pixels, and pixels outside the extent are zero.

    Returns:
        (n, c) means.
    """
    dc = x.coefficients[:, :, ::BLOCK, ::BLOCK]
    return dc.sum(dim=(2, 3)) * (BLOCK / (x.extent.height * x.extent.width))


@implements(F.batch_norm, accepts=plain)
def batch_norm(
    input: Activation,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    inplace: bool = False,
) -> Activation:
    """Normalise each channel, γ·(I − E[I])/√(Var[I] + ε) + β, eq. (21), as ``torch.nn.functional.batch_norm``.

    In training, the mean comes from DC, and the variance by Parseval from the coefficients of the centred image,
    Var[I] = Σ (J(I) − E[I]·J(1))²/(N·H·W): theorem 2 of Ehrlich & Davis for any number of blocks, partial ones
    included. The running statistics are updated in place, the variance unbiased. `inplace` lets the activation be
    overwritten outside training, if no gradients are recorded.

    Returns:
        An activation of the same extent.

    Raises:
        ValueError: If there is only one value per channel in training, or a running statistic is missing outside it.
    """
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm outside training needs running_mean and running_var")
        scale = torch.rsqrt(running_var + eps)
        if weight is not None:
            scale = scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        return input.replace(affine(input.coefficients, input.extent, scale, shift, inplace=inplace))

    count = input.coefficients.shape[0] * input.extent.height * input.extent.width
    if count == 1:
        raise ValueError("batch_norm in training needs more than one value per channel")
    # Sums of squares overflow half precision; torch, too, computes statistics of 16-bit numbers in float32.
    precision = torch.promote_types(input.dtype, torch.float32)
    wide = input.replace(input.coefficients.to(precision))
    mean = channel_mean(wide).mean(dim=0)
    ones = constant_image(input.extent, dtype=precision, device=input.device)
    centred = wide.coefficients - mean.view(-1, 1, 1) * ones
    variance = centred.square().sum(dim=(0, 2, 3)) / count
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            unbiased = variance * (count / (count - 1))
            # Not lerp_, which torch.func.vmap runs for one network after the other.
            running_mean.mul_(1 - momentum).add_(mean.to(running_mean), alpha=momentum)
            running_var.mul_(1 - momentum).add_(unbiased.to(running_var), alpha=momentum)
    scale = torch.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    return input.replace(affine(centred, input.extent, scale, bias).to(input.dtype))


@implements(F.group_norm, accepts=plain)
def group_norm(
    input: Activation, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Activation:
    """Normalise groups of channels, γ·(I − E[I])/√(Var[I] + ε) + β, as ``torch.nn.functional.group_norm``.

    The mean is read from DC. The variance follows by Parseval from the coefficients of the centred image, as in
    `batch_norm`, but over the channels of one group of one image.

    Returns:
        An activation of the same extent.

    Raises:
        ValueError: If the channels do not divide into the groups.
    """
    images, channels = input.coefficients.shape[:2]
    if channels % num_groups:
        raise ValueError(f"{channels} channels do not divide into {num_groups} groups")
    precision = torch.promote_types(input.dtype, torch.float32)
    wide = input.replace(input.coefficients.to(precision))

    def over_groups(values: Tensor) -> Tensor:
        """(n, c) → the mean over each group, (n, c)."""
        means = values.view(images, num_groups, -1).mean(2, keepdim=True)
        return means.expand(-1, -1, channels // num_groups).reshape(images, channels)

    ones = constant_image(input.extent, dtype=precision, device=input.device)
    centred = wide.coefficients - over_groups(channel_mean(wide))[:, :, None, None] * ones
    energy = centred.square().sum(dim=(2, 3)) / (input.extent.height * input.extent.width)
    scale = torch.rsqrt(over_groups(energy) + eps)
    if weight is not None:
        scale = scale * weight
    result = centred * scale[:, :, None, None]
    if bias is not None:
        result = result + bias.to(precision).view(-1, 1, 1) * ones
    return input.replace(result.to(input.dtype))


@implements(F.instance_norm, accepts=plain)
def instance_norm(
    input: Activation,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Activation:
    """``torch.nn.functional.instance_norm``: `batch_norm` of one image that has n·c channels."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    images, channels = input.coefficients.shape[:2]
    mean, variance, scale, shift = (
        None if t is None else t.repeat(images) for t in (running_mean, running_var, weight, bias)
    )
    one = input.replace(input.coefficients.reshape(1, images * channels, *input.extent.canvas))
    result = batch_norm(one, mean, variance, scale, shift, True, momentum, eps)
    for kept, updated in zip((running_mean, running_var), (mean, variance), strict=True):
        if kept is not None and updated is not None:
            kept.copy_(updated.view(images, channels).mean(0))
    return input.replace(result.coefficients.view(input.coefficients.shape))


def layer_norm(
    input: Activation,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Activation:
    """``torch.nn.functional.layer_norm``, as J∘f∘J̃: over the channels, each pixel has its own variance."""
    return island(input, lambda pixels: F.layer_norm(pixels, list(normalized_shape), weight, bias, eps))
