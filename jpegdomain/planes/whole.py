"""Images of one extent: components to the image's own grid."""

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.colour import INKS, from_inks
from jpegdomain.functional import cut, decode, encode
from jpegdomain.geometry import Extent

from .components import Components
from .upsampling import upsample

__all__ = ["whole_coefficients", "whole_pixels"]


def _samples(coefficients: Tensor, own: Extent, factors: tuple[int, int], extent: Extent) -> Tensor:
    """(m, 1, h, w) a component's level-shifted samples, upsampled and cut to the image."""
    samples = upsample(decode(Activation(coefficients, own)), factors)
    return samples[:, :, : extent.height, : extent.width]


def whole_pixels(components: Components, count: int) -> Tensor:
    """Give the components as level-shifted samples at full resolution.

    Args:
        components: Of any images.
        count: How many components, from the first on; of CMYK and YCCK, R, G and B.

    Returns:
        (m, count, height, width).
    """
    inks = components.color in INKS
    given = list(zip(components.coefficients, components.extents, components.upsampling, strict=True))
    samples = torch.cat([_samples(*one, components.extent) for one in (given if inks else given[:count])], dim=1)
    return from_inks(samples, components.color) if inks else samples


def whole_coefficients(components: Components, count: int) -> Tensor:
    """Give the transforms of the same samples; only upsampled planes pass through pixels on the way.

    Args:
        components: Of any images.
        count: How many components, from the first on; of CMYK and YCCK, R, G and B, which are pixels on the way.

    Returns:
        (m, count, 8X, 8Y), nothing outside the extent.
    """
    if components.color in INKS:
        return encode(whole_pixels(components, count)).coefficients
    extent = components.extent
    given = zip(components.coefficients, components.extents, components.upsampling, strict=True)
    planes = [
        # The encoder filled partial blocks as it liked; an activation has zeros there.
        cut(coefficients, extent)
        if factors == (1, 1)
        else encode(_samples(coefficients, own, factors, extent)).coefficients
        for coefficients, own, factors in list(given)[:count]
    ]
    return torch.cat(planes, dim=1)
