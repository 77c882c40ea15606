"""From the kernel's arrays to records."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.geometry import Extent, component_extent

from .kernel.slots import ADOBE, COUNT, EXIF, FRAME, HEIGHT, ICC, JFIF, PROGRESSIVE
from .metadata import NO_METADATA, Color, color_of, metadata_of
from .records import Component, JpegImage

__all__ = ["Plan", "build", "plan_of", "views"]


class _Draft:
    """A record while it is made.

    The records' own constructors, with their checks, would take as long as decoding a small file does.
    """


_Cut: TypeAlias = tuple[slice, tuple[int, int, int]]
_Part: TypeAlias = tuple[int, tuple[int, int], Extent]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What all files with the same frame header have in common.

    Attributes:
        extent: The image's.
        color: Its colour model.
        cuts: For each component where its coefficients lie, and their shape.
        parts: For each component its identifier, factors and extent.
    """

    extent: Extent
    color: Color
    cuts: tuple[_Cut, ...]
    parts: tuple[_Part, ...]


@functools.lru_cache(maxsize=1024)
def _plan(frame: bytes, height: int, keep: int, jfif: bool, adobe: int | None) -> Plan:
    """Read a sound frame header once more: a data set has few of them.

    Args:
        frame: Its parameters (T.81 B.2.2).
        height: The image's height, which a DNL segment may have given.
        keep: Frequencies along each side of a block.
        jfif: Whether the file has a JFIF segment.
        adobe: The transform byte of its Adobe segment.

    Returns:
        The plan.
    """
    extent = Extent(height, int.from_bytes(frame[3:5], "big"))
    factors = [(packed % 16, packed // 16) for packed in frame[7::3]]
    largest = (max(vertical for vertical, _ in factors), max(horizontal for _, horizontal in factors))
    cuts: list[_Cut] = []
    parts: list[_Part] = []
    start = 0
    for identifier, pair in zip(frame[6::3], factors, strict=True):
        own = component_extent(extent, pair, largest)
        rows, columns = own.blocks
        stop = start + rows * columns * keep * keep
        cuts.append((slice(start, stop), (rows, columns, keep * keep)))
        parts.append((identifier, pair, own))
        start = stop
    return Plan(extent, color_of(tuple(frame[6::3]), jfif, adobe), tuple(cuts), tuple(parts))


def plan_of(data: bytes, report: list[int], begin: int, keep: int) -> Plan:
    """Give the plan of a file.

    Args:
        data: The file.
        report: The first entries of its state, as `kernel.slots` has them.
        begin: Where the file began in the data that the kernel saw.
        keep: Frequencies along each side of a block.

    Returns:
        The plan, the same object for files with the same frame header.
    """
    frame = report[FRAME] - begin
    adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    header = data[frame + 4 : frame + 10 + 3 * report[COUNT]]
    return _plan(header, report[HEIGHT], keep, report[JFIF] == 1, adobe)


def views(plan: Plan, out: NDArray[np.int16], files: int) -> Iterator[tuple[NDArray[np.int16], ...]]:
    """Take the coefficients of files with one plan apart: all at once, which costs a third of one by one.

    Args:
        plan: Theirs.
        out: Their coefficients, one file behind the other.
        files: How many.

    Returns:
        For each file the components' (block rows, block columns, m·m) arrays, C-contiguous views.
    """
    table = out.reshape(files, -1)
    return zip(*[list(table[:, place].reshape(files, *shape)) for place, shape in plan.cuts], strict=True)


def build(
    plan: Plan,
    data: bytes,
    name: str,
    report: list[int],
    arrays: tuple[NDArray[np.int16], ...],
    quant: NDArray[np.uint16],
) -> JpegImage:
    """Make the record of one file.

    Args:
        plan: Its plan.
        data: The file.
        name: Its name.
        report: The first entries of its state, as `kernel.slots` has them.
        arrays: Its components' coefficients, read-only.
        quant: uint16 (4, 64), its components' tables, likewise.

    Returns:
        The record.
    """
    components = []
    # The quantisation tables are four, whatever the components.
    for (identifier, factors, extent), coefficients, table in zip(plan.parts, arrays, quant, strict=False):
        component: Any = _Draft()
        component.identifier = identifier
        component.coefficients = coefficients
        component.table = table
        component.factors = factors
        component.extent = extent
        component.arrived = None
        component.lowest_bit = None
        component.__class__ = Component
        components.append(component)
    orientation, exif, icc = metadata_of(data) if report[EXIF] or report[ICC] else NO_METADATA
    image: Any = _Draft()
    image.components = tuple(components)
    image.extent = plan.extent
    image.color = plan.color
    image.orientation = orientation
    image.progressive = report[PROGRESSIVE] == 1
    image.source = name
    image.jfif = report[JFIF] == 1
    image.adobe = report[ADOBE] if report[ADOBE] >= 0 else None
    image.icc = icc
    image.exif = exif
    image.damage = None
    image.warnings = ()
    image.__class__ = JpegImage
    done: JpegImage = image
    return done
