"""Render batches that came from another process or device, from their one block of memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.colour import Target, recolored
from jpegdomain.data import Group, Plane
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import BandedMatrix, SeparableMap
from jpegdomain.preprocess.component_map import ComponentMap, component_maps
from jpegdomain.preprocess.separable_map import Fill

from .render_layout import RenderLayout, render_layout
from .works import TOGETHER, Arrays, Channels, Work, behind, render_works

__all__ = ["render_tensors"]

_MOST: Final = 1024
# A dictionary's single operations are atomic.
_layouts: "OrderedDict[Hashable, RenderLayout]" = OrderedDict()


def render_tensors(
    groups: Sequence[Group],
    count: int,
    extent: Extent,
    target: Target,
    scale: Sequence[float],
    shift: Sequence[float],
    *,
    channels_last: bool = False,
    threads: int = 1,
) -> Tensor:
    """Render a batch that holds tensors: the same numbers as `cpu.render` of its records.

    Args:
        groups: Groups on the CPU, grayscale, YCbCr or RGB.
        count: Number of images.
        extent: The batch's extent.
        target: As for `cpu.render`, like the following.
        scale: (channels,) in 1/levels.
        shift: (channels,).
        channels_last: Whether the result is channels-last in memory.
        threads: The largest number of threads.

    Returns:
        (n, channels, h, w) float32.
    """
    channels = Channels(target, np.asarray(scale, np.float64), np.asarray(shift, np.float64), channels_last)
    jobs = [job for group in groups for job in _jobs(group, extent, channels)]
    return render_works(jobs, count, extent, channels, threads)


def _jobs(group: Group, extent: Extent, channels: Channels) -> Iterator[Callable[[], Work]]:
    """Divide a group into runs of images with one layout."""
    colors = None if group.colors is None else group.colors.numpy()
    plain = recolored(group.color, channels.target, None if colors is None else colors[0])
    planes = group.planes[: plain.shape[1]]
    # Everything that the layout depends on, except for the images' own maps.
    common = (len(planes), extent, len(channels.scale), channels.last)
    places = [_places(plane) for plane in planes]
    coefficients = [plane.quantised.numpy().reshape(-1) for plane in planes]
    tables = [_tables(plane) for plane in planes]
    end = 0
    while end < len(group.images):
        first, key = end, _key(group, end)
        end += 1
        while key is not None and end < min(first + TOGETHER, len(group.images)) and _key(group, end) == key:
            end += 1
        layout = _kept((key, common) if key else None, partial(_layout, group, planes, first, extent, channels))
        rows = plain if colors is None else recolored(group.color, channels.target, colors[first])
        constants = channels.constants(layout, rows)
        arrays = _arrays(coefficients, tables, places, first, end)
        yield partial(Work, layout, *constants, group.images[first:end], arrays)


def _key(group: Group, image: int) -> Hashable:
    """A key that is equal only for images with equal maps; None if that is unknown."""
    if group.kinds and group.kinds[image] is not None and group.colors is not None:
        return group.kinds[image], group.colors[image].numpy().tobytes()
    if group.kinds:
        return group.kinds[image]
    return tuple((plane.extents[image], plane.upsampling) for plane in group.planes)


def _kept(key: Hashable, make: Callable[[], RenderLayout]) -> RenderLayout:
    """Return the layout for this key, made at its first use. Do not keep what makes it: that holds the batch."""
    if key is None:
        return make()
    layout = _layouts.pop(key, None) or make()
    _layouts[key] = layout
    if len(_layouts) > _MOST:
        _layouts.popitem(last=False)
    return layout


def _places(plane: Plane) -> NDArray[np.int64]:
    """Return (images + 1,): where each image's coefficients begin, and where the last one's end."""
    blocks = [rows * columns for rows, columns in (extent.blocks for extent in plane.extents)]
    return plane.quantised.shape[1] * np.cumsum([0, *blocks])


def _tables(plane: Plane) -> NDArray[np.uint16]:
    """(images, 64): the steps of all frequencies; arbitrary for those that were not read."""
    steps, keep = plane.steps.numpy(), plane.keep
    if keep == BLOCK:
        return steps.astype(np.uint16)
    whole = np.ones((len(steps), BLOCK, BLOCK), np.uint16)
    whole[:, :keep, :keep] = steps.reshape(-1, keep, keep)
    return whole.reshape(-1, BLOCK * BLOCK)


def _arrays(
    coefficients: list[NDArray[np.int16]],
    tables: list[NDArray[np.uint16]],
    places: list[NDArray[np.int64]],
    first: int,
    end: int,
) -> Arrays:
    parts = [own[at[first] : at[end]] for own, at in zip(coefficients, places, strict=True)]
    steps = [own[first:end].reshape(-1) for own in tables]
    begins = behind([part.size // (end - first) for part in parts], end - first)
    return tuple(parts * (3 // len(parts))), tuple(steps * (3 // len(steps))), begins


def _layout(group: Group, planes: tuple[Plane, ...], image: int, extent: Extent, channels: Channels) -> RenderLayout:
    grids = tuple((*plane.extents[image].blocks, plane.keep) for plane in planes)
    rest = planes[0].keep, len(channels.scale), channels.last
    if planes[0].maps is None:
        whole = SeparableMap.whole(extent)
        sizes, factors = zip(*((plane.extents[image], plane.upsampling) for plane in group.planes), strict=True)
        return render_layout(
            component_maps(whole, sizes, factors)[: len(planes)], grids, extent, whole.constants(), *rest
        )
    parts: dict[tuple[int, int], ComponentMap] = {}
    made = []
    for plane in planes:
        assert plane.maps is not None
        own = id(plane.maps[0]), id(plane.maps[1])
        if own not in parts:
            parts[own] = _component_map(plane, image)
        made.append(parts[own])
    return render_layout(made, grids, extent, _constants(group, image, extent), *rest)


def _component_map(plane: Plane, image: int) -> ComponentMap:
    size = plane.extents[image]
    assert plane.maps is not None
    rows, columns = [
        BandedMatrix(
            samples,
            axis.starts[image].numpy(),
            # Unpadded, and a copy: the arrays of a batch may be in memory of another process.
            np.ascontiguousarray(axis.weights[image, :, : axis.taps[image]].numpy()),
        )
        for samples, axis in zip(size, plane.maps, strict=True)
    ]
    down, across = size.blocks
    return ComponentMap(((0, down), (0, across)), size, rows, columns, 0.0)


def _constants(group: Group, image: int, extent: Extent) -> tuple[Fill, ...]:
    """An image's constant terms, the level shift first, without those that only pad the group to a common number."""
    if group.fills is None:
        return (Fill((128.0,), np.ones(extent.height), np.ones(extent.width)),)
    levels, rows, columns = (
        part[image].numpy() for part in (group.fills.levels, group.fills.rows, group.fills.columns)
    )
    used = [number for number, own in enumerate(levels) if number == 0 or own.any()]
    return tuple(Fill(tuple(levels[number].tolist()), rows[number], columns[number]) for number in used)
