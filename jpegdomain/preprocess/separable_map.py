"""What each output pixel is computed from: one banded matrix for rows, one for columns, and a constant term."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .banded_matrix import BandedMatrix, PaddingMode
from .history import UNKNOWN, History, Operation
from .resampling import Interpolation, resampling

__all__ = ["Erasure", "Fill", "SeparableMap", "Step"]

Step: TypeAlias = Callable[[BandedMatrix], BandedMatrix]
"""What a preprocessing step does to one axis: maps the matrix so far to the matrix with the step."""


@dataclass(frozen=True, eq=False)
class Fill:
    """A colour times an outer product, levels[c]·rows[y]·columns[x], added to the image.

    Attributes:
        levels: One number for all channels, or R, G and B: levels 0…255.
        rows: float64 (height,).
        columns: float64 (width,).
    """

    levels: tuple[float, ...]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    known: ClassVar[bool] = True
    """Whether the levels are known; an image's mean is not known until `ImageGeometry` gets the image."""

    def transposed(self) -> "Fill":
        """The fill with rows and columns exchanged."""
        return Fill(self.levels, self.columns, self.rows)


@dataclass(frozen=True, eq=False)
class Erasure:
    """A rectangle of the result that is replaced.

    Attributes:
        top: Its first row.
        left: Its first column.
        height: Number of rows.
        width: Number of columns.
        levels: float64 (3, height or 1, width or 1), R, G and B: levels 0…255.
    """

    top: int
    left: int
    height: int
    width: int
    levels: NDArray[np.float64]

    def recolored(self, matrix: NDArray[np.float64], shift: NDArray[np.float64]) -> "Erasure":
        """The rectangle with levels' = matrix·levels + shift."""
        return replace(self, levels=np.einsum("ck,khw->chw", matrix, self.levels) + shift[:, None, None])


@dataclass(frozen=True, eq=False)
class SeparableMap:
    """An affine map of images of one size: A_h·I·A_wᵀ for every channel I, mixed by a colour matrix, + Σ fills.

    Attributes:
        rows: A_h, along the vertical axis.
        columns: A_w, along the horizontal axis.
        fills: The constant term; empty unless something was padded with a level other than 0.
        transposed: Whether its steps exchanged rows and columns an odd number of times: I is then the transposed image.
        history: The steps, for `follow`.
        colors: float64 (3, 3): R, G and B of A_h·I·A_wᵀ are multiplied by it before the fills are added; None for the
            identity.
        erased: Rectangles that are replaced at the end.
        tables: Pairs of tables for luma and chroma; the file's coefficients are quantised again with one pair after
            the other.
    """

    rows: BandedMatrix
    columns: BandedMatrix
    fills: tuple[Fill, ...] = ()
    transposed: bool = False
    history: History = ()
    colors: NDArray[np.float64] | None = None
    erased: tuple[Erasure, ...] = ()
    tables: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...] = ()

    @classmethod
    def whole(cls, extent: Extent) -> "SeparableMap":
        """The identity of images of this height and width."""
        return cls(BandedMatrix.identity(extent.height), BandedMatrix.identity(extent.width))

    @property
    def source(self) -> Extent:
        """Height and width of the image; if `transposed`, those of the transposed image."""
        return Extent(self.rows.size, self.columns.size)

    @property
    def extent(self) -> Extent:
        """Height and width of the result."""
        return Extent(self.rows.out, self.columns.out)

    @property
    def known(self) -> bool:
        """Whether the map is the same for every image; if not, means of the image must still be computed."""
        return all(fill.known for fill in self.fills)

    def then(self, rows: Step | None = None, columns: Step | None = None, history: History = UNKNOWN) -> "SeparableMap":
        """Append a linear step, which is also applied to the fills.

        Args:
            rows: The step along the vertical axis; None for the identity.
            columns: The step along the horizontal axis; None for the identity.
            history: The same step for targets; without it, targets cannot be transformed.

        Returns:
            This map followed by the step.
        """
        self._check_erased(history)
        fills = self.fills
        if rows is not None:
            fills = tuple(replace(fill, rows=_line(fill.rows, rows)) for fill in fills)
        if columns is not None:
            fills = tuple(replace(fill, columns=_line(fill.columns, columns)) for fill in fills)
        return replace(
            self,
            rows=self.rows if rows is None else rows(self.rows),
            columns=self.columns if columns is None else columns(self.columns),
            fills=fills,
            history=self.history + history,
        )

    def resize(
        self, height: int, width: int, interpolation: Interpolation = "bilinear", antialias: bool = True
    ) -> "SeparableMap":
        """Resize the result; `interpolation` and `antialias` as for `resampling`."""
        return self.then(
            lambda axis: resampling(axis.out, height, interpolation, antialias) @ axis,
            lambda axis: resampling(axis.out, width, interpolation, antialias) @ axis,
            (Operation("resize", {"size": [height, width]}),),
        )

    def crop(self, top: int, left: int, height: int, width: int) -> "SeparableMap":
        """Crop a rectangle of the result; pixels outside the result are 0, black, as in torchvision's ``crop``."""
        done = Operation("crop", {"top": top, "left": left, "height": height, "width": width})
        return self.then(lambda axis: axis.crop(top, height), lambda axis: axis.crop(left, width), (done,))

    def flip(self, *, vertical: bool = False, horizontal: bool = False) -> "SeparableMap":
        """Flip the result upside down, left to right, or both."""
        flipped = self
        if vertical:
            flipped = flipped.then(rows=BandedMatrix.flip, history=(Operation("vertical_flip"),))
        if horizontal:
            flipped = flipped.then(columns=BandedMatrix.flip, history=(Operation("horizontal_flip"),))
        return flipped

    def transpose(self) -> "SeparableMap":
        """Exchange rows and columns of the result: A_w·Iᵀ·A_hᵀ, a map of the transposed image."""
        history = (Operation("transpose"),)
        self._check_erased(history)
        return replace(
            self,
            rows=self.columns,
            columns=self.rows,
            fills=tuple(fill.transposed() for fill in self.fills),
            transposed=not self.transposed,
            history=self.history + history,
        )

    def pad(
        self,
        top: int,
        bottom: int,
        left: int,
        right: int,
        *,
        fill: tuple[float, ...] = (0.0,),
        mode: PaddingMode = "constant",
        mask_fill: float = 0,
    ) -> "SeparableMap":
        """Pad the result; negative numbers crop.

        Args:
            top: Rows above.
            bottom: Rows below.
            left: Columns on the left.
            right: Columns on the right.
            fill: Levels 0…255 for mode 'constant'; one for all channels, or R, G and B.
            mode: As for `BandedMatrix.pad`.
            mask_fill: What the image's masks are padded with, for mode 'constant'.

        Returns:
            The map to the larger extent.
        """
        steps = (lambda axis: axis.pad(top, bottom, mode), lambda axis: axis.pad(left, right, mode))
        arguments = {"padding": [left, top, right, bottom], "fill": mask_fill, "padding_mode": mode}
        padded = self.then(*steps, (Operation("pad", arguments),))
        if mode != "constant" or not any(fill):
            return padded
        # fill·(1 − inside), both as outer products.
        everywhere = Fill(fill, *(np.ones(size) for size in padded.extent))
        inside = (_line(np.ones(size), step) for size, step in zip(self.extent, steps, strict=True))
        hole = Fill(tuple(-level for level in fill), *inside)
        return replace(padded, fills=(*padded.fills, everywhere, hole))

    def _check_erased(self, history: History) -> None:
        if self.erased and any(step.name != "targets" for step in history):
            raise ValueError("an erased rectangle cannot be moved: put RandomErasing after all steps that move pixels")

    def constants(self) -> tuple[Fill, ...]:
        """Constant terms of the affine map for level-shifted samples x − 128: 128·(A_h·1)(A_w·1)ᵀ, and the fills."""
        if not self.known:
            raise InputError(
                "this map changes contrast, so it depends on the image: use jpegdomain.collate, which makes a map for "
                "each image"
            )
        level = (128.0,) if self.colors is None else tuple((128 * self.colors.sum(1)).tolist())
        return (Fill(level, self.rows.sums(), self.columns.sums()), *self.fills)

    def __repr__(self) -> str:
        fills = f", {len(self.fills)} fills" if self.fills else ""
        colors = "" if self.colors is None else ", colours mixed"
        return f"SeparableMap({self.source} → {self.extent}{fills}{colors})"


def _line(line: NDArray[np.float64], step: Step) -> NDArray[np.float64]:
    """Apply a step to one line of samples."""
    return step(BandedMatrix.identity(len(line))).apply(line)
