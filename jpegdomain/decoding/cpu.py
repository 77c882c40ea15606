"""From quantised coefficients to normalised float32 pixels in one pass, on the CPU.

Each block that the output needs is dequantised and transformed once; its rows stay in the core's cache until they are
used. Nothing is rounded to integers, and nothing is clamped.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.decoded import Decoded
from jpegdomain.codec.images import Images, Kind, Run
from jpegdomain.codec.kernel.layout import Integers
from jpegdomain.colour import MIXING, Target, recolored
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import SeparableMap
from jpegdomain.preprocess.augmentation.lossless import transposed
from jpegdomain.preprocess.component_map import ComponentMap, Turn
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .render_layout import Grid, RenderLayout, render_layout
from .works import TOGETHER, Arrays, Channels, Work, behind, render_works

__all__ = ["render"]

Prepared: TypeAlias = tuple[RenderLayout, NDArray[np.float32], NDArray[np.float32]]
"""What images of one kind and geometry have in common: their layout, and `Channels.constants`."""

_SMALL: Final = 1 << 14
"""Coefficients of a component: several images up to this size are copied to one place, and rendered by one call."""
_AT_ONCE: Final = 1 << 20
"""Numbers of the output of one call, about, so that several threads have something to do."""


def render(
    images: Sequence[JpegImage],
    geometries: Sequence[ImageGeometry] | None,
    target: Target,
    scale: Sequence[float],
    shift: Sequence[float],
    *,
    channels_last: bool = False,
    threads: int = 1,
) -> Tensor:
    """Render images to a batch: scale·(A_h·(colours · upsampled components + 128)·A_wᵀ + fills) + shift.

    The result equals the same maps of the float64 decoding, up to float32's rounding of about 1e-6 of the range.

    Args:
        images: Images of any sizes, samplings and tables.
        geometries: One for each image, all with one output extent; None for images of one extent without a preprocess.
            The work to prepare a map is shared by all images with that map.
        target: The channels wanted, 'luma', 'rgb' or 'ycbcr'. Maps and fills always refer to R, G and B.
        scale: (channels,) in 1/levels.
        shift: (channels,).
        channels_last: Whether the result is channels-last in memory.
        threads: The largest number of threads; each renders different images.

    Returns:
        (n, channels, h, w) float32.

    Raises:
        InputError: If there are no images, the number of geometries differs, a geometry is for another image size or
            needs more frequencies than the image has, or an image is not grayscale, YCbCr or RGB.
        ExtentMismatchError: If the results' extents differ.
    """
    if not images or (geometries is not None and len(images) != len(geometries)):
        raise InputError(
            f"render needs at least one image, and a geometry for each: got {len(images)} images"
            + ("" if geometries is None else f", {len(geometries)} geometries")
        )
    ordered = Images.of(images)
    extent = ordered.kinds()[0].first.extent if geometries is None else geometries[0].map.extent
    channels = Channels(target, np.asarray(scale, np.float64), np.asarray(shift, np.float64), channels_last)
    jobs: list[Callable[[], Work]] = []
    for kind in ordered.kinds():
        for geometry, runs, alone in _by_geometry(kind, geometries):
            first = ordered[alone[0]] if alone else kind.first
            own = ImageGeometry.whole(first) if geometry is None else geometry
            _check(first, own, extent, target)
            # In the thread that renders the first of them: this takes as long as rendering a small image.
            prepare = functools.cache(partial(_prepared, first, own, channels))
            members = _divided(ordered, runs, alone, own, len(scale))
            jobs += [partial(_work, prepare, *some) for some in members]
    return render_works(jobs, len(images), extent, channels, threads)


def _prepared(image: JpegImage, geometry: ImageGeometry, channels: Channels) -> Prepared:
    rows = recolored(image.color, channels.target, geometry.map.colors)
    layout = _layout_of(image, geometry, rows.shape[1], len(channels.scale), channels.last)
    return layout, *channels.constants(layout, rows)


def _work(
    prepare: Callable[[], Prepared], positions: Sequence[int] | Integers, arrays: Callable[[int], Arrays]
) -> Work:
    layout, mixing, fills = prepare()
    return Work(layout, mixing, fills, positions, arrays(layout.parts))


def _by_geometry(
    kind: Kind, geometries: Sequence[ImageGeometry] | None
) -> list[tuple[ImageGeometry | None, Sequence[Run], list[int]]]:
    """Divide images of one kind by geometry: each with its runs, and the positions of images decoded alone."""
    if geometries is None:
        return [(None, kind.runs, kind.alone)]
    positions = kind.positions
    first = geometries[positions[0]]
    if all(geometries[position] is first for position in positions):
        return [(first, kind.runs, kind.alone)]
    others: dict[tuple[SeparableMap, Turn, int], list[int]] = {}
    for position in sorted(positions):
        one = geometries[position]
        others.setdefault((one.map, one.turn, one.keep), []).append(position)
    return [(geometries[own[0]], (), own) for own in others.values()]


def _divided(
    images: Images, runs: Sequence[Run], alone: Sequence[int], geometry: ImageGeometry, channels: int
) -> Iterator[tuple[Sequence[int] | Integers, Callable[[int], Arrays]]]:
    """Divide images of one geometry into calls, each with its images' positions and, given how many, components."""
    if geometry.turn.transpose:
        alone, runs = [*alone, *(position for run in runs for position in run.positions.tolist())], ()
    extent = geometry.map.extent
    size = max(1, _AT_ONCE // (channels * extent.height * extent.width))
    for run in runs:
        for at in range(0, len(run.numbers), size):
            numbers = run.numbers[at : at + size]
            yield run.positions[at : at + size], partial(_in_place, run.decoded, numbers)
    if alone:
        size = TOGETHER if images[alone[0]].components[0].coefficients.size <= _SMALL else 1
        for some in (alone[at : at + size] for at in range(0, len(alone), size)):
            yield some, partial(_arrays, images, some, geometry.turn.transpose)


def _check(image: JpegImage, geometry: ImageGeometry, extent: Extent, target: Target) -> None:
    if image.color not in MIXING[target]:
        raise InputError(f"{image.source}: {image.color} components cannot be converted to {target}")
    whole, offset = (image.extent, None) if geometry.offset is None else (image.whole, image.offset)
    if whole is None or geometry.offset != offset or geometry.map.source != geometry.turn.extent(whole):
        raise InputError(f"{image.source}: {geometry.map!r} is not for an image of size {whole}")
    if geometry.map.extent != extent:
        raise ExtentMismatchError(
            f"{image.source}: images in a batch must have one size, this one has {geometry.map.extent}, not {extent}"
        )
    for component, part in zip(image.components, geometry.components, strict=True):
        grid = component.coefficients.shape[1::-1] if geometry.turn.transpose else component.coefficients.shape[:2]
        if any(end > size for (_, end), size in zip(part.blocks, grid, strict=True)):
            raise InputError(f"{image.source}: its geometry is for an image with another sampling")
    if any(part.keep < geometry.keep for part in image.components):
        raise InputError(
            f"{image.source}: its geometry needs {geometry.keep}×{geometry.keep} frequencies per block, but the image "
            f"was read with keep={image.keep}"
        )


def _layout_of(
    image: JpegImage, geometry: ImageGeometry, count: int, channels: int, channels_last: bool
) -> RenderLayout:
    grids = []
    for component in image.components[:count]:
        rows, columns, _ = component.coefficients.shape
        size = (columns, rows) if geometry.turn.transpose else (rows, columns)
        grids.append((*size, component.keep))
    make = _layout.__wrapped__ if geometry.passing else _layout
    return make(geometry.components[:count], tuple(grids), geometry.map, geometry.keep, channels, channels_last)


@functools.lru_cache(maxsize=1024)
def _layout(
    parts: tuple[ComponentMap, ...],
    grids: tuple[Grid, ...],
    image_map: SeparableMap,
    keep: int,
    channels: int,
    channels_last: bool,
) -> RenderLayout:
    return render_layout(parts, grids, image_map.extent, image_map.constants(), keep, channels, channels_last)


def _in_place(decoded: Decoded, numbers: Integers, count: int) -> Arrays:
    """The arrays of images where they were decoded."""
    layout = decoded.layouts[int(numbers[0])]
    assert layout is not None
    begins = np.zeros((len(numbers), 6), np.int64)
    for i, (place, _) in enumerate(layout.cuts[:count]):
        begins[:, i] = decoded.begins[numbers] + place.start
        begins[:, 3 + i] = 64 * (4 * numbers + i)
    return (decoded.out,) * 3, (decoded.quant.reshape(-1),) * 3, begins


def _arrays(images: Sequence[JpegImage], positions: Sequence[int], transpose: bool, count: int) -> Arrays:
    """The arrays of images that were decoded alone: copied to one place, unless there is only one."""
    planes, tables, sizes = [], [], []
    for column in zip(*[images[position].components[:count] for position in positions], strict=True):
        parts = [transposed(part) for part in column] if transpose else column
        sizes.append(parts[0].coefficients.size)
        if len(parts) == 1:
            planes.append(parts[0].coefficients.reshape(-1))
            tables.append(parts[0].table)
        else:
            planes.append(np.concatenate([part.coefficients for part in parts]).reshape(-1))
            tables.append(np.concatenate([part.table for part in parts]))
    return tuple(planes * (3 // count)), tuple(tables * (3 // count)), behind(sizes, len(positions))
