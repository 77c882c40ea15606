"""What a batch is made of: groups of images, each with its components' planes and, if placed, their maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import BandedMatrix, SeparableMap
from jpegdomain.preprocess.image_geometry import ImageGeometry

__all__ = ["BandedMatrices", "Fills", "Group", "Memory", "Plane", "Records"]


@dataclass(frozen=True, slots=True, eq=False)
class BandedMatrices:
    """The maps of one axis for several images: y[i, o] = Σ_t weights[i, o, t]·x_i[starts[i, o] + t].

    Attributes:
        starts: int32 (m, out).
        weights: float64 (m, out, taps); those of an image with fewer taps are filled up with zeros behind, which may
            reach beyond its samples.
        taps: How many of them each image has.
    """

    starts: Tensor
    weights: Tensor
    taps: tuple[int, ...]

    @classmethod
    def stack(cls, maps: Sequence[BandedMatrix]) -> "BandedMatrices":
        """Put maps of one output size together.

        Args:
            maps: One for each image.

        Returns:
            Them.
        """
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
    """What placed images have besides their maps, Σ_k levels[i, k]·rows[i, k, y]·columns[i, k, x].

    The level shift is among it: 128 where a map reaches the image, 0 where it does not.

    Attributes:
        levels: float64 (m, K, 3), R, G and B, 0…255.
        rows: float64 (m, K, height).
        columns: float64 (m, K, width).
    """

    levels: Tensor
    rows: Tensor
    columns: Tensor

    @classmethod
    def stack(cls, placements: Sequence[SeparableMap]) -> "Fills | None":
        """Put the fills of placements of one extent together.

        Args:
            placements: One for each image.

        Returns:
            Them; None where each is just 128 everywhere.
        """
        terms = [placement.constants() for placement in placements]
        count = max(map(len, terms))
        if count == 1 and all(
            np.abs(line - 1).max() < 1e-12 for (only,) in terms for line in (only.rows, only.columns)
        ):
            return None
        height, width = placements[0].extent
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
            Each is its m×m lowest frequencies, row-major, row = vertical frequency.
        steps: int32 (images, m·m), the quantisation steps of these frequencies.
        extents: Each image's height and width in samples, as far as it is here: of a placed image only the blocks
            that its maps read are.
        upsampling: (Vmax/V, Hmax/H), pixels per sample vertically and horizontally.
        dtype: Of the coefficients.
        maps: For placed images, from these samples to the output: along the vertical and the horizontal axis. For those
            of four components, which become R, G and B first, from the pixels of these.
    """

    quantised: Tensor
    steps: Tensor
    extents: tuple[Extent, ...]
    upsampling: tuple[int, int]
    dtype: torch.dtype
    maps: tuple[BandedMatrices, BandedMatrices] | None = None

    @property
    def keep(self) -> int:
        """m, frequencies along each side of a block."""
        return round(self.quantised.shape[1] ** 0.5)

    @property
    def extent(self) -> Extent:
        """The component's height and width in samples, the same for all images; 8X×8Y is its canvas.

        Raises:
            InputError: If the images differ in it.
        """
        if len(set(self.extents)) > 1:
            raise InputError("these images were placed by a preprocess: each has an extent of its own")
        return self.extents[0]

    def image(self, number: int) -> "Plane":
        """Take one image's plane out.

        Args:
            number: Its position in this plane.

        Returns:
            Views of its blocks and steps, without maps.
        """
        sizes = [rows * columns for rows, columns in (extent.blocks for extent in self.extents[: number + 1])]
        blocks = self.quantised[sum(sizes[:-1]) : sum(sizes)]
        one = slice(number, number + 1)
        return Plane(blocks, self.steps[one], self.extents[one], self.upsampling, self.dtype)

    @property
    def coefficients(self) -> Tensor:
        """(m, 1, 8X, 8Y), dequantised, in place, of images of one extent.

        Each 8×8 tile holds its block's coefficients, row = vertical frequency, column = horizontal frequency. They are
        those of the orthonormal 8×8 DCT-II of the level-shifted samples, sample − 128 (T.81 A.3.1 and A.3.3), in
        levels: quantised coefficient × step, as T.81's normalisation ¼·C(u)·C(v) is that.
        """
        images, keep = len(self.extents), self.keep
        rows, columns = self.extent.blocks
        blocks = self.quantised.view(images, rows, columns, keep, keep).transpose(2, 3)
        coefficients = blocks.to(self.dtype, memory_format=torch.contiguous_format)
        coefficients *= self.steps.to(self.dtype).view(images, 1, keep, 1, keep)
        if keep < BLOCK:
            # The frequencies that are not here are zero.
            coefficients = torch.nn.functional.pad(coefficients, (0, BLOCK - keep, 0, 0, 0, BLOCK - keep))
        return coefficients.view(images, 1, BLOCK * rows, BLOCK * columns)

    def __repr__(self) -> str:
        sizes = {str(extent) for extent in self.extents}
        extent = sizes.pop() if len(sizes) == 1 else f"{len(sizes)} extents"
        placed = "" if self.maps is None else ", placed"
        return f"Plane({len(self.extents)} × {extent}, keep={self.keep}, upsampling={self.upsampling}{placed})"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The images of a batch that have the same colour model, sampling and number of frequencies.

    Attributes:
        images: Their positions in the batch, m of them.
        color: ``gray``, ``ycbcr``, ``rgb``, ``cmyk`` or ``ycck``.
        planes: One for each component, in file order.
        fills: For placed images, what is added to their maps' results; None for 128 everywhere.
        sources: For placed images of four components: each one's height and width in pixels, as the file has it.
        transposed: Whether their pixels change rows and columns before they are placed; of other images the
            coefficients have done so.
    """

    images: tuple[int, ...]
    color: Color
    planes: tuple[Plane, ...]
    fills: Fills | None = None
    sources: tuple[Extent, ...] = ()
    transposed: bool = False


# Not frozen: into frozen dataclasses torch.compile looks field by field, and read-only arrays it cannot take.
@dataclass(slots=True, eq=False)
class Records:
    """Images that have not been copied: what the CPU's compiled renderer reads.

    Attributes:
        images: As they were read; all of one extent if they have no geometries.
        geometries: For each image its geometry; None without a preprocess.
    """

    images: tuple[JpegImage, ...]
    geometries: tuple[ImageGeometry, ...] | None

    def take(self, positions: Sequence[int]) -> "Records":
        """Take some of the images.

        Args:
            positions: Which, in the order wanted.

        Returns:
            Their records and geometries.
        """
        geometries = None if self.geometries is None else tuple(self.geometries[position] for position in positions)
        return Records(tuple(self.images[position] for position in positions), geometries)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Images in tensors.

    Attributes:
        groups: Together they hold every position of the batch once. Their planes are views of the tensors.
        quantised: int16 (blocks·m·m,), all coefficients.
        steps: int32, all quantisation steps.
    """

    groups: tuple[Group, ...]
    quantised: Tensor
    steps: Tensor
