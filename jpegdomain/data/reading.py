"""Read files to records, each with as many frequencies as the preprocess needs, or to errors in place of records."""

import os
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from jpegdomain.codec import JpegImage, read_header, read_jpegs
from jpegdomain.codec.images import Images
from jpegdomain.codec.indexed import IndexedFile
from jpegdomain.codec.many import read_parts
from jpegdomain.codec.reader import settings_of
from jpegdomain.codec.sources import Held, load
from jpegdomain.errors import InputError, JpegFileError
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess import Transform, keep_for, recipe_of

from .indexes import IndexFolder, UnreadImage
from .limits import Limits
from .other_formats import PixelImage, decode_other, is_jpeg

__all__ = ["Limits", "Read", "name_of", "read_as_needed"]

_RECORDS: Final = {JpegImage, PixelImage, UnreadImage}

Read: TypeAlias = JpegImage | PixelImage | UnreadImage | JpegFileError | OSError | InputError
"""A record, or why there is none; or a file of which a part will be read."""


def read_as_needed(
    sources: Sequence[Any],
    preprocess: object,
    limits: Limits,
    *,
    place: str,
    numbers: Sequence[int] | None = None,
    keep: int | None = None,
    threads: int = 1,
    other_formats: bool = False,
    indexes: IndexFolder | None = None,
) -> Sequence[Read]:
    """Read files; those that need the same number of frequencies are read together.

    Args:
        sources: What `read_jpeg` takes, or records, which stay as they are.
        preprocess: As for `collate`.
        limits: Options for `read_jpegs`.
        place: How the position of a file without a name is written.
        numbers: The files' positions; 0, 1, … if None.
        keep: As for `read_jpeg`; as many as the preprocess needs if None.
        threads: As for `read_jpegs`.
        other_formats: Whether to decode PNG and WebP files; otherwise they are errors.
        indexes: Where indexes are kept: files that have an index, or get one, are opened but not read.

    Returns:
        For each file, its record or its error.
    """
    transform = None if preprocess is None else recipe_of(preprocess).transform
    if keep is None and (transform is None or not transform.low_frequencies):
        keep = BLOCK
    if keep is not None and not other_formats and indexes is None and not _RECORDS & {*map(type, sources)}:
        parts = read_parts(sources, settings_of(keep, *limits), threads, place=place, numbers=numbers)
        return Images(parts)
    results: dict[int, Read] = {}
    members: dict[int, list[tuple[int, Held]]] = {}
    for position, source in enumerate(sources):
        if isinstance(source, JpegImage | PixelImage | UnreadImage):
            results[position] = source
            continue
        if indexes is not None and (opened := indexes.open(source)) is not None:
            results[position] = opened.limited(keep or _needed(opened.file, transform))
            continue
        try:
            file = Held(*load(source, position if numbers is None else numbers[position], place))
        except (OSError, InputError) as error:
            results[position] = error
            continue
        if other_formats and not is_jpeg(file.data):
            results[position] = decode_other(file.data, file.name, limits.max_pixels)
            continue
        if indexes is not None and (opened := indexes.index(source, file)) is not None:
            results[position] = opened.limited(keep or _needed(opened.file, transform))
            continue
        members.setdefault(keep or _needed(file, transform), []).append((position, file))
    for side, own in members.items():
        read = read_jpegs([held for _, held in own], keep=side, threads=threads, return_errors=True, **limits._asdict())
        results.update(zip((position for position, _ in own), read, strict=True))
    return [results[position] for position in range(len(sources))]


def name_of(source: Any, number: int, place: str) -> str:
    """The name of a file that could not be read."""
    if isinstance(source, Held):
        return source.name
    return os.fsdecode(source) if isinstance(source, str | os.PathLike) else place.format(number)


def _needed(file: Held | IndexedFile, preprocess: Transform | None) -> int:
    """How many frequencies along each side of a block a preprocess needs; all if the header, or a step, is invalid."""
    if preprocess is None or not preprocess.low_frequencies:
        return BLOCK
    try:
        header = read_header(file.data) if isinstance(file, Held) else file
        # Whether `collate` will turn the image upright is not known here.
        return max(keep_for(preprocess, header, orient=orient) for orient in (False, True))
    except ValueError:
        # Reading the file, or making the batch, raises an error that names the file.
        return BLOCK
