"""`RandomErasing`: replace a rectangle of the finished pixels by a colour, or noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from jpegdomain.geometry import Extent

from .augmentation.labels import EXACT, Exactness
from .separable_map import Erasure, SeparableMap
from .transform import Transform, check_probability, device_of, drawn_sides

__all__ = ["RandomErasing"]


@dataclass(frozen=True)
class RandomErasing(Transform):
    """Erase a random rectangle, exactly as ``torchvision.transforms.v2.RandomErasing``.

    The rectangle is written into the finished pixels; for a network that takes coefficients, between J̃ and J. So steps
    that move pixels cannot follow, but colour steps can.

    Args:
        p: The probability.
        scale: Smallest and largest fraction of the image's area.
        ratio: Smallest and largest height/width.
        value: The level, 0…255, or three levels for R, G and B.
        noise: Standard deviation, in levels, of noise that is added to `value` for each number; one, or three for R, G
            and B. None for no noise. Torchvision's ``value='random'`` after Normalize is `value` 255·mean and `noise`
            255·std.

    Raises:
        ValueError: If `p`, `scale` or `ratio` is out of range, or the number of levels is not 1 or 3.
    """

    p: float = 0.5
    scale: Sequence[float] = (0.02, 0.33)
    ratio: Sequence[float] = (0.3, 3.3)
    value: float | Sequence[float] = 0.0
    noise: float | Sequence[float] | None = None

    exactness: ClassVar[Exactness] = EXACT
    moves = False
    erases = True
    random = True

    def __post_init__(self) -> None:
        for name in ("scale", "ratio"):
            values = tuple(getattr(self, name))
            if len(values) != 2 or not 0 <= values[0] <= values[1] or (name == "scale" and values[1] > 1):
                raise ValueError(f"{name} must be two ascending numbers (scale within 0…1), got {values!r}")
            object.__setattr__(self, name, values)
        check_probability(self.p)
        for name in ("value", "noise"):
            given = getattr(self, name)
            if given is not None:
                levels = (float(given),) if isinstance(given, int | float) else tuple(map(float, given))
                if len(levels) not in {1, 3}:
                    raise ValueError(f"{name} must be one level, or three for R, G and B, got {given!r}")
                object.__setattr__(self, name, levels)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Draw whether to erase, then up to ten rectangles, then noise and position of the first one that fits."""
        device = device_of(generator)
        if torch.rand(1, generator=generator, device=device).item() >= self.p:
            return so_far
        erasure = self._draw(so_far.extent, generator)
        return so_far if erasure is None else replace(so_far, erased=(*so_far.erased, erasure))

    def _draw(self, extent: Extent, generator: torch.Generator | None) -> Erasure | None:
        height, width = extent
        device = device_of(generator)
        for h, w in drawn_sides(extent, self.scale, self.ratio, generator):
            if not (h < height and w < width):
                continue
            levels = np.broadcast_to(np.reshape(self.value, (-1, 1, 1)), (3, 1, 1)).astype(np.float64)
            if self.noise is not None:
                drawn = torch.empty(3, h, w, device=device).normal_(generator=generator).cpu().numpy()
                levels = levels + np.reshape(self.noise, (-1, 1, 1)) * drawn
            top, left = (
                int(torch.randint(0, side - own + 1, (1,), generator=generator, device=device))
                for side, own in ((height, h), (width, w))
            )
            return Erasure(top, left, h, w, levels)
        return None
