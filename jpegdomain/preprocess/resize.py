"""`Resize`, with torchvision's sizes and rounding."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from jpegdomain.geometry import Extent

from .resampling import interpolation_name
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["Resize"]


@dataclass(frozen=True)
class Resize(Transform):
    """Resize as ``torchvision.transforms.v2.Resize`` does on floating-point images.

    Args:
        size: The short side, or (height, width), or None: then `max_size` is the long side.
        interpolation: 'bilinear', 'bicubic', or torchvision's ``InterpolationMode`` of them.
        max_size: The largest long side, if `size` is the short side.
        antialias: Whether to widen the filter if the image is made smaller; None is False.

    Raises:
        ValueError: If torchvision does not allow these arguments.
    """

    size: int | Sequence[int] | None
    interpolation: object = "bilinear"
    max_size: int | None = None
    antialias: bool | None = True

    def __post_init__(self) -> None:
        size, max_size = self.size, self.max_size
        sizes = None if size is None else (size,) if isinstance(size, int) else tuple(size)
        if sizes is None and max_size is None:
            raise ValueError("Resize with size=None needs max_size")
        if sizes is not None and len(sizes) not in {1, 2}:
            raise ValueError(f"size must be the short side, (height, width) or None, got {size!r}")
        if sizes is not None and len(sizes) == 2 and max_size is not None:
            raise ValueError("max_size cannot be combined with height and width, only with the short side")
        if sizes is not None and max_size is not None and max_size <= sizes[0]:
            raise ValueError(f"max_size must be more than the short side, {sizes[0]}, got {max_size}")
        object.__setattr__(self, "size", sizes if sizes is None or len(sizes) == 2 else sizes[0])
        object.__setattr__(self, "interpolation", interpolation_name(self.interpolation))
        object.__setattr__(self, "antialias", bool(self.antialias))

    def output(self, extent: Extent) -> Extent:
        """Height and width of the result; the side that is computed from the ratio is rounded down."""
        if isinstance(self.size, Sequence):
            return Extent(*self.size)
        short, long = sorted(extent)
        new_short, new_long = short, long
        if self.size is not None:
            new_short, new_long = self.size, int(self.size * long / short)
        if self.max_size is not None and (self.size is None or new_long > self.max_size):
            new_short, new_long = int(self.max_size * new_short / new_long), self.max_size
        tall = extent.width <= extent.height
        return Extent(new_long, new_short) if tall else Extent(new_short, new_long)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return so_far.resize(*self.output(so_far.extent), interpolation_name(self.interpolation), bool(self.antialias))
