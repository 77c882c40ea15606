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
    """Read a JPEG file's quantised coefficients; nothing is dequantised, upsampled, turned or rounded.

    Files may be baseline, extended sequential or progressive, with Huffman or arithmetic coding (T.81 SOF0, SOF1, SOF2,
    SOF9, SOF10), of 8 bits a sample and one to four components. A path that cannot be opened raises what `open` does.
    JPEG has no checksum: damage that leaves a legal code, such as a few bytes lost inside one block, cannot be noticed.

    Violations of the standard that cost no coefficient are tolerated, as by libjpeg, and listed in the warnings:
    bytes between segments, restart markers with a wrong number or where none is needed, a missing end-of-image marker
    behind a whole image, missing Huffman tables (those of K.3.3 serve), Ss, Se, Ah, Al of sequential scans, equal
    component identifiers, lengths of segments that nobody needs, invalid tables that no scan uses, scans that are
    repeated or missing, missing bits of progressive files (`Component.lowest_bit`).

    Args:
        source: A path, a whole file's bytes, a one-dimensional uint8 array or tensor of them (on the CPU; what
            ``torchvision.io.read_file`` gives), or a file object opened for binary reading, which is read from where it
            stands to its end.
        keep: m, 1…8: read the m×m lowest frequencies of each block, as (block rows, block columns, m·m) arrays.
            The others are passed over; so are scans of a progressive file that these do not depend on.
        on_error: What to do if data behind the first scan header is lost: ``raise``, or ``keep`` what is left. Reading
            then goes on at the next restart marker, by libjpeg's rules, or scan. What is missing is zero;
            `JpegImage.damage` says what was wrong and where, and `Component.arrived` which blocks are complete.
        max_pixels: The largest height × width, None for no limit. It bounds the memory: whole blocks of a pixel's two
            bytes for each component, up to four bytes while a progressive file is read with `keep`.
        max_scans: The most scans, 1…4096. With `max_pixels` it bounds the time: at most about 2 ns for each block of
            each scan and 0.5 µs for each byte, on one core of 2026, whatever the file. A scan that adds nothing to a
            block takes 1 ns.
        strict: Whether to refuse whatever the standard does not allow, instead of warning of it.
        region: (top, left, height, width) in pixels, as the file holds them: read the smallest rectangle of whole MCUs
            (8·Vmax × 8·Hmax pixels each) around it, as an image of that size with the same coefficients; its `offset`
            and `whole` say where it lies. Of a sequential file with Huffman code in one scan everything before is
            passed over, or from the restart marker before on; what lies behind is not looked at, damage in it not
            noticed. Others are read whole, and cut; so are all
            with ``strict`` or, without an index, ``on_error="keep"``. `max_pixels` holds for what is read.
        index: The file's own, made by `index_jpeg`: of a path, only the pieces that the region needs are read. What
            stands behind the last block is not looked at, so that `JpegImage.warnings` do not tell of it.
        threads: How many threads decode an image that has an index or restart markers, otherwise one does. Of several,
            none looks at what stands behind the last block, either.

    Returns:
        The file's components, tables, sizes, sampling factors, colour model and metadata.

    Raises:
        NotJpegError: If the data does not begin as a JPEG file does.
        TruncatedJpegError: If it ends early.
        DamagedJpegError: If it contradicts the standard.
        UnsupportedJpegError: If it is lossless, hierarchical, or has 12 bits a sample.
        JpegTooLargeError: If it has more than `max_pixels` or `max_scans`.
        JpegIndexError: If the index is another file's, or the file has changed in what is read. (What has changed
            elsewhere cannot be noticed without reading it.)
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
        raise InputError(f"index is a JpegIndex, made by index_jpeg, got {type(index).__name__}")
    if settings.strict:
        raise InputError("strict=True looks at the whole file: leave out the index")
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
    """Read many JPEG files, small ones with less cost for each than `read_jpeg` has, others in threads.

    Records of one call may share memory, up to 16 MB: one that is kept keeps that much. A single file's has its own.

    Args:
        sources: What `read_jpeg` takes, any number. Bytes, which have no name, are named by their position:
            ``<bytes>, sources[3]``.
        threads: How many threads read at a time; decoding does not hold the GIL. They pay from about 128 KB on that
            the files have together; fewer are read by one.
        keep: As for `read_jpeg`, here and below.
        on_error: What lost data does.
        max_pixels: The largest height × width of each file.
        max_scans: The most scans of each file.
        strict: Whether to refuse whatever the standard does not allow.
        return_errors: Whether to return the error of a file that cannot be read, or of a path that cannot be opened, in
            its place in the result, instead of raising it.

    Returns:
        A record for each source, in their order.

    Raises:
        InputError: If an argument is invalid.
        JpegFileError: Of the first source that cannot be read; see `read_jpeg`.
        OSError: Of the first path that cannot be opened, if it comes before.
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
        raise InputError(f"keep is the number of frequencies along each side of a block, 1…8, got {keep!r}")
    if on_error not in {"raise", "keep"}:
        raise InputError(f"on_error is 'raise' or 'keep', got {on_error!r}")
    if max_pixels is not None and (not isinstance(max_pixels, int) or max_pixels < 1):
        raise InputError(f"max_pixels must be 1 or more, or None for no limit, got {max_pixels!r}")
    if not isinstance(max_scans, int) or isinstance(max_scans, bool) or not 1 <= max_scans <= MOST_SCANS:
        raise InputError(f"max_scans is a number of scans, 1…{MOST_SCANS}, got {max_scans!r}")
    if strict and on_error == "keep":
        raise InputError("strict=True refuses what on_error='keep' keeps: choose one of them")
    return Settings(keep, on_error, max_pixels, max_scans, bool(strict))
