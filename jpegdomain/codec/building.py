"""From the kernel's arrays to records, with the damage and the warnings of faulty files."""

import functools
from collections.abc import Sequence
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
    FRAME_PARTS,
    HEIGHT,
    ICC,
    JFIF,
    PROGRESSIVE,
    WIDTH,
    Bytes,
    Flags,
    Integers,
    Samples,
    Steps,
)
from .metadata import NO_METADATA, Color, Metadata, color_of, metadata_of
from .records import Component, JpegImage, component_extents

__all__ = ["FrameLayout", "add_faults", "build", "layout_of", "layouts_of", "metadata_at", "warnings_of"]

_ROW_MAJOR: Final = np.argsort(ZIGZAG)
"""The zigzag position for each row-major index."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameLayout:
    """What all files with the same frame header have in common."""

    extent: Extent  # extent of the image
    color: Color
    cuts: tuple[tuple[slice, tuple[int, int, int]], ...]  # for each component: place and shape of its coefficients
    parts: tuple[tuple[int, tuple[int, int], Extent], ...]  # for each component: its identifier, factors and extent


@functools.lru_cache(maxsize=1024)
def _layout(count: int, packed: int, height: int, width: int, keep: int, jfif: int, adobe: int) -> FrameLayout:
    """Lay out a frame; a data set has few different ones."""
    identifiers = tuple(packed >> 16 * i & 0xFF for i in range(count))
    factors = tuple((packed >> 16 * i + 8 & 15, packed >> 16 * i + 12 & 15) for i in range(count))
    extent = Extent(height, width)
    extents = component_extents(extent, factors)
    cuts = []
    start = 0
    for rows, columns in (own.blocks for own in extents):
        stop = start + rows * columns * keep * keep
        cuts.append((slice(start, stop), (rows, columns, keep * keep)))
        start = stop
    parts = tuple(zip(identifiers, factors, extents, strict=True))
    return FrameLayout(extent, color_of(identifiers, jfif == 1, adobe if adobe >= 0 else None), tuple(cuts), parts)


def layout_of(report: Sequence[int], keep: int, extent: tuple[int, int] | None = None) -> FrameLayout:
    """Return the layout of a file from its state, which begins with `report`.

    With an extent, this is the layout of a part of the image with this size.
    """
    # The height in the frame header may be 0, if a DNL segment has it.
    height, width = extent or (report[HEIGHT], report[WIDTH])
    return _layout(report[COUNT], report[FRAME_PARTS], height, width, keep, report[JFIF], report[ADOBE])


def layouts_of(reports: Integers, done: Flags, keep: int) -> list[FrameLayout | None]:
    """Return the layouts of several files from their states, for those that have been decoded."""
    columns = reports[:, [COUNT, FRAME_PARTS, HEIGHT, WIDTH, JFIF, ADOBE]]
    if done.all() and (columns == columns[0]).all():
        return [layout_of(reports[0].tolist(), keep)] * len(reports)
    return [
        _layout(count, packed, height, width, keep, jfif, adobe) if good else None
        for good, (count, packed, height, width, jfif, adobe) in zip(done.tolist(), columns.tolist(), strict=True)
    ]


class _Draft:
    """An unfinished record: the constructors, with their checks, take as long as decoding a small file.

    Attributes that are not set here have the class's default.
    """


def build(
    layout: FrameLayout,
    metadata: Metadata | None,
    name: str,
    report: list[int],
    arrays: tuple[Samples, ...],
    quant: Steps,
) -> JpegImage:
    """Make a record from the beginning of a file's state, its components' coefficients, (4, 64) tables and metadata."""
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
    image: Any = _Draft()
    image.components = tuple(components)
    image.extent = layout.extent
    image.color = layout.color
    image.progressive = report[PROGRESSIVE] == 1
    image.source = name
    image.jfif = report[JFIF] == 1
    image.adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    if metadata is not None:
        vars(image).update(metadata._asdict())
    image.__class__ = JpegImage
    done: JpegImage = image
    return done


def metadata_at(data: bytes, report: list[int]) -> Metadata:
    """Read the metadata of a file whose state, `report`, says whether it has any."""
    return metadata_of(data) if report[EXIF] or report[ICC] else NO_METADATA


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
