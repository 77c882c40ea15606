"""`read_jpeg` and `read_jpegs`."""

import functools
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, overload

from jpegdomain.errors import InputError, JpegFileError

from .decoding import MAX_PIXELS, MAX_SCANS, Settings, decode
from .index import JpegIndex
from .indexed import IndexedFile
from .kernel.layout import MOST_SCANS
from .many import errors_of, read_parts
from .pieces import open_pieces
from .records import JpegImage
from .region_reading import read_region
from .regions import check_region
from .sources import Source, load

__all__ = ["OnError", "read_jpeg", "read_jpegs", "settings_of"]

OnError: TypeAlias = Literal["raise", "keep"]
Result: TypeAlias = JpegImage | JpegFileError | OSError


def read_jpeg(
    source: Source,
    *,
    keep: int = 8,
    on_error: OnError = "raise",
    max_pixels: int | None = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    strict: bool = False,
    region: tuple[int, int, int, int] | None = None,
    index: JpegIndex | None = None,
    threads: int = 1,
) -> JpegImage:
    """Read a JPEG file's quantised coefficients; nothing is dequantised, upsampled, rotated or rounded.

    Files may be baseline, extended sequential or progressive, with Huffman or arithmetic coding (T.81 SOF0, SOF1, SOF2,
    SOF9, SOF10), with 8 bits per sample and one to four components. A path that cannot be opened raises the same error
    as `open`. JPEG has no checksum: damage that happens to be valid code, such as a few bytes lost inside one block,
    cannot be detected.

    Violations of the standard that cost no coefficient are tolerated, as by libjpeg, and listed in the warnings:
    bytes between segments, restart markers with a wrong number or where none is needed, a missing end-of-image marker
    after a complete image, missing Huffman tables (those in K.3.3 are used), wrong Ss, Se, Ah or Al in sequential
    scans, equal component identifiers, wrong lengths of segments that are not needed, invalid tables that no scan uses,
    repeated or missing scans, missing bits in progressive files (`Component.lowest_bit`).

    Args:
        source: A path, a whole file's bytes, a one-dimensional uint8 array or tensor of them (on the CPU; what
            ``torchvision.io.read_file`` gives), or a file object opened for binary reading, which is read from its
            current position to its end.
        keep: m, 1…8: read the m×m lowest frequencies of each block, as (block rows, block columns, m·m) arrays.
            The others are skipped, and so are scans of a progressive file that are not needed for these frequencies.
        on_error: What to do if data after the first scan header is lost: 'raise' an error, or 'keep' what is left.
            Reading then continues at the next restart marker, by libjpeg's rules, or at the next scan. Missing
            coefficients are zero; `JpegImage.damage` says what was wrong and where, and `Component.arrived` which
            blocks are complete.
        max_pixels: The largest allowed height × width; None for no limit. It bounds the memory: two bytes per sample of
            the image's whole blocks, up to four while a progressive file is read with `keep`.
        max_scans: The largest allowed number of scans, 1…4096. With `max_pixels` it bounds the time for any file, on
            one core of 2026, to about 2 ns for each block of each scan plus 0.5 µs for each byte. A scan that adds
            nothing to a block takes 1 ns.
        strict: Whether to raise an error for anything that the standard does not allow, instead of a warning.
        region: (top, left, height, width) in pixels, as stored in the file: read the smallest rectangle of whole MCUs
            (8·Vmax × 8·Hmax pixels each) that contains it, as an image of that size with the same coefficients; its
            `offset` and `whole` say where it is. In a sequential file with Huffman coding in one scan, data before it
            is only scanned, from the last restart marker on if there is one; data after it is not read, and damage
            there goes unnoticed. Other files are read completely and cut, and so are all files with ``strict`` or,
            without an index, ``on_error="keep"``. `max_pixels` applies to what is read.
        index: The file's index, made by `index_jpeg`: if the source is a path, only the parts of the file that the
            region needs are read. Data after the last block is not checked, so `JpegImage.warnings` does not list
            faults there.
        threads: How many threads decode an image that has an index or restart markers; others are decoded by one. With
            several threads, data after the last block is not checked, either.

    Returns:
        The file's components, tables, sizes, sampling factors, colour model and metadata.

    Raises:
        NotJpegError: If the data does not begin as a JPEG file does.
        TruncatedJpegError: If it ends early.
        DamagedJpegError: If it contradicts the standard.
        UnsupportedJpegError: If it is lossless or hierarchical, or has 12 bits per sample.
        JpegTooLargeError: If it has more than `max_pixels` or `max_scans`.
        JpegIndexError: If the index belongs to another file, or the part of the file that is read has changed. (Changes
            elsewhere cannot be detected without reading it.)
        InputError: If an argument is invalid, or the region is not inside the image.
    """
    settings = settings_of(keep, on_error, max_pixels, max_scans, strict)
    if region is None and index is None and threads == 1:
        data, name = load(source)
        return decode(data, name, settings)
    return _read_part(source, settings, region, index, threads)


def _read_part(
    source: Source, settings: Settings, region: tuple[int, int, int, int] | None, index: JpegIndex | None, threads: int
) -> JpegImage:
    _check_threads(threads)
    wanted = None if region is None else check_region(region)
    if index is None:
        data, name = load(source)
        return read_region(data, name, wanted, settings, threads)
    if not isinstance(index, JpegIndex):
        raise InputError(f"index must be a JpegIndex, as made by index_jpeg, got {type(index).__name__}")
    if settings.strict:
        raise InputError("strict=True checks the whole file: leave out the index")
    return IndexedFile(open_pieces(source), index, settings).read(wanted, threads=threads)


def _check_threads(threads: int) -> None:
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise InputError(f"threads must be 1 or more, got {threads!r}")


@overload
def read_jpegs(
    sources: Iterable[Source],
    *,
    threads: int = ...,
    keep: int = ...,
    on_error: OnError = ...,
    max_pixels: int | None = ...,
    max_scans: int = ...,
    strict: bool = ...,
    return_errors: Literal[False] = ...,
) -> list[JpegImage]: ...
@overload
def read_jpegs(
    sources: Iterable[Source],
    *,
    threads: int = ...,
    keep: int = ...,
    on_error: OnError = ...,
    max_pixels: int | None = ...,
    max_scans: int = ...,
    strict: bool = ...,
    return_errors: Literal[True],
) -> list[Result]: ...
def read_jpegs(
    sources: Iterable[Source],
    *,
    threads: int = 1,
    keep: int = 8,
    on_error: OnError = "raise",
    max_pixels: int | None = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    strict: bool = False,
    return_errors: bool = False,
) -> list[JpegImage] | list[Result]:
    """Read many JPEG files, in threads if requested; for small files this is faster than `read_jpeg` for each.

    Records from one call may share up to 16 MB of memory, which is freed when none of them is left. The record of a
    single file has its own memory.

    Args:
        sources: Any number of what `read_jpeg` takes. Bytes, which have no name, are named by their position in
            messages: ``<bytes>, sources[3]``.
        threads: How many threads read at a time; decoding does not hold the GIL. If all files together have less than
            about 128 KB, one thread reads them.
        keep: As for `read_jpeg`, like the following.
        on_error: What to do if data is lost.
        max_pixels: The largest allowed height × width of each file.
        max_scans: The largest allowed number of scans of each file.
        strict: Whether to raise an error for anything that the standard does not allow.
        return_errors: Whether to return errors in place of their records, for files that cannot be read and paths that
            cannot be opened, instead of raising the first one.

    Returns:
        A record for each source, in the order of the sources.

    Raises:
        InputError: If an argument is invalid.
        JpegFileError: If a source cannot be read (the first one's error); see `read_jpeg`.
        OSError: If a path cannot be opened, and no earlier source has failed.
    """
    settings = settings_of(keep, on_error, max_pixels, max_scans, strict)
    _check_threads(threads)
    parts = read_parts(list(sources), settings, threads)
    for error in errors_of(parts):
        if not return_errors or isinstance(error, InputError):
            raise error
    results: list[Any] = []
    for part in parts:
        results += part
    return results


@functools.lru_cache(maxsize=64, typed=True)
def settings_of(keep: int, on_error: OnError, max_pixels: int | None, max_scans: int, strict: bool) -> Settings:
    """Check the options of `read_jpeg`; raise `InputError`."""
    if not isinstance(keep, int) or isinstance(keep, bool) or not 1 <= keep <= 8:
        raise InputError(f"keep is how many frequencies to read along each side of a block, 1…8, got {keep!r}")
    if on_error not in {"raise", "keep"}:
        raise InputError(f"on_error must be 'raise' or 'keep', got {on_error!r}")
    if max_pixels is not None and (not isinstance(max_pixels, int) or max_pixels < 1):
        raise InputError(f"max_pixels must be 1 or more, or None for no limit, got {max_pixels!r}")
    if not isinstance(max_scans, int) or isinstance(max_scans, bool) or not 1 <= max_scans <= MOST_SCANS:
        raise InputError(f"max_scans must be 1…{MOST_SCANS}, got {max_scans!r}")
    if strict and on_error == "keep":
        raise InputError("strict=True rejects the files that on_error='keep' keeps: use only one of them")
    return Settings(keep, on_error, max_pixels, max_scans, bool(strict))
