"""The components of images of one kind, dequantised."""

from dataclasses import dataclass

import torch
from torch import Tensor

from jpegdomain.batch import Group
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import INKS
from jpegdomain.geometry import Extent

__all__ = ["Components"]


@dataclass(frozen=True, eq=False)
class Components:
    """Images of one extent, colour model and sampling, as many as the tensors say.

    Attributes:
        coefficients: For each component (n, 1, 8X, 8Y), dequantised, in place, in float32 or float64.
        extents: Each component's own height and width in samples.
        upsampling: (Vmax/V, Hmax/H) of each.
        color: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``.
        extent: Height and width of the images in pixels.
        dtype: The floating-point type that the images enter the network in.
    """

    coefficients: tuple[Tensor, ...]
    extents: tuple[Extent, ...]
    upsampling: tuple[tuple[int, int], ...]
    color: Color
    extent: Extent
    dtype: torch.dtype

    @classmethod
    def of(cls, group: Group, extent: Extent, count: int) -> "Components":
        """Dequantise a group of a batch whose components are here whole.

        Args:
            group: The group.
            extent: Height and width of its images in pixels.
            count: How many components, from the first on; of CMYK and YCCK all four are needed for any channel.

        Returns:
            Them.
        """
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
