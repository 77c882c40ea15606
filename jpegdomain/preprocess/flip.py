"""`RandomHorizontalFlip` and `RandomVerticalFlip`, with torchvision's random draws."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from .separable_map import SeparableMap
from .transform import Transform, check_probability, device_of

__all__ = ["RandomHorizontalFlip", "RandomVerticalFlip"]


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Flip left to right with a probability, as ``torchvision.transforms.v2.RandomHorizontalFlip``.

    Args:
        p: The probability.

    Raises:
        ValueError: If it is outside 0…1.
    """

    p: float = 0.5

    _axes: ClassVar[tuple[bool, bool]] = (False, True)
    random = True

    def __post_init__(self) -> None:
        check_probability(self.p)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Flip with probability `p`."""
        if torch.rand(1, generator=generator, device=device_of(generator)).item() >= self.p:
            return so_far
        vertical, horizontal = self._axes
        return so_far.flip(vertical=vertical, horizontal=horizontal)

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """A flip does not change the resolution."""
        return so_far


@dataclass(frozen=True)
class RandomVerticalFlip(RandomHorizontalFlip):
    """Flip upside down with a probability, as ``torchvision.transforms.v2.RandomVerticalFlip``.

    Args:
        p: The probability.
    """

    _axes: ClassVar[tuple[bool, bool]] = (True, False)
