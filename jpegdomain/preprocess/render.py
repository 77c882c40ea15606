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

from jpegdomain.codec import Component, JpegImage
from jpegdomain.codec.metadata import Color
from jpegdomain.colour import BLACK, MIXING, Matrix, Target
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK, Extent

from .entries import RENDER
from .parts import UPRIGHT, Turn
from .place import Place, whole
from .placement import Placement
from .render_plan import RenderPlan, plan_rendering

__all__ = ["render"]

_Kind: TypeAlias = tuple[Color, tuple[object, ...], Extent | Placement, Turn, int]
_Work: TypeAlias = tuple[RenderPlan, tuple[NDArray[np.float32], NDArray[np.float32]], bool, Sequence[int]]
"""A plan, the colours' numbers, whether the images are transposed, and which images."""

_SMALL: Final = 1 << 14
"""Coefficients of a component's plane: several images up to this size are rendered by one call."""
_TOGETHER: Final = 64
"""Images of one call, at most."""
_WORTH_A_THREAD: Final = 1 << 20
"""Output numbers; for fewer, starting a thread takes longer than it saves."""

# A list's append and pop are atomic: so threads need no lock, and a fork cannot inherit one.
_scratch: list[NDArray[np.float32]] = []


def render(
    images: Sequence[JpegImage],
    places: Sequence[Place] | None,
    target: Target,
    scale: Sequence[float],
    shift: Sequence[float],
    *,
    channels_last: bool = False,
    threads: int = 1,
) -> Tensor:
    """Render images to a batch: scale·(A_h·(colours · upsampled components + 128)·A_wᵀ + fills) + shift.

    It equals the same maps of the float64 decoding but for float32's rounding, about 1e-6 of the range.

    Args:
        images: Any sizes, samplings and tables.
        places: For each image where it goes, all in one extent; None for images of one extent as they are. Images that
            share a placement share the work of preparing it.
        target: The channels wanted, 'luma', 'rgb' or 'ycbcr'. Maps and fills are of R, G and B, whatever the channels.
        scale: (channels,) in 1/levels.
        shift: (channels,).
        channels_last: Whether the result is channels-last in memory.
        threads: How many at most; each renders images of its own.

    Returns:
        (n, channels, h, w) float32.

    Raises:
        InputError: If there are no images or not as many places, a place is for another size than its image's or asks
            for more frequencies than the image has, or an image is neither grayscale, nor YCbCr, nor RGB.
        ExtentMismatchError: If the results' extents differ.
    """
    if not images or (places is not None and len(images) != len(places)):
        raise InputError(
            f"render takes at least one image, and a place for each: got {len(images)} images"
            + ("" if places is None else f", {len(places)} places")
        )
    extent = images[0].extent if places is None else places[0].placement.extent
    channels = len(scale)
    flat = _memory(len(images) * channels * extent.height * extent.width)
    factors = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
    works: list[_Work] = []
    for positions in _alike(images, places).values():
        first = images[positions[0]]
        own = whole(first) if places is None else places[positions[0]]
        _check(first, own, extent)
        rows = MIXING[target].get(first.color)
        if rows is None:
            raise InputError(f"{first.source}: {first.color} components cannot be mixed to {target}")
        plan = _plan_of(first, own, len(rows[0]), channels, channels_last)
        constants = _constants(plan, rows, target, factors)
        size = _TOGETHER if first.components[0].coefficients.size <= _SMALL else 1
        works += [
            (plan, constants, own.turn.transpose, positions[i : i + size]) for i in range(0, len(positions), size)
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
    """Give uninitialised float32 memory that begins where a cache line does."""
    # NumPy asks the system for huge pages, torch does not. Batches so large that their memory goes back to the system
    # each time would spend longer on interruptions for pages of 4 KB than on all the arithmetic.
    line = 16
    room = np.empty(size + line, np.float32)
    first = -room.ctypes.data % (4 * line) // 4
    return room[first : first + size]


def _alike(images: Sequence[JpegImage], places: Sequence[Place] | None) -> dict[_Kind, list[int]]:
    """Sort the images' positions by all that a plan depends on; this runs for every image, the rest for every kind."""
    kinds: dict[_Kind, list[int]] = {}
    for position, image in enumerate(images):
        layout = tuple([(part.factors, part.coefficients.shape) for part in image.components])
        if places is None:
            kind: _Kind = (image.color, layout, image.extent, UPRIGHT, BLOCK)
        else:
            place = places[position]
            kind = (image.color, layout, place.placement, place.turn, place.keep)
        if kind in kinds:
            kinds[kind].append(position)
        else:
            kinds[kind] = [position]
    return kinds


def _check(image: JpegImage, place: Place, extent: Extent) -> None:
    if place.placement.source != place.turn.extent(image.extent):
        raise InputError(f"{image.source}: {place.placement!r} is not for an image of {image.extent}")
    if place.placement.extent != extent:
        raise ExtentMismatchError(
            f"{image.source}: a batch holds images of one size, {place.placement.extent} follows {extent}"
        )
    for component, part in zip(image.components, place.parts, strict=True):
        grid = component.coefficients.shape[1::-1] if place.turn.transpose else component.coefficients.shape[:2]
        if any(end > size for (_, end), size in zip(part.blocks, grid, strict=True)):
            raise InputError(f"{image.source}: its place is for an image of another sampling")
    if any(part.keep < place.keep for part in image.components):
        raise InputError(
            f"{image.source}: its place needs {place.keep}×{place.keep} frequencies of a block, the image was read "
            f"with keep={image.keep}"
        )


def _plan_of(image: JpegImage, place: Place, count: int, channels: int, channels_last: bool) -> RenderPlan:
    grids = []
    for component in image.components[:count]:
        rows, columns, _ = component.coefficients.shape
        size = (columns, rows) if place.turn.transpose else (rows, columns)
        grids.append((*size, component.keep))
    make = plan_rendering if place.passing else _plan
    return make(place.parts[:count], tuple(grids), place.placement, place.keep, channels, channels_last)


_plan = functools.lru_cache(maxsize=1024)(plan_rendering)


def _constants(
    plan: RenderPlan,
    rows: Matrix,
    target: Target,
    factors: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fold scale and shift into the colour matrix and into the fills."""
    scale, shift = factors
    channels, count = len(scale), len(rows[0])
    mixing = np.zeros((3, 4))
    mixing[:channels, :count] = scale[:, None] * np.asarray(rows)
    # From R, G and B to the channels, as of a file that has R, G and B.
    matrix, black = np.asarray(MIXING[target]["rgb"]), np.asarray(BLACK[target])
    mixing[:channels, 3] = scale * (matrix @ np.full(3, plan.constant) + black) + shift
    fills: list[NDArray[Any]] = [np.zeros(1)]
    for levels, column, row in plan.fills:
        scaled = np.zeros(3)
        scaled[:channels] = scale * (matrix @ np.broadcast_to(levels, 3))
        fills += [scaled, column, row]
    # The compiled function counts from the first level on.
    joined = np.concatenate(fills[1:] or fills)
    return mixing.reshape(-1).astype(np.float32), joined.astype(np.float32)


def _render_all(images: Sequence[JpegImage], works: Sequence[_Work], out: NDArray[np.float32]) -> None:
    for work in works:
        _render_some(images, work, out)


def _render_some(images: Sequence[JpegImage], work: _Work, out: NDArray[np.float32]) -> None:
    """Render images that have one plan with one call."""
    plan, (mixing, fills), transpose, positions = work
    coefficients, steps = _planes([images[position] for position in positions], plan.parts, transpose)
    size = out.size // len(images)
    try:
        scratch = _scratch.pop()
    except IndexError:
        scratch = np.empty(0, np.float32)
    if scratch.size < plan.scratch:
        scratch = np.empty(plan.scratch, np.float32)
    RENDER(
        coefficients,
        steps,
        plan.integers,
        plan.starts,
        plan.weights,
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
    """Give three components' coefficients and tables, one image's behind the other's; a single one stands thrice."""
    planes, tables = [], []
    for column in zip(*[image.components[:count] for image in images], strict=True):
        parts = [_transposed(part) for part in column] if transpose else column
        if len(parts) == 1:
            planes.append(parts[0].coefficients.reshape(-1))
            tables.append(parts[0].table)
        else:
            planes.append(np.concatenate([part.coefficients for part in parts]).reshape(-1))
            tables.append(np.concatenate([part.table for part in parts]))
    return tuple(planes * (3 // count)), tuple(tables * (3 // count))


def _transposed(component: Component) -> Component:
    """Exchange rows and columns, of blocks and of frequencies."""
    m = component.keep
    rows, columns, _ = component.coefficients.shape
    blocks = component.coefficients.reshape(rows, columns, m, m).transpose(1, 0, 3, 2)
    return Component(
        component.identifier,
        np.ascontiguousarray(blocks).reshape(columns, rows, m * m),
        np.ascontiguousarray(component.table.reshape(BLOCK, BLOCK).T).reshape(-1),
        component.factors[::-1],
        Extent(component.extent.width, component.extent.height),
    )
