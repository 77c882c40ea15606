"""The base of all preprocessing steps, and their sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .separable_map import SeparableMap

__all__ = ["Compose", "Transform", "device_of"]


def device_of(generator: torch.Generator | None) -> torch.device | None:
    """Say where random numbers are drawn: where their generator is, whatever torch's default device.

    Args:
        generator: Of the random numbers; None for torch's global one.

    Returns:
        Its device; None for torch's default, as torchvision has it.
    """
    return None if generator is None else generator.device


class Transform:
    """A preprocessing step that is a separable affine map of the image.

    A subclass writes `place`; a random one also `finest`, and its `random` is true. It is immutable, best a frozen
    dataclass: what one that is not random gives for an extent is kept.
    """

    @property
    def random(self) -> bool:
        """Whether `place` draws numbers."""
        return False

    @property
    def low_frequencies(self) -> bool:
        """Whether only those frequencies of each block are used that an image's scale leaves visible."""
        return False

    def place(self, placement: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Add the step to what has been done.

        Args:
            placement: Of the image so far.
            generator: Of the random numbers; torch's global one if None. They are drawn as torchvision draws them: the
                same seed gives the same crop.

        Returns:
            The placement with this step.

        Raises:
            NotImplementedError: In this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} writes no place()")

    def finest(self, placement: SeparableMap) -> SeparableMap:
        """Add the step as it enlarges most: what any draw of it can ask of an image's resolution.

        Args:
            placement: Of the image so far.

        Returns:
            The placement with this step.
        """
        return self.place(placement)

    def __call__(self, extent: Extent | Sequence[int], generator: torch.Generator | None = None) -> SeparableMap:
        """Place an image.

        Args:
            extent: Its height and width.
            generator: As for `place`.

        Returns:
            The maps of its two axes.
        """
        return self.place(SeparableMap.whole(Extent(*extent)), generator)


@dataclass(frozen=True)
class Compose(Transform):
    """Steps one after the other.

    Args:
        transforms: In their order.
        low_frequencies: Whether only the lowest frequencies of each block are used where the image is made much smaller
            (`jpegdomain.preprocess.frequencies`); of CMYK and YCCK files all are. The default uses all: exact. What a
            composition among the steps says holds for the whole: blocks are read once.

    Raises:
        InputError: If something is no `Transform`.
    """

    transforms: Sequence[Transform]
    low_frequencies: bool = False

    def __post_init__(self) -> None:
        for step in self.transforms:
            if not isinstance(step, Transform):
                raise InputError(
                    f"Compose takes jpegdomain.preprocess transforms, got {type(step).__qualname__}: "
                    "jpegdomain.preprocess.from_torchvision reads torchvision's"
                )
        object.__setattr__(self, "transforms", tuple(self.transforms))
        low = self.low_frequencies or any(step.low_frequencies for step in self.transforms)
        object.__setattr__(self, "low_frequencies", low)

    @property
    def random(self) -> bool:
        """Whether a step draws numbers."""
        return any(step.random for step in self.transforms)

    def place(self, placement: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Add all steps.

        Args:
            placement: Of the image so far.
            generator: Of the random numbers; torch's global one if None.

        Returns:
            The placement with them.
        """
        for step in self.transforms:
            placement = step.place(placement, generator)
        return placement

    def finest(self, placement: SeparableMap) -> SeparableMap:
        """Add all steps as they enlarge most.

        Args:
            placement: Of the image so far.

        Returns:
            The placement with them.
        """
        for step in self.transforms:
            placement = step.finest(placement)
        return placement
