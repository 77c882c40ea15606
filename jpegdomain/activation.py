"""The datum that flows between layers: coefficients in place of pixels, and the extent they stand for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .errors import ExtentMismatchError
from .geometry import Extent

__all__ = ["Activation"]


@dataclass(frozen=True, eq=False)
class Activation:
    """A feature map in the transform domain.

    The layout is *in place*: an ordinary tensor (n, c, 8X, 8Y) in which each 8×8 tile of pixels is replaced by its
    orthonormal DCT-II coefficients, row = vertical frequency, column = horizontal frequency. Pixels of the tiles
    outside the extent are zero; every layer keeps that invariant.

    Args:
        coefficients: (n, c, 8X, 8Y), floating point, best in channels-last memory.
        extent: Height H and width W in pixels, ⌈H/8⌉ = X and ⌈W/8⌉ = Y.

    Raises:
        ExtentMismatchError: If the coefficients do not lie on the extent's block grid.
    """

    coefficients: Tensor
    extent: Extent

    def __post_init__(self) -> None:
        object.__setattr__(self, "extent", Extent(*self.extent))
        if self.coefficients.dim() != 4 or tuple(self.coefficients.shape[2:]) != self.extent.canvas:
            height, width = self.extent.canvas
            raise ExtentMismatchError(
                f"coefficients of an extent of {self.extent} have the shape (n, c, {height}, {width}); "
                f"got {tuple(self.coefficients.shape)}"
            )

    @property
    def shape(self) -> torch.Size:
        """(n, c, H, W), the shape of the pixels that the coefficients stand for."""
        return torch.Size((*self.coefficients.shape[:2], *self.extent))

    def size(self, dim: int | None = None) -> torch.Size | int:
        """Give the pixel shape as ``torch.Tensor.size`` does.

        Args:
            dim: One axis, or None for all.

        Returns:
            (n, c, H, W), or one of them.
        """
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Count the axes.

        Returns:
            4.
        """
        return 4

    @property
    def ndim(self) -> int:
        """The number of axes, 4."""
        return 4

    @property
    def dtype(self) -> torch.dtype:
        """The coefficients' dtype."""
        return self.coefficients.dtype

    @property
    def device(self) -> torch.device:
        """The coefficients' device."""
        return self.coefficients.device

    def to(self, *args: Any, **kwargs: Any) -> "Activation":
        """Move or cast the coefficients.

        Args:
            *args: As ``torch.Tensor.to`` takes them.
            **kwargs: As ``torch.Tensor.to`` takes them.

        Returns:
            An activation of the same extent.
        """
        return Activation(self.coefficients.to(*args, **kwargs), self.extent)

    def __len__(self) -> int:
        return self.coefficients.shape[0]

    def __repr__(self) -> str:
        return f"Activation(shape={tuple(self.shape)}, dtype={self.dtype}, device={self.device})"


def _unflatten(children: Iterable[Any], extent: Extent) -> Activation:
    # Not by the constructor: what is put in a tensor's place is no tensor.
    activation = object.__new__(Activation)
    for name, value in zip(("coefficients", "extent"), (*children, extent), strict=True):
        object.__setattr__(activation, name, value)
    return activation


# To torch.export and torch.func an activation is one tensor, and its extent part of the structure.
pytree.register_pytree_node(
    Activation,
    lambda x: ([x.coefficients], x.extent),
    _unflatten,
    serialized_type_name="jpegdomain.Activation",
    to_dumpable_context=list,
    from_dumpable_context=lambda extent: Extent(*extent),
    flatten_with_keys_fn=lambda x: ([(pytree.GetAttrKey("coefficients"), x.coefficients)], x.extent),
)
