"""`Requantize` and `JpegQuality`: change a file as if it had been saved again at another quality."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from jpegdomain.errors import InputError
from jpegdomain.tables import CHROMINANCE, LUMINANCE, quality_table

from .augmentation.labels import EXACT, Exactness
from .augmentation.quality import table
from .separable_map import SeparableMap
from .transform import Transform, device_of

__all__ = ["JpegQuality", "Requantize"]


@dataclass(frozen=True)
class Requantize(Transform):
    """Quantise the file's coefficients again, before everything else, exactly as `augmentation.requantize`.

    Args:
        luma: (8, 8) or (64,) steps of Y, or of all components of other colour models, row-major.
        chroma: The steps of Cb and Cr; `luma` if None.

    Raises:
        InputError: If a table does not have 64 whole numbers in 1…65535.
    """

    luma: ArrayLike
    chroma: ArrayLike | None = None

    exactness: ClassVar[Exactness] = EXACT
    moves = False
    first = True

    def __post_init__(self) -> None:
        for name in ("luma", "chroma"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, tuple(table(given).tolist()))

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        luma = np.asarray(self.luma)
        chroma = luma if self.chroma is None else np.asarray(self.chroma)
        return replace(so_far, tables=(*so_far.tables, (luma, chroma)))


@dataclass(frozen=True)
class JpegQuality(Transform):
    """Quantise the coefficients with libjpeg's tables for a random quality, before everything else.

    This is exact requantisation, as `augmentation.requantize`, and an approximation of
    ``torchvision.transforms.v2.JPEG``. The latter draws the same qualities and uses the same tables, but it first
    decodes to whole levels, and it halves Cb and Cr in both directions, while here a file keeps its own sampling.

    Args:
        quality: 1…100, or an inclusive range (smallest, largest).

    Raises:
        InputError: If it is out of range.
    """

    quality: int | Sequence[int]

    exactness: ClassVar[Exactness] = EXACT
    random = True
    moves = False
    first = True

    def __post_init__(self) -> None:
        limits = (self.quality,) * 2 if isinstance(self.quality, int) else tuple(self.quality)
        if (
            len(limits) != 2
            or not all(isinstance(one, int) for one in limits)
            or not 1 <= limits[0] <= limits[1] <= 100
        ):
            raise InputError(f"quality must be a whole number, 1…100, or (smallest, largest), got {self.quality!r}")
        object.__setattr__(self, "quality", limits)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Draw the quality, by ``torch.randint(smallest, largest + 1, ())``."""
        assert isinstance(self.quality, tuple)
        low, high = self.quality
        quality = int(torch.randint(low, high + 1, (), generator=generator, device=device_of(generator)))
        luma, chroma = (quality_table(base, quality).reshape(-1) for base in (LUMINANCE, CHROMINANCE))
        return replace(so_far, tables=(*so_far.tables, (luma, chroma)))
