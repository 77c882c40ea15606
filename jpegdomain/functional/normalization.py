"""Batch normalisation on coefficients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.geometry import BLOCK
from jpegdomain.table import implements
from jpegdomain.transform import affine, constant_image

from .maps import plain

__all__ = ["batch_norm", "channel_mean"]


def channel_mean(x: Activation) -> Tensor:
    """Average each channel's pixels over the extent, from DC alone: Σ_blocks 8·DC/(H·W), eq. (22) at any size.

    A block's orthonormal DC is an eighth of the sum of its 64 pixels, and pixels outside the extent are zero.

    Args:
        x: The activation.

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
    included. The running statistics are updated in place, the variance unbiased.

    Args:
        input: The activation.
        running_mean: (c,) or None.
        running_var: (c,) or None.
        weight: (c,) γ, or None for 1.
        bias: (c,) β, or None for 0.
        training: Whether to use, and track, the batch's own statistics.
        momentum: Share of the batch in the running statistics.
        eps: ε.
        inplace: Whether the activation may be written over, outside training; without effect while gradients are
            recorded.

    Returns:
        An activation of the same extent.

    Raises:
        ValueError: If `training` and there is one value per channel only, or not `training` and a running statistic is
            missing.
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
            # Not lerp_, which torch.func.vmap takes apart network by network.
            running_mean.mul_(1 - momentum).add_(mean.to(running_mean), alpha=momentum)
            running_var.mul_(1 - momentum).add_(unbiased.to(running_var), alpha=momentum)
    scale = torch.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    return input.replace(affine(centred, input.extent, scale, bias).to(input.dtype))
