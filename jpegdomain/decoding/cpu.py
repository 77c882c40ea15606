"""From quantised coefficients to normalised float32 pixels in one pass, on the CPU.

Each block that the output needs is dequantised and transformed once; its rows stay in the core's cache until they are
used. Nothing is rounded to integers, and nothing is clamped.
"""

import functools
from collections.abc import Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import MIXING, Target, recolored
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import SeparableMap
from jpegdomain.preprocess.augmentation.lossless import transposed
from jpegdomain.preprocess.component_map import UPRIGHT, ComponentMap, Turn
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .render_layout import Grid, RenderLayout, render_layout
from .works import TOGETHER, Arrays, Channels, Work, render_works

__all__ = ["render"]

_Kind: TypeAlias = tuple[Color, tuple[object, ...], Extent | SeparableMap, Turn, int]

_SMALL: Final = 1 << 14
"""Largest number of coefficients per component for which one call renders several images."""


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
    extent = images[0].extent if geometries is None else geometries[0].map.extent
    channels = Channels(target, np.asarray(scale, np.float64), np.asarray(shift, np.float64), channels_last)
    works: list[Work] = []
    for positions in _by_kind(images, geometries).values():
        first = images[positions[0]]
        own = ImageGeometry.whole(first) if geometries is None else geometries[positions[0]]
        _check(first, own, extent)
        if first.color not in MIXING[target]:
            raise InputError(f"{first.source}: {first.color} components cannot be converted to {target}")
        rows = recolored(first.color, target, own.map.colors)
        layout = _layout_of(first, own, rows.shape[1], len(scale), channels_last)
        constants = channels.constants(layout, rows)
        size = TOGETHER if first.components[0].coefficients.size <= _SMALL else 1
        for some in (positions[at : at + size] for at in range(0, len(positions), size)):
            arrays = partial(_arrays, images, some, layout.parts, own.turn.transpose)
            works.append(Work(layout, *constants, some, arrays))
    return render_works(works, len(images), extent, channels, threads)


def _by_kind(images: Sequence[JpegImage], geometries: Sequence[ImageGeometry] | None) -> dict[_Kind, list[int]]:
    """Positions of the images, grouped by everything that a layout depends on. This runs for every image."""
    kinds: dict[_Kind, list[int]] = {}
    for position, image in enumerate(images):
        sampling = tuple([(part.factors, part.coefficients.shape) for part in image.components])
        if geometries is None:
            kind: _Kind = (image.color, sampling, image.extent, UPRIGHT, BLOCK)
        else:
            geometry = geometries[position]
            kind = (image.color, sampling, geometry.map, geometry.turn, geometry.keep)
        if kind in kinds:
            kinds[kind].append(position)
        else:
            kinds[kind] = [position]
    return kinds


def _check(image: JpegImage, geometry: ImageGeometry, extent: Extent) -> None:
    if geometry.map.source != geometry.turn.extent(image.extent):
        raise InputError(f"{image.source}: {geometry.map!r} is not for an image of size {image.extent}")
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


def _arrays(images: Sequence[JpegImage], positions: Sequence[int], count: int, transpose: bool) -> Arrays:
    planes, tables = [], []
    for column in zip(*[images[position].components[:count] for position in positions], strict=True):
        parts = [transposed(part) for part in column] if transpose else column
        if len(parts) == 1:
            planes.append(parts[0].coefficients.reshape(-1))
            tables.append(parts[0].table)
        else:
            planes.append(np.concatenate([part.coefficients for part in parts]).reshape(-1))
            tables.append(np.concatenate([part.table for part in parts]))
    return tuple(planes * (3 // count)), tuple(tables * (3 // count))
