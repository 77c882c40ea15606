"""Brightness, contrast and saturation of activations: torchvision's without its clamping.

Each blends an image with another one that depends linearly on it, factor·I + (1 − factor)·B(I), and is therefore the
same map on coefficients. Torchvision then clamps to the range, which is not linear and is left out here.
"""

from typing import TypeAlias

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.functional import channel_mean, constant_image

from .labels import APPROXIMATE, labelled

__all__ = ["adjust_brightness", "adjust_contrast", "adjust_saturation"]

Factor: TypeAlias = float | Tensor
"""One number for all images, or (n,)."""

# Torchvision's numbers, with its rounding.
_GRAY = (0.2989, 0.587, 0.114)


@labelled(APPROXIMATE)
def adjust_brightness(x: Activation, factor: Factor) -> Activation:
    """Scale all pixels: factor·I.

    Args:
        x: (n, c, h, w), with 0 for black: not yet normalised by mean and std.
        factor: 0 for black, 1 for the image as it is.

    Returns:
        ``torchvision.transforms.v2.functional.adjust_brightness`` without its clamping.
    """
    return Activation(_factors(x, factor) * x.coefficients, x.extent)


@labelled(APPROXIMATE)
def adjust_contrast(x: Activation, factor: Factor) -> Activation:
    """Blend with the mean of the gray image: factor·I + (1 − factor)·mean(gray(I)).

    Args:
        x: (n, c, h, w), c = 1 or 3, not yet normalised by mean and std.
        factor: 0 for plain gray, 1 for the image as it is.

    Returns:
        ``torchvision.transforms.v2.functional.adjust_contrast`` without its clamping.
    """
    factors = _factors(x, factor)
    gray = Activation(_gray(x), x.extent)
    level = channel_mean(gray).view(-1, 1, 1, 1)
    ones = constant_image(x.extent, dtype=x.dtype, device=x.device)
    return Activation(factors * x.coefficients + (1 - factors) * level * ones, x.extent)


@labelled(APPROXIMATE)
def adjust_saturation(x: Activation, factor: Factor) -> Activation:
    """Blend with the gray image: factor·I + (1 − factor)·gray(I).

    Args:
        x: (n, c, h, w), c = 1 or 3, not yet normalised by mean and std.
        factor: 0 for gray, 1 for the image as it is.

    Returns:
        ``torchvision.transforms.v2.functional.adjust_saturation`` without its clamping.
    """
    factors = _factors(x, factor)
    return Activation(factors * x.coefficients + (1 - factors) * _gray(x), x.extent)


def _factors(x: Activation, factor: Factor) -> Tensor:
    """(n or 1, 1, 1, 1)."""
    factors = torch.as_tensor(factor, dtype=x.dtype, device=x.device).reshape(-1, 1, 1, 1)
    if len(factors) not in {1, len(x)}:
        raise InputError(f"factor must be one number or one for each of {len(x)} images, got {len(factors)}")
    return factors


def _gray(x: Activation) -> Tensor:
    """(n, 1, 8X, 8Y)."""
    channels = x.coefficients.shape[1]
    if channels == 1:
        return x.coefficients
    if channels != 3:
        raise InputError(f"an image must have 1 or 3 channels, got {channels}")
    weights = torch.tensor(_GRAY, dtype=x.dtype, device=x.device)
    return torch.einsum("c,nchw->nhw", weights, x.coefficients)[:, None]
