"""Colour transforms: `ColorJitter`, `RandomGrayscale` and the like, in the matrix from components to channels.

They cost nothing extra: a network's entry mixes components by a matrix in any case. Each is linear, and therefore has
the same result at every position in a pipeline, except for the fill of padding; nothing is rounded or clamped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from .augmentation.labels import APPROXIMATE, EXACT, Exactness
from .colour_map import GRAY, blended_with_mean, recolored
from .separable_map import SeparableMap
from .transform import Transform, check_probability, device_of

__all__ = [
    "ColorJitter",
    "ColorMatrix",
    "Grayscale",
    "RandomChannelPermutation",
    "RandomGrayscale",
    "RandomInvert",
]

Range: TypeAlias = float | Sequence[float] | None
_TO_GRAY = np.tile(GRAY, (3, 1))


@dataclass(frozen=True)
class ColorMatrix(Transform):
    """Mix the channels: levels' = matrix·levels + shift. Exact.

    Args:
        matrix: 3×3 numbers, for R, G and B.
        shift: 3 numbers, for R, G and B, in levels 0…255.

    Raises:
        ValueError: If there are not 3×3 and 3 numbers.
    """

    matrix: Sequence[Sequence[float]]
    shift: Sequence[float] = (0.0, 0.0, 0.0)

    exactness: ClassVar[Exactness] = EXACT
    moves = False

    def __post_init__(self) -> None:
        matrix, shift = np.asarray(self.matrix, np.float64), np.asarray(self.shift, np.float64)
        if matrix.shape != (3, 3) or shift.shape != (3,):
            raise ValueError(f"matrix must be 3×3 and shift 3 numbers; got {matrix.shape} and {shift.shape}")
        object.__setattr__(self, "matrix", tuple(map(tuple, matrix.tolist())))
        object.__setattr__(self, "shift", tuple(shift.tolist()))

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return recolored(so_far, self.matrix, self.shift)


@dataclass(frozen=True)
class Grayscale(ColorMatrix):
    """Make R, G and B equal: exactly ``torchvision.transforms.v2.Grayscale(num_output_channels=3)`` on floats."""

    matrix: Sequence[Sequence[float]] = (GRAY, GRAY, GRAY)


@dataclass(frozen=True)
class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue, as ``torchvision.transforms.v2.ColorJitter`` draws them.

    The first three are torchvision's on floating-point images without its clamping to the range after each of them,
    which is not linear: approximate where levels leave 0…255, otherwise exact. Contrast needs the mean of each image,
    which is computed from its coefficients.

    Hue is a rotation of R, G and B around the gray axis by `hue` turns. This is linear, unlike torchvision's rotation
    of the hue in HSV. The two are equal for thirds of a turn, which exchange channels, and approximate otherwise.

    Args:
        brightness: Factors: b for 1 − b…1 + b, or (smallest, largest); None or 0 for none.
        contrast: As `brightness`.
        saturation: As `brightness`.
        hue: Turns: h for −h…h, or (smallest, largest), within ±½.

    Raises:
        ValueError: If a range is negative, not ascending, or `hue` beyond ±½.
    """

    brightness: Range = 0
    contrast: Range = 0
    saturation: Range = 0
    hue: Range = 0

    exactness: ClassVar[Exactness] = APPROXIMATE
    moves = False
    random = True

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            object.__setattr__(self, name, _range(name, getattr(self, name), 1, (0, math.inf)))
        object.__setattr__(self, "hue", _range("hue", self.hue, 0, (-0.5, 0.5)))

    @property
    def before_erasing(self) -> bool:
        """Whether it changes contrast, which needs a mean of all pixels."""
        return self.contrast is not None

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Draw the order, ``torch.randperm(4)``, then each factor that has a range, in the order of the arguments."""
        device = device_of(generator)
        order = torch.randperm(4, generator=generator, device=device).tolist()
        factors = [
            torch.empty(1, device=device).uniform_(*limits, generator=generator).item()
            if isinstance(limits, tuple)
            else None
            for limits in (self.brightness, self.contrast, self.saturation, self.hue)
        ]
        for which in order:
            factor = factors[which]
            if factor is None:
                continue
            so_far = blended_with_mean(so_far, factor) if which == 1 else recolored(so_far, _MATRICES[which](factor))
        return so_far


@dataclass(frozen=True)
class RandomGrayscale(Transform):
    """Make R, G and B equal with a probability, exactly as ``torchvision.transforms.v2.RandomGrayscale`` on floats.

    Args:
        p: The probability.

    Raises:
        ValueError: If it is outside 0…1.
    """

    p: float = 0.1

    exactness: ClassVar[Exactness] = EXACT
    moves = False
    random = True

    def __post_init__(self) -> None:
        check_probability(self.p)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Change the colours with probability `p`, by ``torch.rand(1)``."""
        drawn = torch.rand(1, generator=generator, device=device_of(generator)).item()
        return so_far if drawn >= self.p else self._changed(so_far)

    def _changed(self, so_far: SeparableMap) -> SeparableMap:
        return recolored(so_far, _TO_GRAY)


@dataclass(frozen=True)
class RandomInvert(RandomGrayscale):
    """Invert to 255 − levels with a probability, exactly as ``torchvision.transforms.v2.RandomInvert``.

    Args:
        p: The probability.
    """

    p: float = 0.5

    def _changed(self, so_far: SeparableMap) -> SeparableMap:
        return recolored(so_far, -np.eye(3), (255.0, 255.0, 255.0))


@dataclass(frozen=True)
class RandomChannelPermutation(Transform):
    """Permute R, G and B by ``torch.randperm(3)``, as ``torchvision.transforms.v2.RandomChannelPermutation``. Exact."""

    exactness: ClassVar[Exactness] = EXACT
    moves = False
    random = True

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Draw a permutation."""
        order = torch.randperm(3, generator=generator, device=device_of(generator)).tolist()
        return recolored(so_far, np.eye(3)[order])


def _range(name: str, value: Range, centre: float, bounds: tuple[float, float]) -> tuple[float, float] | None:
    """(smallest, largest); None if there is nothing to draw."""
    if value is None:
        return None
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"{name} must be a number ≥ 0 or (smallest, largest), got {value!r}")
        value = (max(centre - value, bounds[0]) if centre else -value, centre + value)
    if len(value) != 2 or not bounds[0] <= value[0] <= value[1] <= bounds[1]:
        raise ValueError(f"{name} must be two ascending numbers within {bounds[0]}…{bounds[1]}, got {value!r}")
    return None if value[0] == value[1] == centre else (float(value[0]), float(value[1]))


def _brightness(factor: float) -> NDArray[np.float64]:
    return factor * np.eye(3)


def _saturation(factor: float) -> NDArray[np.float64]:
    return factor * np.eye(3) + (1 - factor) * _TO_GRAY


def _hue(turns: float) -> NDArray[np.float64]:
    """Rodrigues' rotation around (1, 1, 1)/√3; a third of a turn moves R to G, G to B and B to R."""
    angle = 2 * math.pi * turns
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return math.cos(angle) * np.eye(3) + (1 - math.cos(angle)) / 3 + math.sin(angle) * across


_MATRICES: Final = {0: _brightness, 2: _saturation, 3: _hue}
"""Matrices by torchvision's numbers; 1 is contrast, which is not a matrix."""
