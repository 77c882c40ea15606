"""What a JPEG file holds, as immutable records: quantised coefficients, tables, sampling, size, colour."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError, UnsupportedJpegError
from jpegdomain.geometry import Extent, component_extent

from .messages import RE_ENCODE, message
from .metadata import Color

__all__ = ["Component", "JpegImage", "component_extents", "upsampling_in", "upsampling_of"]

# (vertical, horizontal) pixels per chroma sample → the usual name.
_NAMES: Final = {
    (1, 1): "4:4:4",
    (1, 2): "4:2:2",
    (2, 2): "4:2:0",
    (2, 1): "4:4:0",
    (1, 4): "4:1:1",
    (2, 4): "4:1:0",
}


def component_extents(extent: Extent, factors: Sequence[tuple[int, int]]) -> tuple[Extent, ...]:
    """Return each component's height and width in samples, ⌈image·V/Vmax⌉ × ⌈image·H/Hmax⌉ (T.81 A.1.1)."""
    largest = (max(vertical for vertical, _ in factors), max(horizontal for _, horizontal in factors))
    return tuple(component_extent(extent, pair, largest) for pair in factors)


@functools.lru_cache(maxsize=256)
def upsampling_of(factors: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...] | None:
    """Return pixels per sample of each component, (Vmax/V, Hmax/H); None if these are not whole numbers."""
    largest = [max(pair[axis] for pair in factors) for axis in (0, 1)]
    if any(largest[axis] % pair[axis] for pair in factors for axis in (0, 1)):
        return None
    return tuple((largest[0] // vertical, largest[1] // horizontal) for vertical, horizontal in factors)


def upsampling_in(factors: tuple[tuple[int, int], ...], source: str) -> tuple[tuple[int, int], ...]:
    """Return the result of `upsampling_of`, or raise an error instead of None.

    Raises:
        UnsupportedJpegError: If these are not whole numbers; it names the file.
    """
    steps = upsampling_of(factors)
    if steps is None:
        reason = f"sampling factors {_named(factors)} are not whole multiples"
        raise UnsupportedJpegError(message(source, reason, advice=RE_ENCODE))
    return steps


def _named(factors: tuple[tuple[int, int], ...]) -> str:
    if len(factors) == 1:
        return "gray"
    steps = upsampling_of(factors)
    if steps and len(steps) == 3 and steps[0] == (1, 1) and steps[1] == steps[2] in _NAMES:
        return _NAMES[steps[1]]
    return ",".join(f"{horizontal}x{vertical}" for vertical, horizontal in factors)


@dataclass(frozen=True, eq=False)
class Component:
    """One component of a JPEG file, as the file holds it.

    The record owns its arrays: it makes them read-only.

    Attributes:
        identifier: The component's identifier in the file, 0…255.
        coefficients: int16 (block rows, block columns, m·m), C-contiguous: the m×m lowest quantised DCT
            coefficients of each block, all of them for m = 8, in row-major frequency order m·α+β, α vertical
            and β horizontal (not zigzag). The grid is ⌈extent/8⌉: blocks that a file holds only to fill its
            last interleaved MCUs (T.81 A.2.4) are dropped.
        table: uint16 (64,): the quantisation steps in the order 8α+β, all of them for any m.
        factors: Vertical and horizontal sampling factors V, H (T.81 A.1.1).
        extent: The component's own height and width in samples, ⌈image·V/Vmax⌉ × ⌈image·H/Hmax⌉.
        arrived: bool (block rows, block columns): which blocks are complete; missing parts of the others are zero.
            None if all blocks are complete.
        lowest_bit: int8 (64,), in the order 8α+β: the lowest bit of each coefficient that the scans of a progressive
            file contain; 0 for a complete coefficient, −1 for a missing one. None if all are complete.

    Raises:
        InputError: If an array has another shape, type or memory order than stated.
    """

    identifier: int
    coefficients: NDArray[np.int16]
    table: NDArray[np.uint16]
    factors: tuple[int, int]
    extent: Extent
    arrived: NDArray[np.bool_] | None = None
    lowest_bit: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        grid = self.extent.blocks
        given = self.coefficients
        if given.dtype != np.int16 or given.shape[:-1] != grid or not given.flags.c_contiguous:
            expected = (*grid, "m·m")
            raise InputError(f"coefficients must be C-contiguous int16 {expected}, got {given.dtype} {given.shape}")
        if given.shape[-1] not in {m * m for m in range(1, 9)}:
            raise InputError(f"coefficients must have m×m frequencies per block, m = 1…8, got {given.shape[-1]}")
        if self.table.dtype != np.uint16 or self.table.shape != (64,):
            raise InputError(f"a table must be uint16 (64,), got {self.table.dtype} {self.table.shape}")
        if self.arrived is not None and (self.arrived.dtype != np.bool_ or self.arrived.shape != grid):
            raise InputError(f"arrived must be bool {grid}, got {self.arrived.dtype} {self.arrived.shape}")
        if self.lowest_bit is not None and (self.lowest_bit.dtype != np.int8 or self.lowest_bit.shape != (64,)):
            raise InputError(f"lowest_bit must be int8 (64,), got {self.lowest_bit.dtype} {self.lowest_bit.shape}")
        for array in (given, self.table, self.arrived, self.lowest_bit):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Unpickled arrays, such as those from a data loader's worker, are writeable, so go through the constructor.
        return Component, tuple(getattr(self, field.name) for field in fields(self))

    @property
    def keep(self) -> int:
        """m, the number of frequencies along each side of a block: 8 for whole blocks."""
        return math.isqrt(self.coefficients.shape[-1])

    def __repr__(self) -> str:
        grid = "{}×{}".format(*self.extent.blocks)
        kept = f", keep={self.keep}" if self.keep < 8 else ""
        return f"Component({self.identifier}, {self.extent} in {grid} blocks, factors={self.factors}{kept})"


@dataclass(frozen=True, eq=False)
class JpegImage:
    """A JPEG file after entropy decoding, with nothing else done to it.

    Attributes:
        components: In the file's order: one to four.
        extent: The image's height and width in pixels.
        color: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``, by libjpeg's default rules; ``unknown`` for
            two components.
        orientation: EXIF orientation 1…8, or XMP's if EXIF has none, as Pillow reads it; it is never applied.
        progressive: Whether the file is progressive (SOF2). The coefficients do not show it.
        source: The file's path, a file object's name, or ``<bytes>`` and the like; see `read_jpegs`.
        jfif: Whether there is a JFIF segment before the first scan.
        adobe: The transform byte of an Adobe segment before the first scan; None if there is none.
        icc: The ICC profile, its chunks joined; None if there is none, or a chunk is missing.
        exif: The EXIF data from its TIFF header on, its segments joined; None if there is none.
        damage: Where data was lost with ``on_error="keep"``: a line for each of the first sixteen places; None if
            nothing was lost. `Component.arrived` says which blocks are affected.
        warnings: Violations of the standard that cost no coefficient: a line with the byte offset for each of the first
            sixteen, in the file's order, then how many more there are. Empty if there are none.
        offset: Where the record's first pixel is in the file's image, (top, left), at whole MCUs; (0, 0) except in the
            record of a region, see `read_jpeg`.
        whole: In the record of a region, the height and width of the file's image; None if the record has all of it.
    """

    components: tuple[Component, ...]
    extent: Extent
    color: Color
    orientation: int
    progressive: bool
    source: str
    # These defaults are made by a factory, so that they are not attributes of the class: see `__getattr__`.
    jfif: bool = field(default_factory=bool)
    adobe: int | None = field(default_factory=type(None))
    icc: bytes | None = field(default_factory=type(None))
    exif: bytes | None = field(default_factory=type(None))
    damage: str | None = None
    warnings: tuple[str, ...] = ()
    offset: tuple[int, int] = (0, 0)
    whole: Extent | None = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Records of many files are made when they are accessed: this takes longer than decoding a small file, and a
            # batch does not need them. This is not called for attributes that already exist or are defaults of the
            # class.
            if name not in _FIELDS or "_promise" not in vars(self):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            decoded, number = vars(self)["_promise"]
            for own, value in decoded.attributes(number, name).items():
                # If two threads come here at once, both get what the first one made.
                vars(self).setdefault(own, value)
            return vars(self)[name]

    def __getstate__(self) -> dict[str, Any]:
        # A copy, in this process or another, has the record's contents.
        return {own: getattr(self, own) for own in _FIELDS}

    @property
    def keep(self) -> int:
        """m, the number of frequencies along each side of a block: 8 unless fewer were requested."""
        return self.components[0].keep

    @property
    def factors(self) -> tuple[tuple[int, int], ...]:
        """(vertical, horizontal) sampling factors of each component."""
        return tuple([component.factors for component in self.components])

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Each component's own height and width in samples."""
        return tuple([component.extent for component in self.components])

    @property
    def upsampling(self) -> tuple[tuple[int, int], ...]:
        """For each component, (Vmax/V, Hmax/H): pixels per sample, vertically and horizontally.

        Raises:
            UnsupportedJpegError: If these are not whole numbers.
        """
        return upsampling_in(self.factors, self.source)

    @property
    def sampling(self) -> str:
        """``gray``, ``4:4:4``, ``4:2:2``, ``4:2:0``, ``4:4:0``, ``4:1:1``, ``4:1:0``, or ``HxV,HxV,…``."""
        return _named(self.factors)

    def __repr__(self) -> str:
        kind = self.color if self.sampling == "gray" else f"{self.color} {self.sampling}"
        progressive = ", progressive" if self.progressive else ""
        turned = f", orientation {self.orientation}" if self.orientation > 1 else ""
        kept = f", keep={self.keep}" if self.keep < 8 else ""
        damaged = ", damaged" if self.damage else ""
        place = f" at {self.offset} of {self.whole}" if self.whole else ""
        return f"JpegImage({self.source!r}, {self.extent}{place}, {kind}{progressive}{turned}{kept}{damaged})"


_FIELDS: Final = frozenset(own.name for own in fields(JpegImage))
