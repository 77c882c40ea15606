"""`RandomHorizontalFlip` and `RandomVerticalFlip`, with torchvision's draw."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from .separable_map import SeparableMap
from .transform import Transform, device_of

__all__ = ["RandomHorizontalFlip", "RandomVerticalFlip"]


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Turn left and right round with a probability, as ``torchvision.transforms.v2.RandomHorizontalFlip``.

    Args:
        p: The probability.

    Raises:
        ValueError: If it is outside 0…1.
    """

    p: float = 0.5

    _axes: ClassVar[tuple[bool, bool]] = (False, True)

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is a probability, 0…1, got {self.p!r}")

    @property
    def random(self) -> bool:
        """Whether `place` draws numbers: it does."""
        return True

    def place(self, placement: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Add the step, or not.

        Args:
            placement: Of the image so far.
            generator: Of the random number; torch's global one if None.

        Returns:
            The placement with it.
        """
        if torch.rand(1, generator=generator, device=device_of(generator)).item() >= self.p:
            return placement
        vertical, horizontal = self._axes
        return placement.flip(vertical=vertical, horizontal=horizontal)

    def finest(self, placement: SeparableMap) -> SeparableMap:
        """Leave it out: a flip changes no resolution.

        Args:
            placement: Of the image so far.

        Returns:
            The placement as it is.
        """
        return placement


@dataclass(frozen=True)
class RandomVerticalFlip(RandomHorizontalFlip):
    """Turn the image upside down with a probability, as ``torchvision.transforms.v2.RandomVerticalFlip``.

    Args:
        p: The probability.
    """

    _axes: ClassVar[tuple[bool, bool]] = (True, False)
