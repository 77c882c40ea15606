"""`RandomApply`: apply several steps together, or none."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .separable_map import SeparableMap
from .transform import Compose, Transform, check_probability, device_of

__all__ = ["RandomApply"]


@dataclass(frozen=True)
class RandomApply(Transform):
    """Apply several steps with a probability, otherwise none of them, as ``torchvision.transforms.v2.RandomApply``.

    Args:
        transforms: The steps.
        p: The probability.

    Raises:
        InputError: As for `Compose`.
        ValueError: If the probability is outside 0…1.
    """

    transforms: Sequence[Transform]
    p: float = 0.5

    random = True

    def __post_init__(self) -> None:
        check_probability(self.p)
        object.__setattr__(self, "transforms", Compose(self.transforms).transforms)

    @property
    def _steps(self) -> Compose:
        return Compose(self.transforms)

    @property
    def low_frequencies(self) -> bool:
        """Whether a `Compose` among the steps has them set."""
        return self._steps.low_frequencies

    @property
    def moves(self) -> bool:
        """Whether any step moves pixels."""
        return self._steps.moves

    @property
    def turns(self) -> bool:
        """Whether any step moves pixels: which draw is the finest then depends on whether it is applied."""
        return self._steps.moves

    @property
    def erases(self) -> bool:
        """Whether any step replaces finished pixels."""
        return any(step.erases for step in self.transforms)

    @property
    def before_erasing(self) -> bool:
        """Whether any step cannot follow one that replaces finished pixels."""
        return any(step.before_erasing for step in self.transforms)

    @property
    def first(self) -> bool:
        """Whether any step changes the file's coefficients."""
        return any(step.first for step in self.transforms)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Draw whether to apply the steps, by ``torch.rand(1)``, then the steps' own numbers."""
        if torch.rand(1, generator=generator, device=device_of(generator)).item() >= self.p:
            return so_far
        return self._steps.place(so_far, generator)

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Return the map unchanged; if steps move pixels, there is no finest draw, as `turns` says."""
        return so_far
