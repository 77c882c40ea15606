"""From a `JpegImage` back to a file: the same coefficients and tables, coded anew."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled import compiled_entry
from jpegdomain.errors import InputError
from jpegdomain.geometry import component_extent

from .entries import PACK, TOKENIZE
from .framing import application_segments, frame_segment, huffman_segment, quantisation_segment, scan_segment
from .kernel.packing import LARGEST_AC, LARGEST_DC_STEP
from .optimal import canonical_codes, optimal_table
from .records import Component, JpegImage
from .storing import Destination, check_destination, store

__all__ = ["write_jpeg"]

_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_COMPONENTS: Final = {"gray": 1, "unknown": 2, "ycbcr": 3, "rgb": 3, "cmyk": 4, "ycck": 4}
_LARGEST_SIDE: Final = 65535
_LARGEST_MCU: Final = 10
_LARGEST_FACTOR: Final = 4
# What 255 segments hold besides their names and numbers.
_LARGEST_PROFILE: Final = 255 * (65533 - 14)
# Those whose first and last component look alike, so that these share Huffman tables and the others do.
_LUMA_AND_CHROMA: Final = {"ycbcr", "ycck"}


def write_jpeg(image: JpegImage, path: Destination | None = None) -> bytes:
    """Write coefficients as a sequential JPEG file with the Huffman tables that code them in the fewest bits.

    Reading the file gives the same coefficients, tables, sampling factors, sizes, identifiers, colour model,
    orientation, EXIF block and colour profile. What the file that was read held beyond that is not kept:
    progressive order, restart markers, blocks that only fill its last MCUs, the pixel density of JFIF,
    comments and other application segments. What damage left out of a record stays zero. An EXIF block is
    kept as it is but for its orientation, which is the record's: a thumbnail in it does not follow changes of
    the image.

    The file is baseline (T.81 Annex F.1), or extended sequential if a quantisation step is above 255; one
    interleaved scan, or a scan for each component if a minimum coded unit would have more than 10 blocks.

    Args:
        image: A record that is complete: read without ``keep``, or built with
            ``dataclasses.replace`` from one.
        path: Where to write the file as well: a path, where it appears whole or not at all, or a file object opened for
            binary writing, which gets it where it stands.

    Returns:
        The file's bytes.

    Raises:
        InputError: If the record is one that no such file can hold: coefficients outside the range of 8-bit
            files (T.81 tables F.1 and F.2: AC ±1023, DC ±2047 from one block to the next), steps of 0,
            fewer than 64 frequencies a block, an extent that is not what the image's and the sampling
            factors give (A.1.1), sampling factors beyond 4, identifiers given twice, more than 65535 pixels
            a side, a colour profile longer than its segments hold; or if `path` is neither a path nor a binary file.
        OSError: If `path` cannot be written.
    """
    _check(image)
    if path is not None:
        check_destination(path)
    tables, slots = _distinct_tables(image.components)
    head = [
        _SOI,
        application_segments(image),
        quantisation_segment(tables),
        frame_segment(image, slots),
    ]
    data = b"".join([*head, *_scans(image), _EOI])
    if path is not None:
        store(data, path)
    return data


def _scans(image: JpegImage) -> list[bytes]:
    """Code the scans.

    Args:
        image: A record that can be written.

    Returns:
        The Huffman tables, then scan headers and entropy-coded data in turn.
    """
    parts = image.components
    alike = image.color not in _LUMA_AND_CHROMA
    chosen = [0 if alike or index in {0, 3} else 1 for index in range(len(parts))]
    together = sum(vertical * horizontal for vertical, horizontal in (part.factors for part in parts)) <= _LARGEST_MCU
    scans = [list(range(len(parts)))] if together else [[index] for index in range(len(parts))]

    counts = np.zeros(4 * 256, np.int64)
    entries = [_tokens(image, [(parts[index], chosen[index]) for index in scan], counts) for scan in scans]
    codes, lengths = np.zeros(4 * 256, np.uint64), np.zeros(4 * 256, np.int64)
    written = []
    for table, part in enumerate(counts.reshape(4, 256)):
        if part.any():
            numbers, symbols = optimal_table(part)
            here = slice(256 * table, 256 * table + 256)
            codes[here], lengths[here] = canonical_codes(numbers, symbols)
            kind, slot = divmod(table, 2)
            written.append((16 * kind + slot, numbers, symbols))
    pieces = [huffman_segment(written)]
    # Twice the bits if every byte were FF.
    room = int((counts * (lengths + np.arange(4 * 256) % 16)).sum()) // 4 + 16
    pack = compiled_entry(PACK)
    out = np.empty(room, np.uint8)
    for scan, entry in zip(scans, entries, strict=True):
        pieces.append(scan_segment([parts[index] for index in scan], [chosen[index] for index in scan]))
        written_bytes = pack(entry, codes, lengths, out)
        pieces.append(out[:written_bytes].tobytes())
    return pieces


def _tokens(image: JpegImage, parts: Sequence[tuple[Component, int]], counts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Turn one scan's blocks into symbols.

    Args:
        image: The record.
        parts: The scan's components, each with the slot of its Huffman tables.
        counts: To be added to.

    Returns:
        The entries that `tokenize` makes.

    Raises:
        InputError: If a coefficient is out of range.
    """
    if len(parts) == 1:
        # A scan of one component has no MCUs of several blocks, whatever its factors (A.2.2).
        factors, grid = [(1, 1)], parts[0][0].extent.blocks
    else:
        factors = [part.factors for part, _ in parts]
        vertical, horizontal = (max(pair[axis] for pair in factors) for axis in (0, 1))
        grid = (-(-image.extent.height // (8 * vertical)), -(-image.extent.width // (8 * horizontal)))
    geometry = np.array([(*pair, slot) for pair, (_, slot) in zip(factors, parts, strict=True)], np.int64)
    blocks = grid[0] * grid[1] * int((geometry[:, 0] * geometry[:, 1]).sum())
    entries = np.empty(64 * blocks, np.uint32)
    one, two, three, four = [part.coefficients for part, _ in [*parts, *[parts[0]] * (4 - len(parts))]]
    count = compiled_entry(TOKENIZE)((one, two, three, four), geometry, grid, entries, counts, np.zeros(4, np.int64))
    if count < 0:
        raise InputError(
            f"{image.source}: component {parts[-1 - count][0].identifier} has a coefficient that no 8-bit JPEG file "
            f"can hold: AC reaches ±{LARGEST_AC}, DC ±{LARGEST_DC_STEP} from one block to the next"
        )
    return entries[:count]


def _distinct_tables(components: Sequence[Component]) -> tuple[list[NDArray[np.uint16]], list[int]]:
    """Number the quantisation tables, equal ones alike.

    Args:
        components: Up to four.

    Returns:
        The tables, and for each component the number of its own.
    """
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
    largest = (max(vertical for vertical, _ in factors), max(horizontal for _, horizontal in factors))
    for part in parts:
        extent = component_extent(image.extent, part.factors, largest)
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
