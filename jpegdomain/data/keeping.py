"""Reading each file with as many frequencies as its preprocess needs."""

import io
from collections.abc import Sequence
from typing import TypeAlias

from jpegdomain.codec import JpegImage, read_header, read_jpegs
from jpegdomain.codec.reader import OnError
from jpegdomain.codec.sources import Source, load
from jpegdomain.errors import JpegFileError
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess import Transform, keep_for

__all__ = ["Result", "read_as_needed"]

Result: TypeAlias = JpegImage | JpegFileError | OSError


class _Held(io.BytesIO):
    """A file that has been read from its disk, with its name for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def read_as_needed(
    files: Sequence[Source], preprocess: Transform, *, on_error: OnError, max_pixels: int | None
) -> list[Result]:
    """Read files for a preprocess, those that need the same number of frequencies together.

    Args:
        files: What `read_jpeg` takes.
        preprocess: What they are meant for, upright or as they are.
        on_error: As for `read_jpegs`.
        max_pixels: Likewise.

    Returns:
        For each file its record, or its error.
    """
    results: dict[int, Result] = {}
    members: dict[int, list[tuple[int, _Held]]] = {}
    for position, file in enumerate(files):
        try:
            held = _Held(*load(file))
        except OSError as error:
            results[position] = error
            continue
        members.setdefault(_needed(held, preprocess), []).append((position, held))
    for keep, own in members.items():
        read = read_jpegs(
            [held for _, held in own],
            keep=keep,
            on_error=on_error,
            max_pixels=max_pixels,
            return_errors=True,
        )
        results.update(zip((position for position, _ in own), read, strict=True))
    return [results[position] for position in range(len(files))]


def _needed(file: _Held, preprocess: Transform) -> int:
    """Frequencies along each side of a block; all of them where the header, or a step that fails, does not tell."""
    try:
        header = read_header(file.getvalue())
        # Whoever makes the batch may turn the image upright, or not.
        return max(keep_for(preprocess, header, orient=orient) for orient in (False, True))
    except ValueError:
        # Reading the file, or making the batch, says what is wrong and with which file.
        return BLOCK
