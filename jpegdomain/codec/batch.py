"""Batches: images of one extent, dequantised, grouped by what makes their planes stack."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jpegdomain.errors import ExtentMismatchError, InputError, UnsupportedJpegError
from jpegdomain.geometry import Extent

from .complaints import RE_ENCODE, complaint
from .metadata import Color
from .records import Component, JpegImage

__all__ = ["Group", "JpegBatch", "Plane", "by_extent", "collate"]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One component of several images.

    Attributes:
        coefficients: (m, 1, 8X, 8Y), dequantised, in place: each 8×8 tile holds its block's coefficients, row
            = vertical frequency, column = horizontal frequency. They are those of the orthonormal 8×8 DCT-II
            of the level-shifted samples, sample − 128 (T.81 A.3.1 and A.3.3), in levels.
        extent: The component's own height and width in samples; 8X×8Y is its canvas.
        upsampling: (Vmax/V, Hmax/H), pixels per sample vertically and horizontally.
    """

    coefficients: Tensor
    extent: Extent
    upsampling: tuple[int, int]

    def __repr__(self) -> str:
        shape = tuple(self.coefficients.shape)
        return f"Plane({shape}, {self.coefficients.dtype}, extent={self.extent}, upsampling={self.upsampling})"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The images of a batch that have the same colour model and sampling.

    Attributes:
        images: Their positions in the batch, m of them.
        color: ``gray``, ``ycbcr`` or ``rgb``.
        planes: One for each component, in file order.
    """

    images: tuple[int, ...]
    color: Color
    planes: tuple[Plane, ...]


@dataclass(frozen=True, slots=True, eq=False)
class JpegBatch:
    """Images of equal extent, ready for a network's entry.

    Attributes:
        extent: Height and width of every image, in pixels.
        groups: Together they hold every position of the batch once.
    """

    extent: Extent
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return sum(len(group.images) for group in self.groups)

    @property
    def dtype(self) -> torch.dtype:
        """The coefficients' type."""
        return self.groups[0].planes[0].coefficients.dtype

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return self.groups[0].planes[0].coefficients.device

    def to(self, *args: Any, **kwargs: Any) -> "JpegBatch":
        """Move or convert the coefficients.

        Args:
            *args: As `torch.Tensor.to` takes them: a device, a dtype, or both.
            **kwargs: Likewise.

        Returns:
            A batch; this one stays as it is.
        """
        return self._map(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self) -> "JpegBatch":
        """Copy the coefficients to page-locked memory, as a data loader's ``pin_memory=True`` asks.

        Returns:
            A batch whose transfer to a GPU can be ``non_blocking``.
        """
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "JpegBatch":
        groups = tuple(
            Group(
                group.images,
                group.color,
                tuple(Plane(change(plane.coefficients), plane.extent, plane.upsampling) for plane in group.planes),
            )
            for group in self.groups
        )
        return JpegBatch(self.extent, groups)


def by_extent(images: Sequence[JpegImage]) -> dict[Extent, list[int]]:
    """Sort images by size, so that each size can be a batch.

    Args:
        images: Any images.

    Returns:
        For every extent, in order of first appearance, the positions of its images.
    """
    positions: dict[Extent, list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.extent, []).append(position)
    return positions


def collate(
    images: Sequence[JpegImage],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> JpegBatch:
    """Make a batch: stack equal components, move them as int16, and multiply by each image's own tables.

    Quantised coefficient × step is the orthonormal DCT-II coefficient: T.81's normalisation ¼·C(u)·C(v) is
    that.

    Args:
        images: One or more images of equal extent. Tables, colour models and sampling may differ.
        dtype: The coefficients' floating-point type.
        device: Where the batch is to be; the CPU if not given.

    Returns:
        The batch, one group for each colour model and sampling.

    Raises:
        InputError: If there are no images, or `dtype` is no floating-point type.
        ExtentMismatchError: If the extents differ.
    """
    if not images:
        raise InputError("collate needs at least one image, got none")
    if not dtype.is_floating_point:
        raise InputError(f"collate gives floating-point coefficients, got {dtype}")
    for image in images:
        _check_whole(image)
    extents = by_extent(images)
    if len(extents) > 1:
        listed = "; ".join(
            f"{extent}: {len(positions)} ({images[positions[0]].source})" for extent, positions in extents.items()
        )
        raise ExtentMismatchError(
            f"a batch holds images of one size, these {len(images)} have {len(extents)} "
            f"(height×width: images, first of them): {listed}; collate each list of "
            "jpegdomain.codec.by_extent by itself, or crop or resize to one size"
        )
    members: dict[tuple[Color, tuple[tuple[int, int], ...]], list[int]] = defaultdict(list)
    for position, image in enumerate(images):
        members[image.color, image.upsampling].append(position)
    groups = []
    for (color, upsampling), positions in members.items():
        # One tuple for each component, over the group's images.
        columns = zip(*(images[position].components for position in positions), strict=True)
        planes = tuple(
            Plane(_stack(column, dtype, device), column[0].extent, steps)
            for column, steps in zip(columns, upsampling, strict=True)
        )
        groups.append(Group(tuple(positions), color, planes))
    return JpegBatch(images[0].extent, tuple(groups))


def _check_whole(image: JpegImage) -> None:
    """Refuse what a network's entry has no use for, before the groups are made."""
    if image.color not in {"gray", "ycbcr", "rgb"}:
        raise UnsupportedJpegError(
            complaint(
                image.source,
                f"{len(image.components)} components ({image.color}) make no batch: a network's entry is for "
                "grayscale, YCbCr and RGB",
                advice=RE_ENCODE,
            )
        )
    if image.keep < 8:
        raise InputError(f"{image.source}: a batch holds whole blocks, this image was read with keep={image.keep}")


def _stack(components: Sequence[Component], dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    rows, columns = components[0].extent.blocks
    quantised = np.empty((len(components), rows, 8, columns, 8), np.int16)
    for tile, component in zip(quantised, components, strict=True):
        tile[...] = component.coefficients.reshape(rows, columns, 8, 8).transpose(0, 2, 1, 3)
    steps = np.stack([component.table.astype(np.int32).reshape(1, 8, 1, 8) for component in components])
    # int16 on the way: a quarter or half of the bytes that the floats would be.
    coefficients = torch.from_numpy(quantised).to(device).to(dtype)
    coefficients *= torch.from_numpy(steps).to(device).to(dtype)
    return coefficients.view(len(components), 1, 8 * rows, 8 * columns)
