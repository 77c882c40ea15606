"""The MCUs of an image that a region needs, and their record, cut out of the record of the whole image."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent

from .records import Component, JpegImage, component_extents

__all__ = ["Region", "Span", "check_region", "cut", "span_of"]

Region: TypeAlias = tuple[int, int, int, int]
"""(top, left, height, width) in pixels of the image as the file holds it: no orientation is applied."""


@dataclass(frozen=True)
class Span:
    """The smallest rectangle of whole MCUs, 8·Vmax × 8·Hmax pixels, around a region.

    Attributes:
        top: Its first row of MCUs.
        bottom: The row after its last.
        left: Its first column of MCUs.
        right: The column after its last.
        offset: (top, left) in pixels.
        extent: Its size in pixels; MCUs at the image's edges may hold less than 8·Vmax × 8·Hmax of them.
    """

    top: int
    bottom: int
    left: int
    right: int
    offset: tuple[int, int]
    extent: Extent


def check_region(region: Sequence[int]) -> Region:
    """Read (top, left, height, width).

    Returns:
        The four numbers as Python's own.

    Raises:
        InputError: If it is not four whole numbers ≥ 0, the last two of them above 0.
    """
    try:
        top, left, height, width = (operator.index(number) for number in region)
    except (TypeError, ValueError):
        raise InputError(f"a region must be (top, left, height, width) in pixels, got {region!r}") from None
    if top < 0 or left < 0 or height < 1 or width < 1:
        raise InputError(f"a region (top, left, height, width) has at least one pixel inside the image, got {region!r}")
    return top, left, height, width


def span_of(region: Region | None, whole: Extent, factors: Sequence[tuple[int, int]], name: str) -> Span:
    """Return the MCUs that a region needs of an image with these sampling factors; all of them for None.

    Raises:
        InputError: If the region is not inside the image.
    """
    top, left, height, width = region or (0, 0, *whole)
    if top + height > whole.height or left + width > whole.width:
        raise InputError(f"{name}: region {region} reaches beyond the image, {whole} pixels")
    down, across = (BLOCK * max(pair[axis] for pair in factors) for axis in (0, 1))
    first, last = (top // down, left // across), (-(-(top + height) // down), -(-(left + width) // across))
    offset = (first[0] * down, first[1] * across)
    end = min(last[0] * down, whole.height), min(last[1] * across, whole.width)
    return Span(first[0], last[0], first[1], last[1], offset, Extent(end[0] - offset[0], end[1] - offset[1]))


def cut(image: JpegImage, region: Region) -> JpegImage:
    """Cut the record of a region out of the record of the whole image.

    Returns:
        A record with memory of its own.

    Raises:
        InputError: If the region is not inside the image.
    """
    factors = [part.factors for part in image.components]
    span = span_of(region, image.extent, factors, image.source)
    parts = []
    for part, extent in zip(image.components, component_extents(span.extent, factors), strict=True):
        parts.append(_cut_component(part, span, extent))
    return replace(image, components=tuple(parts), extent=span.extent, offset=span.offset, whole=image.extent)


def _cut_component(part: Component, span: Span, extent: Extent) -> Component:
    (rows, columns), (top, left) = extent.blocks, (span.top * part.factors[0], span.left * part.factors[1])
    place = (slice(top, top + rows), slice(left, left + columns))
    arrived = None if part.arrived is None else np.ascontiguousarray(part.arrived[place])
    return replace(
        part,
        coefficients=part.coefficients[place].copy(),
        extent=extent,
        arrived=None if arrived is None or arrived.all() else arrived,
    )
