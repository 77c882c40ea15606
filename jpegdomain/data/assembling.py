"""From records to tensors: all coefficients of a batch copied into one piece of memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from jpegdomain.codec import JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import INKS
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import SeparableMap
from jpegdomain.preprocess.component_map import ComponentMap, Upsampling
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .planes import BandedMatrices, Fills, Group, Memory, Plane, Records

__all__ = ["assemble"]


@dataclass(slots=True)
class _Piece:
    """One component of one image, on its way into the batch.

    Attributes:
        coefficients: int16 (block rows, block columns, frequencies…), any strides.
        table: uint16 (frequencies,).
        extent: Height and width in samples.
    """

    coefficients: NDArray[np.int16]
    table: NDArray[np.uint16]
    extent: Extent


_PlanePlan: TypeAlias = tuple[list[_Piece], tuple[int, int], tuple[BandedMatrices, BandedMatrices] | None]
"""The pieces of a plane, its upsampling and its maps."""


@dataclass(slots=True)
class _Plan:
    """A group before it has memory.

    Attributes:
        images: Their positions in the batch.
        color: Their colour model.
        planes: One for each component.
        fills: Of placed images.
        sources: As a `Group` has them.
        transposed: Likewise.
    """

    images: tuple[int, ...]
    color: Color
    planes: list[_PlanePlan]
    fills: Fills | None
    sources: tuple[Extent, ...] = ()
    transposed: bool = False


@torch.compiler.disable  # type: ignore[untyped-decorator]
def assemble(records: Records, dtype: torch.dtype) -> Memory:
    """Copy what a batch needs of its records.

    Args:
        records: The images, and their geometries if they have any.
        dtype: The floating-point type that the images enter the network in.

    Returns:
        Their groups, whose planes are views of one tensor.
    """
    if records.geometries is None:
        return _whole(records.images, dtype)
    return _gathered(records.images, records.geometries, dtype)


def _whole(images: Sequence[JpegImage], dtype: torch.dtype) -> Memory:
    """Images as they are."""
    members: dict[tuple[Color, Upsampling], list[int]] = {}
    for position, image in enumerate(images):
        members.setdefault((image.color, image.upsampling), []).append(position)
    plans = []
    for (color, factors), positions in members.items():
        planes: list[_PlanePlan] = []
        for number, steps in enumerate(factors):
            components = [images[position].components[number] for position in positions]
            pieces = [_Piece(part.coefficients, part.table, part.extent) for part in components]
            planes.append((pieces, steps, None))
        plans.append(_Plan(tuple(positions), color, planes, None))
    return _copied(plans, dtype)


def _gathered(images: Sequence[JpegImage], geometries: Sequence[ImageGeometry], dtype: torch.dtype) -> Memory:
    """Images that have been placed."""
    members: dict[tuple[Color, Upsampling, bool, int], list[int]] = {}
    for position, (image, geometry) in enumerate(zip(images, geometries, strict=True)):
        kind = (image.color, image.upsampling, geometry.turn.transpose, geometry.keep)
        members.setdefault(kind, []).append(position)
    plans = []
    for (color, factors, transposed, _), positions in members.items():
        inks = color in INKS
        if not inks:
            # Neighbours of like sizes waste little where they are padded to a common one.
            positions.sort(key=lambda position: tuple(geometries[position].components[0].extent))
        maps: dict[tuple[int, ...], tuple[BandedMatrices, BandedMatrices]] = {}
        planes: list[_PlanePlan] = []
        for number, steps in enumerate(factors):
            own = [_mapped(geometries[position], number, inks) for position in positions]
            key = tuple(map(id, own))
            if key not in maps:
                maps[key] = (
                    BandedMatrices.stack([part.rows for part in own]),
                    BandedMatrices.stack([part.columns for part in own]),
                )
            pieces = [_piece(images[position], number, geometries[position]) for position in positions]
            planes.append((pieces, steps[::-1] if transposed and not inks else steps, maps[key]))
        fills = Fills.stack([geometries[position].map for position in positions])
        sources = tuple(images[position].extent for position in positions) if inks else ()
        plans.append(_Plan(tuple(positions), color, planes, fills, sources, transposed and inks))
    return _copied(plans, dtype)


def _mapped(geometry: ImageGeometry, number: int, inks: bool) -> ComponentMap | SeparableMap:
    """Give what has the maps to the output: of a component's samples, or of the pixels made of all components."""
    return geometry.map if inks else geometry.components[number]


def _piece(image: JpegImage, number: int, geometry: ImageGeometry) -> _Piece:
    """Take the blocks and frequencies of a component that its part needs, all where it has none."""
    component, keep = image.components[number], geometry.keep
    if not geometry.components:
        return _Piece(component.coefficients, component.table, component.extent)
    part = geometry.components[number]
    (top, bottom), (left, right) = part.blocks
    coefficients, table = component.coefficients, component.table
    if not geometry.turn.transpose and keep == component.keep == BLOCK:
        return _Piece(coefficients[top:bottom, left:right], table, part.extent)
    side = component.keep
    blocks = coefficients.reshape(*coefficients.shape[:2], side, side)[:, :, :keep, :keep]
    steps = table.reshape(BLOCK, BLOCK)[:keep, :keep]
    if geometry.turn.transpose:
        blocks, steps = blocks.transpose(1, 0, 3, 2), steps.T
    return _Piece(blocks[top:bottom, left:right], steps.reshape(-1), part.extent)


def _copied(plans: Sequence[_Plan], dtype: torch.dtype) -> Memory:
    """Copy all pieces into one piece of memory, in the order of groups, planes and images."""
    pieces = [piece for plan in plans for own, _, _ in plan.planes for piece in own]
    quantised = np.empty(sum(piece.coefficients.size for piece in pieces), np.int16)
    steps = np.empty(sum(piece.table.size for piece in pieces), np.int32)
    at = row = 0
    for piece in pieces:
        source = piece.coefficients
        quantised[at : at + source.size].reshape(source.shape)[...] = source
        steps[row : row + piece.table.size] = piece.table
        at, row = at + source.size, row + piece.table.size
    memory, tables = torch.from_numpy(quantised), torch.from_numpy(steps)
    groups = []
    at = row = 0
    for plan in plans:
        planes = []
        for own, factors, maps in plan.planes:
            size, frequencies = sum(piece.coefficients.size for piece in own), own[0].table.size
            planes.append(
                Plane(
                    memory[at : at + size].view(-1, frequencies),
                    tables[row : row + len(own) * frequencies].view(-1, frequencies),
                    tuple(piece.extent for piece in own),
                    factors,
                    dtype,
                    maps,
                )
            )
            at, row = at + size, row + len(own) * frequencies
        groups.append(Group(plan.images, plan.color, tuple(planes), plan.fills, plan.sources, plan.transposed))
    return Memory(tuple(groups), memory, tables)
