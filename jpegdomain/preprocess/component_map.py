"""Which blocks of a component a placed image needs, and the maps from their samples to the output."""

import functools
from dataclasses import dataclass

from jpegdomain.geometry import BLOCK, Extent, block_count

from .banded_matrix import BandedMatrix
from .component_axis import from_samples, takes_triangle
from .frequencies import LARGEST_GAIN, LARGEST_GAIN_SUBSAMPLED, needed
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["UPRIGHT", "ComponentMap", "Turn", "component_maps", "composed", "turn_of"]


@dataclass(frozen=True)
class Turn:
    """How an image is turned upright (Exif 2.3, table of tag 0x0112): transposed first, then flipped.

    Attributes:
        transpose: Whether rows and columns change places.
        vertical: Whether it is then turned upside down.
        horizontal: Whether it is then turned left to right.
    """

    transpose: bool = False
    vertical: bool = False
    horizontal: bool = False

    def extent(self, extent: Extent) -> Extent:
        """Give the size of what is turned.

        Args:
            extent: Height and width before.

        Returns:
            Height and width after.
        """
        return Extent(extent.width, extent.height) if self.transpose else extent


UPRIGHT = Turn()
"""Nothing to do."""

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
    """Read an EXIF orientation.

    Args:
        orientation: 1…8.

    Returns:
        What makes the image upright.
    """
    return _TURNS[orientation]


@dataclass(frozen=True, eq=False)
class ComponentMap:
    """What a placed image needs of one component, turned upright.

    Attributes:
        blocks: ((first, last + 1) block row, (first, last + 1) block column).
        extent: Height and width of that window in samples.
        rows: From its samples to the output's rows.
        columns: From its samples to the output's columns.
        largest_gain: Of the frequencies that the low-frequency option may leave out.
    """

    blocks: tuple[tuple[int, int], tuple[int, int]]
    extent: Extent
    rows: BandedMatrix
    columns: BandedMatrix
    largest_gain: float

    @functools.cached_property
    def keep(self) -> int:
        """m, the frequencies along each side of a block that the low-frequency option reads (`needed`)."""
        return max(needed(axis, self.largest_gain) for axis in (self.rows, self.columns))


@functools.lru_cache(maxsize=1024)
def composed(preprocess: Transform, extent: Extent, turn: Turn) -> SeparableMap:
    """Place images of one size by a preprocess that draws nothing: the same object for the same arguments.

    Args:
        preprocess: Of the upright image.
        extent: Of the upright image.
        turn: What makes it upright.

    Returns:
        The placement.
    """
    return preprocess.place(SeparableMap.whole(extent).flip(vertical=turn.vertical, horizontal=turn.horizontal))


def component_maps(
    placement: SeparableMap,
    extents: tuple[Extent, ...],
    upsampling: tuple[tuple[int, int], ...],
    turn: Turn = UPRIGHT,
    *,
    passing: bool = False,
) -> tuple[ComponentMap, ...]:
    """Give what each component has to hold ready.

    Args:
        placement: Of the upright image.
        extents: The components' own, as the file has them.
        upsampling: Likewise.
        turn: What makes the image upright.
        passing: Whether the placement will not come again, so that nothing is kept for it.

    Returns:
        One part for each component; equal components have the same one.
    """
    one = _part.__wrapped__ if passing else _part
    made: dict[tuple[Extent, tuple[int, int]], ComponentMap] = {}
    for kind in zip(extents, upsampling, strict=True):
        if kind not in made:
            made[kind] = one(placement, *kind, turn)
    return tuple(made[kind] for kind in zip(extents, upsampling, strict=True))


@functools.lru_cache(maxsize=2048)
def _part(placement: SeparableMap, extent: Extent, upsampling: tuple[int, int], turn: Turn) -> ComponentMap:
    # libjpeg chooses the filter before anything is turned.
    triangle = takes_triangle(extent, upsampling)
    largest_gain = LARGEST_GAIN if upsampling == (1, 1) else LARGEST_GAIN_SUBSAMPLED
    if turn.transpose:
        upsampling = upsampling[::-1]
    windows, maps = [], []
    for axis, samples, factor in zip((placement.rows, placement.columns), turn.extent(extent), upsampling, strict=True):
        whole = from_samples(axis, samples, factor, triangle)
        first, end = whole.window()
        blocks = (first // BLOCK, block_count(end))
        size = min(BLOCK * blocks[1], samples) - BLOCK * blocks[0]
        windows.append((blocks, size))
        maps.append(whole.within(BLOCK * blocks[0], size))
    (vertical, height), (horizontal, width) = windows
    return ComponentMap((vertical, horizontal), Extent(height, width), maps[0], maps[1], largest_gain)
