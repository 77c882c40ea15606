"""Which blocks of a component a preprocessed image needs, and the maps from their samples to the output."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from jpegdomain.geometry import BLOCK, Extent, block_count

from .banded_matrix import BandedMatrix
from .component_axis import LARGEST_GAIN, LARGEST_GAIN_SUBSAMPLED, from_samples, needed, takes_triangle
from .history import Operation
from .separable_map import SeparableMap
from .transform import Transform

__all__ = [
    "UPRIGHT",
    "ComponentMap",
    "Turn",
    "Upsampling",
    "component_maps",
    "composed",
    "moved",
    "region_around",
    "turn_of",
]

Upsampling: TypeAlias = tuple[tuple[int, int], ...]
"""Pixels per sample of each component, vertically and horizontally."""


@dataclass(frozen=True)
class Turn:
    """How an image is turned upright (Exif 2.3, table of tag 0x0112): first transposed, then flipped.

    Attributes:
        transpose: Whether to exchange rows and columns.
        vertical: Whether to flip upside down then.
        horizontal: Whether to flip left to right then.
    """

    transpose: bool = False
    vertical: bool = False
    horizontal: bool = False

    def then(self, image_map: SeparableMap) -> "Turn":
        """How to turn the components for a map of the upright image, which may transpose it again."""
        return replace(self, transpose=self.transpose != image_map.transposed)

    def extent(self, extent: Extent) -> Extent:
        """Height and width of the turned image."""
        return Extent(extent.width, extent.height) if self.transpose else extent

    def map(self, extent: Extent) -> SeparableMap:
        """The flips, as a map of an image that has this extent after the transposition; targets are transposed, too."""
        history = (Operation("transpose"),) if self.transpose else ()
        upright = replace(SeparableMap.whole(extent), history=history)
        return upright.flip(vertical=self.vertical, horizontal=self.horizontal)


UPRIGHT = Turn()
"""The turn of an image that is already upright."""

_TURNS = {
    1: UPRIGHT,
    2: Turn(False, False, True),
    3: Turn(False, True, True),
    4: Turn(False, True, False),
    5: Turn(True, False, False),
    6: Turn(True, False, True),
    7: Turn(True, True, True),
    8: Turn(True, True, False),
}


def turn_of(orientation: int) -> Turn:
    """The turn that makes an image with this EXIF orientation, 1…8, upright."""
    return _TURNS[orientation]


@dataclass(frozen=True, eq=False)
class ComponentMap:
    """The part of one component, turned upright, that the output needs, and its map to the output.

    Attributes:
        blocks: ((first, last + 1) block row, (first, last + 1) block column).
        extent: Height and width of that window in samples.
        rows: From the window's samples to the output's rows.
        columns: From the window's samples to the output's columns.
        largest_gain: The largest gain of a frequency that the low-frequency option may drop.
    """

    blocks: tuple[tuple[int, int], tuple[int, int]]
    extent: Extent
    rows: BandedMatrix
    columns: BandedMatrix
    largest_gain: float

    @functools.cached_property
    def keep(self) -> int:
        """m, the number of frequencies along each side of a block that the low-frequency option reads (`needed`)."""
        return max(needed(axis, self.largest_gain) for axis in (self.rows, self.columns))


@functools.lru_cache(maxsize=1024)
def composed(preprocess: Transform, extent: Extent, turn: Turn) -> SeparableMap:
    """The map of upright images of one extent for a preprocess without randomness; cached: always the same object."""
    return preprocess.place(turn.map(extent))


def component_maps(
    image_map: SeparableMap,
    extents: tuple[Extent, ...],
    upsampling: Upsampling,
    turn: Turn = UPRIGHT,
    *,
    passing: bool = False,
) -> tuple[ComponentMap, ...]:
    """Derive the maps of an image's components from the map of its pixels.

    Args:
        image_map: The map of the upright image.
        extents: The components' extents in the file.
        upsampling: Pixels per sample of each component in the file.
        turn: How to turn the image upright.
        passing: Whether the map will not be used again, so that nothing should be cached for it.

    Returns:
        A map for each component; components with equal extent and sampling share one.
    """
    one = _component_map.__wrapped__ if passing else _component_map
    kinds = tuple(zip(extents, upsampling, strict=True))
    made = {kind: one(image_map, *kind, turn) for kind in dict.fromkeys(kinds)}
    return tuple(made[kind] for kind in kinds)


@functools.lru_cache(maxsize=2048)
def _component_map(image_map: SeparableMap, extent: Extent, upsampling: tuple[int, int], turn: Turn) -> ComponentMap:
    # Libjpeg chooses the filter before anything is turned.
    triangle = takes_triangle(extent, upsampling)
    largest_gain = LARGEST_GAIN if upsampling == (1, 1) else LARGEST_GAIN_SUBSAMPLED
    if turn.transpose:
        upsampling = upsampling[::-1]
    windows, maps = [], []
    for axis, samples, factor in zip((image_map.rows, image_map.columns), turn.extent(extent), upsampling, strict=True):
        whole = from_samples(axis, samples, factor, triangle)
        first, end = whole.window()
        blocks = (first // BLOCK, block_count(end))
        size = min(BLOCK * blocks[1], samples) - BLOCK * blocks[0]
        windows.append((blocks, size))
        maps.append(whole.within(BLOCK * blocks[0], size))
    (vertical, height), (horizontal, width) = windows
    return ComponentMap((vertical, horizontal), Extent(height, width), maps[0], maps[1], largest_gain)


def region_around(
    parts: Sequence[ComponentMap], upsampling: Upsampling, extent: Extent, turn: Turn
) -> tuple[int, int, int, int]:
    """The pixels around all blocks that the maps of an image's components read.

    Args:
        parts: The components' maps.
        upsampling: Pixels per sample of each component in the file.
        extent: The image's extent in the file.
        turn: How the image is turned for the maps.

    Returns:
        (top, left, height, width) in the image as stored in the file.
    """
    ranges: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for part, factors in zip(parts, upsampling, strict=True):
        blocks = part.blocks[::-1] if turn.transpose else part.blocks
        for axis in (0, 1):
            first, end = blocks[axis]
            pixels = BLOCK * factors[axis]
            ranges[axis].append((first * pixels, min(end * pixels, extent[axis])))
    (top, bottom), (left, right) = ((min(a for a, _ in own), max(b for _, b in own)) for own in ranges)
    return top, left, bottom - top, right - left


def moved(
    parts: tuple[ComponentMap, ...],
    offset: tuple[int, int],
    upsampling: Upsampling,
    turn: Turn,
    *,
    passing: bool = False,
) -> tuple[ComponentMap, ...]:
    """The components' maps for the record of a region, whose blocks are numbered from the region's first ones.

    Args:
        parts: The maps for the whole image.
        offset: Where the region begins, (top, left) in pixels of the image as stored in the file, at whole MCUs.
        upsampling: Pixels per sample of each component in the file.
        turn: How the image is turned for the maps.
        passing: As for `component_maps`.

    Returns:
        A map for each component; components that shared a map still do.
    """
    one = _moved.__wrapped__ if passing else _moved
    made: dict[ComponentMap, ComponentMap] = {}
    for part, factors in zip(parts, upsampling, strict=True):
        if part not in made:
            steps = [pixels // (BLOCK * factor) for pixels, factor in zip(offset, factors, strict=True)]
            made[part] = one(part, *(steps[::-1] if turn.transpose else steps))
    return tuple(made[part] for part in parts)


@functools.lru_cache(maxsize=2048)
def _moved(part: ComponentMap, rows: int, columns: int) -> ComponentMap:
    (top, bottom), (left, right) = part.blocks
    return replace(part, blocks=((top - rows, bottom - rows), (left - columns, right - columns)))
