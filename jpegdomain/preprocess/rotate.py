"""`Transpose`, `Rotate90` and `RandomRotate90`: exact, for any size."""

from dataclasses import dataclass

import torch

from .separable_map import SeparableMap
from .transform import Transform, device_of

__all__ = ["RandomRotate90", "Rotate90", "Transpose"]


@dataclass(frozen=True)
class Transpose(Transform):
    """Exchange rows and columns: exact."""

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return so_far.transpose()


@dataclass(frozen=True)
class Rotate90(Transform):
    """Rotate by quarter turns, clockwise: exact.

    It is ``torchvision.transforms.v2.functional.rotate(image, -90 * quarters, expand=True)``, and NumPy's
    ``rot90(image, -quarters)``.

    Args:
        quarters: How many quarter turns; negative numbers are counter-clockwise.
    """

    quarters: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.quarters, int):
            raise ValueError(f"quarters must be a whole number, got {self.quarters!r}")

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return _rotated(so_far, self.quarters)


@dataclass(frozen=True)
class RandomRotate90(Transform):
    """Rotate by a random number of quarter turns, clockwise, 0 to 3 equally likely: exact.

    It draws ``torch.randint(4, ())``. Half of the draws exchange height and width: for images that are not square, add
    a crop or ``Resize((height, width))`` after it.
    """

    random = True
    turns = True

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Rotate by a random number of quarter turns."""
        return _rotated(so_far, int(torch.randint(4, (), generator=generator, device=device_of(generator))))

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Return the map unchanged; there is no finest draw, as `turns` says."""
        return so_far


def _rotated(so_far: SeparableMap, quarters: int) -> SeparableMap:
    quarters %= 4
    if quarters % 2:
        so_far = so_far.transpose()
    return so_far.flip(vertical=quarters in {2, 3}, horizontal=quarters in {1, 2})
