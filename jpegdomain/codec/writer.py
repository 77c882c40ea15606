"""Write a `JpegImage` to a file: the same coefficients and tables, entropy-coded again."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError
from jpegdomain.storing import put_in_place

from .coding import EACH_ROW, scans
from .framing import application_segments, frame_segment, quantisation_segment
from .progression import progressive_scans
from .records import Component, JpegImage, component_extents

__all__ = ["write_jpeg"]

Destination: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | BinaryIO
"""A path, or a file object opened for binary writing."""

_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_COMPONENTS: Final = {"gray": 1, "unknown": 2, "ycbcr": 3, "rgb": 3, "cmyk": 4, "ycck": 4}
_LARGEST_SIDE: Final = 65535
_LARGEST_FACTOR: Final = 4
_LARGEST_INTERVAL: Final = 65535
# The space in 255 segments, without their names and numbers.
_LARGEST_PROFILE: Final = 255 * (65533 - 14)


def write_jpeg(
    image: JpegImage,
    path: Destination | None = None,
    *,
    restart: int | Literal["row"] | None = None,
    progressive: bool = False,
) -> bytes:
    """Write coefficients as a JPEG file with the Huffman tables that code them in the fewest bits.

    Reading the file gives the same coefficients, tables, sampling factors, sizes, identifiers, colour model,
    orientation, EXIF block and colour profile. Anything else in the original file is not kept: the order of its scans,
    its restart markers, blocks that only pad its last MCUs, the pixel density of JFIF, comments and other application
    segments. Coefficients lost to damage stay zero. An EXIF block is kept unchanged except for its orientation, which
    is the record's: a thumbnail in it does not follow changes to the image.

    The file is baseline (T.81 Annex F.1), or extended sequential if a quantisation step is above 255; one
    interleaved scan, or a scan for each component if a minimum coded unit would have more than 10 blocks. A progressive
    file (Annex G) has libjpeg's default scans, ten for YCbCr, each with its own Huffman tables; viewers can show a
    rough image early.

    Args:
        image: A complete record: read without ``keep``, or built from such a record with ``dataclasses.replace``.
        path: Where to write the file in addition: a path, where it is written completely or not at all, or a file
            object opened for binary writing, which is written to at its current position.
        restart: Write a restart marker (E.1.4) after every n minimum coded units, for n in 1…65535; 'row' writes one
            after each row of them. Decoding can start at a marker, for a region or in another thread, and damage does
            not spread past the next marker. None writes no markers. In scans of one component, which most scans of
            progressive files are, a unit is a block.
        progressive: Whether to write a progressive file.

    Returns:
        The file's bytes.

    Raises:
        InputError: If no such file can hold the record: coefficients outside the range of 8-bit files (T.81 tables F.1
            and F.2: AC ±1023, DC changes of ±2047 between blocks), steps of 0, fewer than 64 frequencies per block, a
            component's extent that does not follow from the image's and the sampling factors (A.1.1), sampling factors
            above 4, repeated identifiers, more than 65535 pixels along a side, a colour profile too long for its
            segments; or if `path` is neither a path nor a binary file, or `restart` or `progressive` is invalid.
        OSError: If `path` cannot be written.
    """
    _check(image)
    interval = _interval(restart)
    if not isinstance(progressive, bool):
        raise InputError(f"progressive must be True or False, got {progressive!r}")
    if path is not None:
        _check_destination(path)
    tables, slots = _distinct_tables(image.components)
    head = [
        _SOI,
        application_segments(image),
        quantisation_segment(tables),
        frame_segment(image, slots, progressive=progressive),
    ]
    data = b"".join([*head, *(progressive_scans if progressive else scans)(image, interval), _EOI])
    if path is not None:
        _store(data, path)
    return data


def _interval(restart: object) -> int | None:
    if restart is None or restart == "row":
        return None if restart is None else EACH_ROW
    if not isinstance(restart, int) or isinstance(restart, bool) or not 1 <= restart <= _LARGEST_INTERVAL:
        raise InputError(f"restart must be 'row' or a number of MCUs, 1…{_LARGEST_INTERVAL}, got {restart!r}")
    return restart


def _distinct_tables(components: Sequence[Component]) -> tuple[list[NDArray[np.uint16]], list[int]]:
    """Return the distinct quantisation tables, and the number of each component's table."""
    tables: dict[bytes, NDArray[np.uint16]] = {}
    for component in components:
        tables.setdefault(component.table.tobytes(), component.table)
    order = list(tables)
    return list(tables.values()), [order.index(component.table.tobytes()) for component in components]


def _check(image: JpegImage) -> None:
    parts = image.components
    if image.color not in _COMPONENTS:
        raise _unwritable(image, f"color must be one of {', '.join(_COMPONENTS)}, not {image.color!r}")
    if image.adobe not in {None, *range(256)}:
        raise _unwritable(image, f"adobe must be one byte, 0…255, not {image.adobe!r}")
    if len(parts) != _COMPONENTS[image.color]:
        raise _unwritable(image, f"{image.color} needs {_COMPONENTS[image.color]} component(s), not {len(parts)}")
    if not all(1 <= side <= _LARGEST_SIDE for side in image.extent):
        raise _unwritable(image, f"a JPEG file has 1…{_LARGEST_SIDE} pixels along each side, not {image.extent}")
    if not isinstance(image.orientation, int) or not 1 <= image.orientation <= 8:
        raise _unwritable(image, f"the orientation must be 1…8, not {image.orientation!r}")
    if len(image.icc or b"") > _LARGEST_PROFILE:
        raise _unwritable(image, f"icc can have at most {_LARGEST_PROFILE} bytes, not {len(image.icc or b'')}")
    identifiers = [part.identifier for part in parts]
    if len(set(identifiers)) < len(parts) or not all(0 <= identifier <= 255 for identifier in identifiers):
        raise _unwritable(image, f"component identifiers must be distinct and 0…255, not {identifiers}")
    factors = [part.factors for part in parts]
    if not all(1 <= factor <= _LARGEST_FACTOR for pair in factors for factor in pair):
        raise _unwritable(image, f"sampling factors must be 1…{_LARGEST_FACTOR}, not {factors}")
    for part, extent in zip(parts, component_extents(image.extent, factors), strict=True):
        if part.extent != extent:
            raise _unwritable(image, f"component {part.identifier} must be {extent} by its factors, not {part.extent}")
        if part.keep < 8:
            raise _unwritable(
                image, f"component {part.identifier} has only {part.keep}×{part.keep} frequencies: read it without keep"
            )
        if not part.table.all():
            raise _unwritable(image, f"the quantisation table of component {part.identifier} has a step of 0")


def _unwritable(image: JpegImage, reason: str) -> InputError:
    return InputError(f"{image.source} cannot be written: {reason}")


def _check_destination(destination: object) -> None:
    """Raise InputError if `destination` is neither a path nor a binary file."""
    if isinstance(destination, str | os.PathLike):
        return
    if isinstance(destination, io.TextIOBase):
        raise InputError("write_jpeg needs a file object opened in binary mode; this one is in text mode")
    if not callable(getattr(destination, "write", None)):
        raise InputError(f"write_jpeg takes a path or a binary file object, got {type(destination).__name__}")


def _store(data: bytes, destination: Destination) -> None:
    """Write a file's bytes to a path, completely or not at all, or to a file object at its current position."""
    if isinstance(destination, str | os.PathLike):
        put_in_place(Path(os.fsdecode(destination)), data)
        return
    rest = memoryview(data)
    while rest:
        # Unbuffered files may accept only part of the data; other objects need not return how much they accepted.
        taken = destination.write(rest)
        if taken == 0:
            raise OSError(f"{destination!r} accepts no more bytes: {len(rest)} of {len(data)} were not written")
        rest = rest[len(rest) if taken is None else taken :]
