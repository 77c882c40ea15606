"""From records to tensors: the coefficients of a batch copied into one block of memory."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import INKS
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import SeparableMap
from jpegdomain.preprocess.component_map import ComponentMap, Upsampling
from jpegdomain.preprocess.image_geometry import ImageGeometry
from jpegdomain.preprocess.separable_map import Erasure

from .packing import empty
from .planes import BandedMatrices, Fills, Group, Memory, Plane, Records

__all__ = ["assemble"]


@dataclass(slots=True)
class _Piece:
    """One component of one image to be copied.

    Attributes:
        coefficients: int16 (block rows, block columns, frequencies…), any strides.
        table: uint16 (frequencies,).
        extent: Height and width in samples.
    """

    coefficients: NDArray[np.int16]
    table: NDArray[np.uint16]
    extent: Extent


_PlaneLayout: TypeAlias = tuple[list[_Piece], tuple[int, int], tuple[BandedMatrices, BandedMatrices] | None]
"""The pieces of a plane, its upsampling and its maps."""


@dataclass(slots=True)
class _GroupLayout:
    """A `Group` before its planes are in memory."""

    images: tuple[int, ...]
    color: Color
    planes: list[_PlaneLayout]
    fills: Fills | None
    sources: tuple[Extent, ...] = ()
    transposed: bool = False
    colors: Tensor | None = None
    erased: tuple[tuple[Erasure, ...], ...] = ()
    kinds: tuple[bytes | None, ...] = ()


@torch.compiler.disable  # type: ignore[untyped-decorator]
def assemble(records: Records, dtype: torch.dtype) -> Memory:
    """Copy those parts of its records that a batch needs into tensors."""
    if records.geometries is None:
        return _whole(records.images, dtype)
    return _gathered(records.images, records.geometries, dtype)


def _whole(images: Sequence[JpegImage], dtype: torch.dtype) -> Memory:
    """Images without a preprocess."""
    members: dict[tuple[Color, Upsampling], list[int]] = {}
    for position, image in enumerate(images):
        members.setdefault((image.color, image.upsampling), []).append(position)
    layouts = []
    for (color, factors), positions in members.items():
        planes: list[_PlaneLayout] = []
        for number, steps in enumerate(factors):
            components = [images[position].components[number] for position in positions]
            pieces = [_Piece(part.coefficients, part.table, part.extent) for part in components]
            planes.append((pieces, steps, None))
        layouts.append(_GroupLayout(tuple(positions), color, planes, None))
    return _copied(layouts, dtype)


def _gathered(images: Sequence[JpegImage], geometries: Sequence[ImageGeometry], dtype: torch.dtype) -> Memory:
    """Preprocessed images: the blocks that their maps read."""
    members: dict[tuple[Color, Upsampling, bool, int], list[int]] = {}
    for position, (image, geometry) in enumerate(zip(images, geometries, strict=True)):
        kind = (image.color, image.upsampling, geometry.turn.transpose, geometry.keep)
        members.setdefault(kind, []).append(position)
    layouts = []
    for (color, factors, transposed, _), positions in members.items():
        inks = color in INKS
        if not inks:
            # Neighbours of similar sizes waste little when padded to a common one.
            positions.sort(key=lambda position: tuple(geometries[position].components[0].extent))
        maps: dict[tuple[int, ...], tuple[BandedMatrices, BandedMatrices]] = {}
        planes: list[_PlaneLayout] = []
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
        image_maps = [geometries[position].map for position in positions]
        fills = Fills.stack(image_maps)
        sources = tuple(images[position].extent for position in positions) if inks else ()
        kinds = tuple(_kind(geometries[position]) for position in positions)
        last = transposed and inks, _colors(image_maps), _erased(image_maps), kinds
        layouts.append(_GroupLayout(tuple(positions), color, planes, fills, sources, *last))
    return _copied(layouts, dtype)


def _colors(image_maps: Sequence[SeparableMap]) -> Tensor | None:
    """(images, 3, 3) colour matrices; None if there are none."""
    if all(one.colors is None for one in image_maps):
        return None
    return torch.from_numpy(np.stack([np.eye(3) if one.colors is None else one.colors for one in image_maps]))


def _erased(image_maps: Sequence[SeparableMap]) -> tuple[tuple[Erasure, ...], ...]:
    return tuple(one.erased for one in image_maps) if any(one.erased for one in image_maps) else ()


def _kind(geometry: ImageGeometry) -> bytes | None:
    return None if geometry.passing else _digest(geometry.map, geometry.components, geometry.keep)


@functools.lru_cache(maxsize=2048)
def _digest(image_map: SeparableMap, components: tuple[ComponentMap, ...], keep: int) -> bytes:
    """Hash everything that the renderer's arguments for a window of blocks depend on."""
    known = hashlib.blake2b(repr((keep, [part.extent for part in components])).encode(), digest_size=16)
    for axis in (matrix for part in components for matrix in (part.rows, part.columns)):
        known.update(repr(axis.weights.shape).encode() + axis.starts.tobytes() + axis.weights.tobytes())
    for fill in image_map.constants():
        known.update(repr(fill.levels).encode() + fill.rows.tobytes() + fill.columns.tobytes())
    return known.digest()


def _mapped(geometry: ImageGeometry, number: int, inks: bool) -> ComponentMap | SeparableMap:
    """The object with the maps to the output: from a component's samples, or from the pixels of all components."""
    return geometry.map if inks else geometry.components[number]


def _piece(image: JpegImage, number: int, geometry: ImageGeometry) -> _Piece:
    """The blocks and frequencies of a component that its map reads; all of them if it has no map."""
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


def _copied(layouts: Sequence[_GroupLayout], dtype: torch.dtype) -> Memory:
    """Copy all pieces into one block of memory, in the order of groups, planes and images."""
    pieces = [piece for layout in layouts for own, _, _ in layout.planes for piece in own]
    memory = empty(sum(piece.coefficients.size for piece in pieces), torch.int16)
    quantised = memory.numpy()
    steps = np.empty(sum(piece.table.size for piece in pieces), np.int32)
    at = row = 0
    for piece in pieces:
        source = piece.coefficients
        quantised[at : at + source.size].reshape(source.shape)[...] = source
        steps[row : row + piece.table.size] = piece.table
        at, row = at + source.size, row + piece.table.size
    tables = torch.from_numpy(steps)
    groups = []
    at = row = 0
    for layout in layouts:
        planes = []
        for own, factors, maps in layout.planes:
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
        rest = layout.fills, layout.sources, layout.transposed, layout.colors, layout.erased, layout.kinds
        groups.append(Group(layout.images, layout.color, tuple(planes), *rest))
    return Memory(tuple(groups), memory, tables)
