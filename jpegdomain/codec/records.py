"""What a JPEG file holds, as immutable records: quantised coefficients, tables, sampling, size, colour."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .metadata import Color

__all__ = ["Component", "JpegImage"]

# (vertical, horizontal) steps of chroma samples in luma samples → the usual name.
_NAMES: Final = {
    (1, 1): "4:4:4",
    (1, 2): "4:2:2",
    (2, 2): "4:2:0",
    (2, 1): "4:4:0",
    (1, 4): "4:1:1",
    (2, 4): "4:1:0",
}


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One component of a JPEG file, as the file holds it.

    The record owns its arrays: it makes them read-only.

    Attributes:
        identifier: The component's identifier in the file, 0…255.
        coefficients: int16 (block rows, block columns, 64), C-contiguous: quantised DCT coefficients, the
            last axis in row-major frequency order 8α+β, α vertical and β horizontal (not zigzag). The grid is
            ⌈extent/8⌉: blocks that a file holds only to fill its last interleaved MCUs (T.81 A.2.4) are
            dropped.
        table: uint16 (64,): the quantisation steps in the same order.
        factors: Vertical and horizontal sampling factors V, H (T.81 A.1.1).
        extent: The component's own height and width in samples, ⌈image·V/Vmax⌉ × ⌈image·H/Hmax⌉.

    Raises:
        InputError: If an array has another shape, type or memory order than stated.
    """

    identifier: int
    coefficients: NDArray[np.int16]
    table: NDArray[np.uint16]
    factors: tuple[int, int]
    extent: Extent

    def __post_init__(self) -> None:
        expected = (*self.extent.blocks, 64)
        given = self.coefficients
        if given.dtype != np.int16 or given.shape != expected or not given.flags.c_contiguous:
            raise InputError(f"coefficients are C-contiguous int16 {expected}, got {given.dtype} {given.shape}")
        if self.table.dtype != np.uint16 or self.table.shape != (64,):
            raise InputError(f"a table is uint16 (64,), got {self.table.dtype} {self.table.shape}")
        given.flags.writeable = False
        self.table.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Arrays come writeable out of a pickle (a data loader's worker sends one): go through the
        # constructor.
        return Component, (self.identifier, self.coefficients, self.table, self.factors, self.extent)

    def __repr__(self) -> str:
        grid = "{}×{}".format(*self.extent.blocks)
        return f"Component({self.identifier}, {self.extent} in {grid} blocks, factors={self.factors})"


@dataclass(frozen=True, slots=True, eq=False)
class JpegImage:
    """A JPEG file, entropy decoding done and nothing else.

    Attributes:
        components: In the file's order: one, or three.
        extent: The image's height and width in pixels.
        color: ``gray``, ``ycbcr`` or ``rgb``, by libjpeg's default rules.
        orientation: EXIF orientation 1…8, as the file has it; never applied.
        progressive: Whether the file is progressive (SOF2). The coefficients do not show it.
        source: The file's path, ``<bytes>``, or a file object's name.
    """

    components: tuple[Component, ...]
    extent: Extent
    color: Color
    orientation: int
    progressive: bool
    source: str

    @property
    def upsampling(self) -> tuple[tuple[int, int], ...]:
        """For each component, (Vmax/V, Hmax/H): pixels per sample, vertically and horizontally."""
        vertical = max(component.factors[0] for component in self.components)
        horizontal = max(component.factors[1] for component in self.components)
        return tuple((vertical // v, horizontal // h) for v, h in (part.factors for part in self.components))

    @property
    def sampling(self) -> str:
        """``gray``, ``4:4:4``, ``4:2:2``, ``4:2:0``, ``4:4:0``, ``4:1:1``, ``4:1:0``, or ``HxV,HxV,HxV``."""
        if len(self.components) == 1:
            return "gray"
        first, *others = self.upsampling
        if first == (1, 1) and len(set(others)) == 1 and others[0] in _NAMES:
            return _NAMES[others[0]]
        return ",".join(f"{h}x{v}" for v, h in (component.factors for component in self.components))

    def __repr__(self) -> str:
        kind = self.color if self.sampling == "gray" else f"{self.color} {self.sampling}"
        progressive = ", progressive" if self.progressive else ""
        turned = f", orientation {self.orientation}" if self.orientation > 1 else ""
        return f"JpegImage({self.source!r}, {self.extent}, {kind}{progressive}{turned})"
