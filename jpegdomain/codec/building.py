"""From the kernel's arrays to records, with the damage and the warnings of faulty files."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from jpegdomain.geometry import Extent
from jpegdomain.tables import ZIGZAG

from .fault_messages import error_of, warning_of
from .kernel import layout as L
from .kernel.layout import (
    ADOBE,
    COUNT,
    EXIF,
    FRAME,
    HEIGHT,
    ICC,
    JFIF,
    PROGRESSIVE,
    WIDTH,
    Bytes,
    Integers,
    Samples,
    Steps,
)
from .metadata import NO_METADATA, Color, color_of, metadata_of
from .records import Component, JpegImage, component_extents
from .segments import FrameHeader

__all__ = ["FrameLayout", "add_faults", "build", "layout_of", "views", "warnings_of"]

_ROW_MAJOR: Final = np.argsort(ZIGZAG)
"""The zigzag position for each row-major index."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameLayout:
    """What all files with the same frame header have in common."""

    extent: Extent  # the image's
    color: Color
    cuts: tuple[tuple[slice, tuple[int, int, int]], ...]  # for each component where its coefficients lie, their shape
    parts: tuple[tuple[int, tuple[int, int], Extent], ...]  # for each component its identifier, factors and extent


@functools.lru_cache(maxsize=1024)
def _layout(payload: bytes, height: int, width: int, keep: int, jfif: bool, adobe: int | None) -> FrameLayout:
    """Lay out the frame of this header, with a size of its own; a data set has few different ones."""
    frame = FrameHeader.parse(payload)
    extent = Extent(height, width)
    extents = component_extents(extent, frame.factors)
    cuts = []
    start = 0
    for rows, columns in (own.blocks for own in extents):
        stop = start + rows * columns * keep * keep
        cuts.append((slice(start, stop), (rows, columns, keep * keep)))
        start = stop
    parts = tuple(zip(frame.identifiers, frame.factors, extents, strict=True))
    return FrameLayout(extent, color_of(frame.identifiers, jfif, adobe), tuple(cuts), parts)


def layout_of(
    data: bytes, report: list[int], begin: int, keep: int, extent: tuple[int, int] | None = None
) -> FrameLayout:
    """Return the layout of a file, which began at `begin` in the data that the kernel saw, by its state `report`.

    With an extent, it is the layout of a part of the image that has this size.
    """
    # The frame's own height may be 0, where a DNL segment has it.
    height, width = extent or (report[HEIGHT], report[WIDTH])
    frame = report[FRAME] - begin
    adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    payload = data[frame + 4 : frame + 10 + 3 * report[COUNT]]
    return _layout(payload, height, width, keep, report[JFIF] == 1, adobe)


def views(layout: FrameLayout, out: Samples, files: int) -> Iterator[tuple[Samples, ...]]:
    """Split files with one layout into C-contiguous views: all at once, which costs a third of one by one."""
    table = out.reshape(files, -1)
    return zip(*[list(table[:, place].reshape(files, *shape)) for place, shape in layout.cuts], strict=True)


class _Draft:
    """A record in the making: the constructors, with their checks, take as long as decoding a small file.

    What is not set here has the class's default.
    """


def build(
    layout: FrameLayout, data: bytes, name: str, report: list[int], arrays: tuple[Samples, ...], quant: Steps
) -> JpegImage:
    """Make the record of one file from the beginning of its state, its components' coefficients and (4, 64) tables."""
    components = []
    # There are always four quantisation tables.
    for (identifier, factors, extent), coefficients, table in zip(layout.parts, arrays, quant, strict=False):
        component: Any = _Draft()
        component.identifier = identifier
        component.coefficients = coefficients
        component.table = table
        component.factors = factors
        component.extent = extent
        component.__class__ = Component
        components.append(component)
    orientation, exif, icc = metadata_of(data) if report[EXIF] or report[ICC] else NO_METADATA
    image: Any = _Draft()
    image.components = tuple(components)
    image.extent = layout.extent
    image.color = layout.color
    image.orientation = orientation
    image.progressive = report[PROGRESSIVE] == 1
    image.source = name
    image.jfif = report[JFIF] == 1
    image.adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    image.icc = icc
    image.exif = exif
    image.__class__ = JpegImage
    done: JpegImage = image
    return done


def add_faults(
    image: JpegImage, layout: FrameLayout, state: Integers, work: Integers, lost: Bytes, beginning: bytes
) -> JpegImage:
    """Add to a record what the kernel noted: warnings, losses, missing blocks and bits."""
    components = []
    for i, (place, (rows, columns, size)) in enumerate(layout.cuts):
        arrived = np.ones((rows, columns), np.bool_)
        if state[L.COMPONENT + L.FIELDS * i + L.SEEN] == 0:
            arrived[:] = False
        elif len(lost):
            arrived = lost[place.start // size :][: rows * columns].reshape(rows, columns) == 0
        lowest = np.zeros(64, np.int8)
        if state[PROGRESSIVE] == 1:
            lowest = work[L.SENT + 64 * i :][:64][_ROW_MAJOR].astype(np.int8)
        components.append(
            replace(
                image.components[i],
                arrived=None if arrived.all() else arrived,
                lowest_bit=lowest if lowest.any() else None,
            )
        )
    damage = _lines(state, L.LOSSES, L.LOSS_LIST, lambda *note: str(error_of(image.source, beginning, *note)))
    return replace(image, components=tuple(components), damage="\n".join(damage) or None, warnings=warnings_of(state))


def warnings_of(state: Integers) -> tuple[str, ...]:
    """Write the warnings that the kernel noted, a line each."""
    return _lines(state, L.WARNINGS, L.WARNING_LIST, warning_of)


def _lines(state: Integers, count: int, start: int, line: Any) -> tuple[str, ...]:
    """Write the notes of a list, a line each, and how many there were beyond the first ones."""
    total = int(state[count])
    stop = start + min(total, L.NOTES) * L.NOTE_FIELDS
    notes = state[start:stop].reshape(-1, L.NOTE_FIELDS).tolist()
    lines = [line(fault, offset, marker, details) for fault, offset, marker, *details in notes]
    return (*lines, f"and {total - L.NOTES} more") if total > L.NOTES else tuple(lines)
