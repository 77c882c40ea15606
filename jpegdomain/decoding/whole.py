"""Images of one extent without a preprocess: from the file's sampling of components to the image's own grid.

This is the map of `matrices` for the identity, evaluated block by block. Dense matrices take 1.3 times as long at
224×224 pixels and up to 2.3 times at 512×512 (CPU, one thread).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import INKS, from_inks
from jpegdomain.data import Group
from jpegdomain.functional import cut, decode, encode
from jpegdomain.geometry import Extent
from jpegdomain.preprocess.component_axis import TRIANGLE, takes_triangle

__all__ = ["Components", "upsample", "whole_coefficients", "whole_pixels"]


@dataclass(frozen=True, eq=False)
class Components:
    """The dequantised components of any number of images with one extent, colour model and sampling.

    Attributes:
        coefficients: For each component (n, 1, 8X, 8Y), dequantised, in place, in float32 or float64.
        extents: Each component's own height and width in samples.
        upsampling: (Vmax/V, Hmax/H) of each component.
        color: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``.
        extent: Height and width of the images in pixels.
        dtype: The floating-point type that the images have in the network.
    """

    coefficients: tuple[Tensor, ...]
    extents: tuple[Extent, ...]
    upsampling: tuple[tuple[int, int], ...]
    color: Color
    extent: Extent
    dtype: torch.dtype

    @classmethod
    def of(cls, group: Group, extent: Extent, count: int) -> "Components":
        """Dequantise a group's first `count` components; for CMYK and YCCK all four, which every channel needs."""
        planes = group.planes if group.color in INKS else group.planes[:count]
        return cls(
            tuple(plane.coefficients for plane in planes),
            tuple(plane.extent for plane in planes),
            tuple(plane.upsampling for plane in planes),
            group.color,
            extent,
            planes[0].dtype,
        )

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return self.coefficients[0].device


def upsample(samples: Tensor, factors: tuple[int, int]) -> Tensor:
    """Upsample a component as libjpeg-turbo does by default ("fancy upsampling"), without its rounding.

    Args:
        samples: (n, c, h, w) the component's own samples, without the padding of its blocks.
        factors: (vertical, horizontal), at least 1; `takes_triangle` chooses the filter.

    Returns:
        (n, c, h·vertical, w·horizontal).
    """
    fancy = takes_triangle(Extent(*samples.shape[2:]), factors)
    for axis, factor in zip((2, 3), factors, strict=True):
        if factor == 2 and fancy:
            samples = _triangle(samples, axis)
        elif factor > 1:
            samples = samples.repeat_interleave(factor, axis)
    return samples


def _triangle(samples: Tensor, axis: int) -> Tensor:
    """Double one axis: each output lies a quarter step from its nearest input."""
    size, (near, far) = samples.shape[axis], TRIANGLE
    first, last = samples.narrow(axis, 0, 1), samples.narrow(axis, size - 1, 1)
    before = torch.cat([first, samples.narrow(axis, 0, size - 1)], axis)
    after = torch.cat([samples.narrow(axis, 1, size - 1), last], axis)
    pair = torch.stack([near * samples + far * before, near * samples + far * after], axis + 1)
    return pair.flatten(axis, axis + 1)


def _samples(coefficients: Tensor, own: Extent, factors: tuple[int, int], extent: Extent) -> Tensor:
    """(m, 1, h, w) a component's level-shifted samples, upsampled and cropped to the image."""
    samples = upsample(decode(Activation(coefficients, own)), factors)
    return samples[:, :, : extent.height, : extent.width]


def whole_pixels(components: Components, count: int) -> Tensor:
    """(m, count, height, width): level-shifted samples of the first components; R, G and B for CMYK and YCCK."""
    inks = components.color in INKS
    given = list(zip(components.coefficients, components.extents, components.upsampling, strict=True))
    samples = torch.cat([_samples(*one, components.extent) for one in (given if inks else given[:count])], dim=1)
    return from_inks(samples, components.color) if inks else samples


def whole_coefficients(components: Components, count: int) -> Tensor:
    """(m, count, 8X, 8Y): the transforms of `whole_pixels`, zeros outside the extent."""
    if components.color in INKS:
        return encode(whole_pixels(components, count)).coefficients
    extent = components.extent
    given = zip(components.coefficients, components.extents, components.upsampling, strict=True)
    planes = [
        # The encoder filled partial blocks arbitrarily; an activation has zeros there.
        cut(coefficients, extent)
        # Only upsampled planes are converted to pixels on the way.
        if factors == (1, 1)
        else encode(_samples(coefficients, own, factors, extent)).coefficients
        for coefficients, own, factors in list(given)[:count]
    ]
    return torch.cat(planes, dim=1)
