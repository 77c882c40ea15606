"""From a `JpegImage` back to a file: the same coefficients and tables, coded anew."""

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
# What 255 segments hold besides their names and numbers.
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
    orientation, EXIF block and colour profile. What the file that was read held beyond that is not kept:
    the order of its scans, its own restart markers, blocks that only fill its last MCUs, the pixel density of JFIF,
    comments and other application segments. What damage left out of a record stays zero. An EXIF block is
    kept as it is but for its orientation, which is the record's: a thumbnail in it does not follow changes of
    the image.

    The file is baseline (T.81 Annex F.1), or extended sequential if a quantisation step is above 255; one
    interleaved scan, or a scan for each component if a minimum coded unit would have more than 10 blocks. A progressive
    one (Annex G) has libjpeg's default scans, ten for YCbCr, each with Huffman tables of its own: it shows a rough
    image early.

    Args:
        image: A record that is complete: read without ``keep``, or built with
            ``dataclasses.replace`` from one.
        path: Where to write the file as well: a path, where it appears whole or not at all, or a file object opened for
            binary writing, which gets it where it stands.
        restart: Restart markers (E.1.4) between so many minimum coded units, 1…65535, or between their rows: where one
            stands, decoding can begin, a region's or another thread's, and damage before it ends. None for none. In
            scans of one component, of which progressive files have most, a unit is a block.
        progressive: Write a progressive file instead.

    Returns:
        The file's bytes.

    Raises:
        InputError: If the record is one that no such file can hold: coefficients outside the range of 8-bit
            files (T.81 tables F.1 and F.2: AC ±1023, DC ±2047 from one block to the next), steps of 0,
            fewer than 64 frequencies a block, an extent that is not what the image's and the sampling
            factors give (A.1.1), sampling factors beyond 4, identifiers given twice, more than 65535 pixels
            a side, a colour profile longer than its segments hold; or if `path` is neither a path nor a binary file,
            or `restart` or `progressive` not what it must be.
        OSError: If `path` cannot be written.
    """
    _check(image)
    interval = _interval(restart)
    if not isinstance(progressive, bool):
        raise InputError(f"progressive is True or False, got {progressive!r}")
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
        raise InputError(f"restart is 'row' or a number of MCUs, 1…{_LARGEST_INTERVAL}, got {restart!r}")
    return restart


def _distinct_tables(components: Sequence[Component]) -> tuple[list[NDArray[np.uint16]], list[int]]:
    """Return the distinct quantisation tables, and for each component the number of its own."""
    tables: dict[bytes, NDArray[np.uint16]] = {}
    for component in components:
        tables.setdefault(component.table.tobytes(), component.table)
    order = list(tables)
    return list(tables.values()), [order.index(component.table.tobytes()) for component in components]


def _check(image: JpegImage) -> None:
    parts = image.components
    if image.color not in _COMPONENTS:
        raise _unwritable(image, f"a colour model is one of {', '.join(_COMPONENTS)}, not {image.color!r}")
    if image.adobe not in {None, *range(256)}:
        raise _unwritable(image, f"Adobe's transform is one byte, not {image.adobe!r}")
    if len(parts) != _COMPONENTS[image.color]:
        raise _unwritable(image, f"{image.color} has {_COMPONENTS[image.color]} components, not {len(parts)}")
    if not all(1 <= side <= _LARGEST_SIDE for side in image.extent):
        raise _unwritable(image, f"a JPEG file has 1…{_LARGEST_SIDE} pixels a side, not {image.extent}")
    if not isinstance(image.orientation, int) or not 1 <= image.orientation <= 8:
        raise _unwritable(image, f"an orientation is 1…8, not {image.orientation!r}")
    if len(image.icc or b"") > _LARGEST_PROFILE:
        raise _unwritable(image, f"a colour profile has {_LARGEST_PROFILE} bytes at most, not {len(image.icc or b'')}")
    identifiers = [part.identifier for part in parts]
    if len(set(identifiers)) < len(parts) or not all(0 <= identifier <= 255 for identifier in identifiers):
        raise _unwritable(image, f"identifiers are distinct and 0…255, not {identifiers}")
    factors = [part.factors for part in parts]
    if not all(1 <= factor <= _LARGEST_FACTOR for pair in factors for factor in pair):
        raise _unwritable(image, f"sampling factors are 1…{_LARGEST_FACTOR}, not {factors}")
    for part, extent in zip(parts, component_extents(image.extent, factors), strict=True):
        if part.extent != extent:
            raise _unwritable(image, f"component {part.identifier} is {extent} by its factors, not {part.extent}")
        if part.keep < 8:
            raise _unwritable(
                image, f"component {part.identifier} has {part.keep}×{part.keep} frequencies: read it without keep"
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
        raise InputError("write_jpeg needs a file object opened in binary mode; this one was opened for text")
    if not callable(getattr(destination, "write", None)):
        raise InputError(f"write_jpeg takes a path or a binary file object, got {type(destination).__name__}")


def _store(data: bytes, destination: Destination) -> None:
    """Write a file's bytes to a path, where they appear whole or not at all, or to a file object where it stands."""
    if isinstance(destination, str | os.PathLike):
        put_in_place(Path(os.fsdecode(destination)), data)
        return
    rest = memoryview(data)
    while rest:
        # Unbuffered files may take less than all; other objects need not say how much they took.
        taken = destination.write(rest)
        if taken == 0:
            raise OSError(f"{destination!r} takes no more bytes: {len(rest)} of {len(data)} are left")
        rest = rest[len(rest) if taken is None else taken :]
