"""From quantised coefficients to normalised float32 pixels in one pass, on the CPU.

Each block that the output needs is dequantised and transformed once; its rows stay in the core's cache until they have
become output. Nothing is rounded to integers and nothing clamped.
"""

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import BLACK, MIXING, Target, recolored
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import SeparableMap
from jpegdomain.preprocess.augmentation.lossless import transposed
from jpegdomain.preprocess.component_map import UPRIGHT, Turn
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .kernel import RENDER
from .render_layout import RenderLayout, render_layout

__all__ = ["render"]

_Kind: TypeAlias = tuple[Color, tuple[object, ...], Extent | SeparableMap, Turn, int]
_Work: TypeAlias = tuple[RenderLayout, tuple[NDArray[np.float32], NDArray[np.float32]], bool, Sequence[int]]
"""A layout, the colour matrix and fills, whether the images are transposed, and the images' positions."""

_SMALL: Final = 1 << 14
"""Coefficients of a component: several images up to this size are rendered by one call."""
_TOGETHER: Final = 64
"""Images of one call, at most."""
_WORTH_A_THREAD: Final = 1 << 20
"""Output numbers; for fewer, starting a thread takes longer than it saves."""

# A list's append and pop are atomic: so threads need no lock, and a fork cannot inherit one.
_scratch: list[NDArray[np.float32]] = []


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

    It equals the same maps of the float64 decoding up to float32's rounding, about 1e-6 of the range.

    Args:
        images: Any sizes, samplings and tables.
        geometries: One for each image, all to one extent; None for images of one extent as they are. Images with the
            same map share the work of preparing it.
        target: The channels wanted, 'luma', 'rgb' or 'ycbcr'. Maps and fills are of R, G and B, whatever the channels.
        scale: (channels,) in 1/levels.
        shift: (channels,).
        channels_last: Whether the result is channels-last in memory.
        threads: How many at most; each renders different images.

    Returns:
        (n, channels, h, w) float32.

    Raises:
        InputError: If there are no images or not as many geometries, a geometry is for another size than its image's or
            asks for more frequencies than the image has, or an image is not grayscale, YCbCr or RGB.
        ExtentMismatchError: If the results' extents differ.
    """
    if not images or (geometries is not None and len(images) != len(geometries)):
        raise InputError(
            f"render takes at least one image, and a geometry for each: got {len(images)} images"
            + ("" if geometries is None else f", {len(geometries)} geometries")
        )
    extent = images[0].extent if geometries is None else geometries[0].map.extent
    channels = len(scale)
    flat = _memory(len(images) * channels * extent.height * extent.width)
    factors = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
    works: list[_Work] = []
    for positions in _by_kind(images, geometries).values():
        first = images[positions[0]]
        own = ImageGeometry.whole(first) if geometries is None else geometries[positions[0]]
        _check(first, own, extent)
        if first.color not in MIXING[target]:
            raise InputError(f"{first.source}: {first.color} components cannot be mixed to {target}")
        rows = recolored(first.color, target, own.map.colors)
        layout = _layout_of(first, own, rows.shape[1], channels, channels_last)
        constants = _constants(layout, rows, target, factors)
        size = _TOGETHER if first.components[0].coefficients.size <= _SMALL else 1
        works += [
            (layout, constants, own.turn.transpose, positions[i : i + size]) for i in range(0, len(positions), size)
        ]
    shares = 1 if flat.size < _WORTH_A_THREAD else max(1, min(threads, len(works)))
    first_share, *others = [works[share::shares] for share in range(shares)]
    with ThreadPoolExecutor(len(others)) if others else nullcontext() as pool:
        running = [pool.submit(_render_all, images, share, flat) for share in others] if pool else []
        _render_all(images, first_share, flat)
        for one in running:
            one.result()
    if channels_last:
        return torch.from_numpy(flat).view(len(images), *extent, channels).permute(0, 3, 1, 2)
    return torch.from_numpy(flat).view(len(images), channels, *extent)


def _memory(size: int) -> NDArray[np.float32]:
    """Uninitialised float32 memory that begins at a cache line."""
    # NumPy asks the system for huge pages, torch does not. Batches so large that their memory goes back to the system
    # each time would spend longer on page faults of 4 KB than on all the arithmetic.
    line = 16
    room = np.empty(size + line, np.float32)
    first = -room.ctypes.data % (4 * line) // 4
    return room[first : first + size]


def _by_kind(images: Sequence[JpegImage], geometries: Sequence[ImageGeometry] | None) -> dict[_Kind, list[int]]:
    """Positions of the images by all that a layout depends on: this runs for every image, the rest for every kind."""
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
        raise InputError(f"{image.source}: {geometry.map!r} is not for an image of {image.extent}")
    if geometry.map.extent != extent:
        raise ExtentMismatchError(
            f"{image.source}: a batch holds images of one size, {geometry.map.extent} follows {extent}"
        )
    for component, part in zip(image.components, geometry.components, strict=True):
        grid = component.coefficients.shape[1::-1] if geometry.turn.transpose else component.coefficients.shape[:2]
        if any(end > size for (_, end), size in zip(part.blocks, grid, strict=True)):
            raise InputError(f"{image.source}: its geometry is for an image of another sampling")
    if any(part.keep < geometry.keep for part in image.components):
        raise InputError(
            f"{image.source}: its geometry needs {geometry.keep}×{geometry.keep} frequencies of a block, the image was "
            f"read with keep={image.keep}"
        )


def _layout_of(
    image: JpegImage, geometry: ImageGeometry, count: int, channels: int, channels_last: bool
) -> RenderLayout:
    grids = []
    for component in image.components[:count]:
        rows, columns, _ = component.coefficients.shape
        size = (columns, rows) if geometry.turn.transpose else (rows, columns)
        grids.append((*size, component.keep))
    make = render_layout if geometry.passing else _cached_layout
    return make(geometry.components[:count], tuple(grids), geometry.map, geometry.keep, channels, channels_last)


_cached_layout = functools.lru_cache(maxsize=1024)(render_layout)


def _constants(
    layout: RenderLayout,
    rows: NDArray[np.float64],
    target: Target,
    factors: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fold scale and shift into the colour matrix and into the fills."""
    scale, shift = factors
    channels, count = rows.shape
    mixing = np.zeros((3, 4))
    mixing[:channels, :count] = scale[:, None] * rows
    # From R, G and B to the channels, as of a file that has R, G and B.
    matrix, black = np.asarray(MIXING[target]["rgb"]), np.asarray(BLACK[target])
    mixing[:channels, 3] = scale * (matrix @ np.broadcast_to(layout.constant, 3) + black) + shift
    fills: list[NDArray[Any]] = []
    for levels, column, row in layout.fills:
        scaled = np.zeros(3)
        scaled[:channels] = scale * (matrix @ np.broadcast_to(levels, 3))
        fills += [scaled, column, row]
    joined = np.concatenate(fills or [np.zeros(1)])
    return mixing.reshape(-1).astype(np.float32), joined.astype(np.float32)


def _render_all(images: Sequence[JpegImage], works: Sequence[_Work], out: NDArray[np.float32]) -> None:
    """Make one call for each work."""
    for layout, (mixing, fills), transpose, positions in works:
        coefficients, steps = _planes([images[position] for position in positions], layout.parts, transpose)
        size = out.size // len(images)
        try:
            scratch = _scratch.pop()
        except IndexError:
            scratch = np.empty(0, np.float32)
        if scratch.size < layout.scratch:
            scratch = np.empty(layout.scratch, np.float32)
        RENDER(
            coefficients,
            steps,
            layout.head,
            layout.components,
            layout.bands,
            layout.starts,
            layout.weights,
            mixing,
            fills,
            scratch,
            out,
            size * np.array(positions, np.int64),
        )
        _scratch.append(scratch)


def _planes(
    images: Sequence[JpegImage], count: int, transpose: bool
) -> tuple[tuple[NDArray[np.int16], ...], tuple[NDArray[np.uint16], ...]]:
    """Coefficients and tables of three components, image after image; a single component is repeated."""
    planes, tables = [], []
    for column in zip(*[image.components[:count] for image in images], strict=True):
        parts = [transposed(part) for part in column] if transpose else column
        if len(parts) == 1:
            planes.append(parts[0].coefficients.reshape(-1))
            tables.append(parts[0].table)
        else:
            planes.append(np.concatenate([part.coefficients for part in parts]).reshape(-1))
            tables.append(np.concatenate([part.table for part in parts]))
    return tuple(planes * (3 // count)), tuple(tables * (3 // count))
