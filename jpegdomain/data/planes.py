"""The parts of a batch: groups of images with their components' planes and, if preprocessed, their maps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from jpegdomain.codec.images import Images
from jpegdomain.codec.metadata import Color
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import BandedMatrix, SeparableMap
from jpegdomain.preprocess.image_geometry import ImageGeometry
from jpegdomain.preprocess.separable_map import Erasure

__all__ = ["BandedMatrices", "Fills", "Group", "Memory", "Plane", "Records"]


@dataclass(frozen=True, slots=True, eq=False)
class BandedMatrices:
    """The matrices of one axis for several images: y[i, o] = Σ_t weights[i, o, t]·x_i[starts[i, o] + t].

    Attributes:
        starts: int32 (m, out).
        weights: float64 (m, out, taps); images with fewer taps have zeros at the end, which may reach beyond their
            samples.
        taps: The taps of each image.
    """

    starts: Tensor
    weights: Tensor
    taps: tuple[int, ...]

    @classmethod
    def stack(cls, maps: Sequence[BandedMatrix]) -> "BandedMatrices":
        """Stack the matrices of several images, which have one output size."""
        taps = tuple(axis.taps for axis in maps)
        weights = np.zeros((len(maps), maps[0].out, max(taps)))
        for row, axis in zip(weights, maps, strict=True):
            row[:, : axis.taps] = axis.weights
        starts = np.stack([axis.starts for axis in maps])
        return cls(torch.from_numpy(starts), torch.from_numpy(weights), taps)

    def __repr__(self) -> str:
        return f"BandedMatrices({self.weights.shape[0]} images → {self.weights.shape[1]}, taps={max(self.taps)})"


@dataclass(frozen=True, slots=True, eq=False)
class Fills:
    """Constant terms of the affine maps of several images, Σ_k levels[i, k]·rows[i, k, y]·columns[i, k, x].

    They include the level shift, which is 128 where a map reads the image, and 0 elsewhere.

    Attributes:
        levels: float64 (m, K, 3), R, G and B, 0…255.
        rows: float64 (m, K, height).
        columns: float64 (m, K, width).
    """

    levels: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def stack(cls, maps: Sequence[SeparableMap]) -> "Fills | None":
        """Stack the constant terms of maps to one extent, one for each image; None if all are 128 everywhere."""
        terms = [one.constants() for one in maps]
        count = max(map(len, terms))
        if (
            all(only.levels == (128.0,) for only, *_ in terms)
            and count == 1
            and all(np.abs(line - 1).max() < 1e-12 for (only,) in terms for line in (only.rows, only.columns))
        ):
            return None
        height, width = maps[0].extent
        levels = np.zeros((len(terms), count, 3))
        rows, columns = np.zeros((len(terms), count, height)), np.zeros((len(terms), count, width))
        for image, fills in enumerate(terms):
            for number, fill in enumerate(fills):
                levels[image, number] = fill.levels
                rows[image, number], columns[image, number] = fill.rows, fill.columns
        return cls(torch.from_numpy(levels), torch.from_numpy(rows), torch.from_numpy(columns))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One component of several images.

    Attributes:
        quantised: int16 (blocks, m·m): the blocks of the first image, row by row, then those of the second and so on.
            Each block has its m×m lowest frequencies, row-major, row = vertical frequency.
        steps: int32 (images, m·m), the quantisation steps of these frequencies.
        extents: Each image's height and width in samples; of a preprocessed image, of the blocks that its maps read.
        upsampling: (Vmax/V, Hmax/H), pixels per sample vertically and horizontally.
        dtype: The dtype of `coefficients`.
        maps: For preprocessed images, the maps from these samples to the output, along the vertical and the horizontal
            axis. For images of four components, which become R, G and B first, the maps from those pixels.
    """

    quantised: Tensor
    steps: Tensor
    extents: tuple[Extent, ...]
    upsampling: tuple[int, int]
    dtype: torch.dtype
    maps: tuple[BandedMatrices, BandedMatrices] | None = None

    @property
    def keep(self) -> int:
        """m, the number of frequencies along each side of a block."""
        return round(self.quantised.shape[1] ** 0.5)

    @property
    def extent(self) -> Extent:
        """The component's height and width in samples, the same for all images.

        Raises:
            InputError: If the images differ.
        """
        if len(set(self.extents)) > 1:
            raise InputError("these images are preprocessed, so each has its own extent")
        return self.extents[0]

    def image(self, number: int) -> "Plane":
        """The plane of one image, by its position in this plane: views of its blocks and steps, without maps."""
        sizes = [rows * columns for rows, columns in (extent.blocks for extent in self.extents[: number + 1])]
        blocks = self.quantised[sum(sizes[:-1]) : sum(sizes)]
        one = slice(number, number + 1)
        return Plane(blocks, self.steps[one], self.extents[one], self.upsampling, self.dtype)

    @property
    def coefficients(self) -> Tensor:
        """The dequantised coefficients in place, (m, 1, 8X, 8Y), for images of one extent.

        Each 8×8 tile holds its block's coefficients, row = vertical frequency, column = horizontal frequency. They are
        those of the orthonormal 8×8 DCT-II of the level-shifted samples, sample − 128 (T.81 A.3.1 and A.3.3), in
        levels: quantised coefficient × step, since T.81's normalisation ¼·C(u)·C(v) is orthonormal.
        """
        images, keep = len(self.extents), self.keep
        rows, columns = self.extent.blocks
        blocks = self.quantised.view(images, rows, columns, keep, keep).transpose(2, 3)
        coefficients = blocks.to(self.dtype, memory_format=torch.contiguous_format)
        coefficients *= self.steps.to(self.dtype).view(images, 1, keep, 1, keep)
        if keep < BLOCK:
            # Frequencies that were not read are zero.
            coefficients = torch.nn.functional.pad(coefficients, (0, BLOCK - keep, 0, 0, 0, BLOCK - keep))
        return coefficients.view(images, 1, BLOCK * rows, BLOCK * columns)

    def __repr__(self) -> str:
        sizes = {str(extent) for extent in self.extents}
        extent = sizes.pop() if len(sizes) == 1 else f"{len(sizes)} extents"
        preprocessed = "" if self.maps is None else ", preprocessed"
        return f"Plane({len(self.extents)} × {extent}, keep={self.keep}, upsampling={self.upsampling}{preprocessed})"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The images of a batch that have the same colour model, sampling and number of frequencies.

    Attributes:
        images: Their positions in the batch, m of them.
        color: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``.
        planes: One for each component, in file order.
        fills: For preprocessed images, what is added to the maps' results; None for 128 everywhere.
        sources: For preprocessed images of four components, their heights and widths in pixels, as in the file.
        transposed: For these images, whether to exchange rows and columns of pixels before applying the maps; the
            coefficients of other images are already transposed.
        colors: float64 (m, 3, 3): R, G and B after the maps are multiplied by it before fills are added; None if no
            preprocess changes colours.
        erased: For preprocessed images, the rectangles of each image that are replaced at the end; empty for none.
        kinds: For preprocessed images, keys that are equal if the maps are, whichever process made them. None for an
            image whose maps were drawn at random and will not be used again.
    """

    images: tuple[int, ...]
    color: Color
    planes: tuple[Plane, ...]
    fills: Fills | None = None
    sources: tuple[Extent, ...] = ()
    transposed: bool = False
    colors: Tensor | None = None
    erased: tuple[tuple[Erasure, ...], ...] = ()
    kinds: tuple[bytes | None, ...] = ()


# Not frozen: torch.compile looks at each field of frozen dataclasses, and cannot take read-only arrays.
@dataclass(slots=True, eq=False)
class Records:
    """Images as they were read, not copied, for the CPU's compiled renderer.

    Attributes:
        images: The images; they have one extent if there are no geometries.
        geometries: One for each image; None without a preprocess.
    """

    images: Images
    geometries: tuple[ImageGeometry, ...] | None

    def take(self, positions: Sequence[int]) -> "Records":
        """The records at these positions."""
        geometries = None if self.geometries is None else tuple(self.geometries[position] for position in positions)
        return Records(Images.of([self.images[position] for position in positions]), geometries)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Images as tensors.

    Attributes:
        groups: Together they hold every position of the batch once. Their planes are views of the tensors.
        quantised: int16 (blocks·m·m,), all coefficients.
        steps: int32, all quantisation steps.
    """

    groups: tuple[Group, ...]
    quantised: Tensor
    steps: Tensor

    def split(self) -> "list[Memory]":
        """Split into groups, whose images are numbered anew."""
        parts = []
        at = row = 0
        for group in self.groups:
            blocks = sum(plane.quantised.numel() for plane in group.planes)
            tables = sum(plane.steps.numel() for plane in group.planes)
            order = {position: rank for rank, position in enumerate(sorted(group.images))}
            own = replace(group, images=tuple(order[position] for position in group.images))
            parts.append(Memory((own,), self.quantised[at : at + blocks], self.steps[row : row + tables]))
            at, row = at + blocks, row + tables
        return parts
