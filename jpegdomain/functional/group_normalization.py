"""Normalisation of each image by itself: statistics from the coefficients, or over the channels of every pixel."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.table import implements
from jpegdomain.transform import constant_image

from .maps import island, plain
from .normalization import batch_norm, channel_mean

__all__ = ["group_norm", "instance_norm", "layer_norm"]


@implements(F.group_norm, accepts=plain)
def group_norm(
    input: Activation, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Activation:
    """Normalise groups of channels, γ·(I − E[I])/√(Var[I] + ε) + β, without leaving the transform domain.

    The mean is read from DC; the variance follows by Parseval from the coefficients of the centred image, as in
    `batch_norm`, here over the channels of one group of one image.

    Args:
        input: The activation.
        num_groups: As in ``torch.nn.functional.group_norm``.
        weight: (c,) γ, or None for 1.
        bias: (c,) β, or None for 0.
        eps: ε.

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
    """Normalise each channel of each image: `batch_norm` of one image that has n·c channels.

    Args:
        input: The activation.
        running_mean: (c,) or None; updated in place by the mean over the images.
        running_var: Likewise.
        weight: (c,) γ, or None for 1.
        bias: (c,) β, or None for 0.
        use_input_stats: Whether each image's own statistics count, or the running ones.
        momentum: Share of the batch in the running statistics.
        eps: ε.

    Returns:
        An activation of the same extent.
    """
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
    """Normalise over the last axes, J∘f∘J̃: over the channels of a channels-last map, each pixel has its own variance.

    Args:
        input: The feature map.
        normalized_shape: As in ``torch.nn.functional.layer_norm``.
        weight: Likewise.
        bias: Likewise.
        eps: ε.

    Returns:
        A feature map with the same axes.
    """
    return island(input, lambda pixels: F.layer_norm(pixels, list(normalized_shape), weight, bias, eps))
