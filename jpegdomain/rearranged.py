"""A feature map whose axes a model has permuted, split or merged on the way to its next layer."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import ExtentMismatchError
from .geometry import Extent

__all__ = ["Rearranged"]


@dataclass(frozen=True, eq=False)
class Rearranged:
    """A feature map in the transform domain with its axes in another order or number than (n, c, h, w).

    J acts along the two pixel axes only, so moving, splitting and merging the others commutes with it: channels-last
    activations, (n, h, w, c), or channels in groups, (n, g, c/g, h, w), hold the same coefficients.

    Args:
        coefficients: Any axes, the pixel axes as in an `Activation`: tiles of coefficients in place.
        extent: Height and width in pixels, in the order of `axes`.
        axes: Positions i < j of the pixel axes.

    Raises:
        ExtentMismatchError: If the coefficients do not lie on the extent's block grid.
    """

    coefficients: Tensor
    extent: Extent
    axes: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "extent", Extent(*self.extent))
        first, second = self.axes
        sizes = tuple(self.coefficients.shape)
        if not 0 <= first < second < len(sizes) or (sizes[first], sizes[second]) != self.extent.canvas:
            raise ExtentMismatchError(
                f"coefficients of an extent of {self.extent} have its canvas {self.extent.canvas} along the axes "
                f"{self.axes}; got {sizes}"
            )

    @property
    def shape(self) -> torch.Size:
        """The shape of the pixels that the coefficients stand for."""
        sizes = list(self.coefficients.shape)
        for axis, size in zip(self.axes, self.extent, strict=True):
            sizes[axis] = size
        return torch.Size(sizes)

    def size(self, dim: int | None = None) -> torch.Size | int:
        """Give the pixel shape as ``torch.Tensor.size`` does.

        Args:
            dim: One axis, or None for all.

        Returns:
            All sizes, or one of them.
        """
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Count the axes.

        Returns:
            Their number.
        """
        return self.coefficients.dim()

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.coefficients.dim()

    @property
    def dtype(self) -> torch.dtype:
        """The coefficients' dtype."""
        return self.coefficients.dtype

    @property
    def device(self) -> torch.device:
        """The coefficients' device."""
        return self.coefficients.device

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Rearranged(shape={tuple(self.shape)}, axes={self.axes}, dtype={self.dtype}, device={self.device})"
