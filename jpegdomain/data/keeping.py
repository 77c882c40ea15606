"""Reading each file with as many frequencies as its preprocess needs."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from jpegdomain.codec import JpegImage, read_header, read_jpegs
from jpegdomain.codec.reader import OnError
from jpegdomain.codec.sources import Held
from jpegdomain.errors import InputError, JpegFileError
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess import Transform, keep_for

__all__ = ["Limits", "Result", "read_as_needed"]

Result: TypeAlias = JpegImage | JpegFileError | OSError | InputError


class Limits(NamedTuple):
    """What `read_jpegs` takes besides the number of frequencies; see there."""

    on_error: OnError
    max_pixels: int | None
    max_scans: int
    strict: bool


def read_as_needed(
    files: Sequence[Held | OSError | InputError],
    keep: int | None,
    preprocess: Transform | None,
    limits: Limits,
) -> list[Result]:
    """Read files for a preprocess, those that need the same number of frequencies together.

    Args:
        files: Their bytes, or the error that kept them from being had.
        keep: How many frequencies; None for as many as the preprocess needs.
        preprocess: What they are meant for, upright or as they are.
        limits: How strictly, and how much at most.

    Returns:
        For each file its record, or its error.
    """
    results: dict[int, Result] = {}
    members: dict[int, list[tuple[int, Held]]] = {}
    for position, file in enumerate(files):
        if isinstance(file, Held):
            members.setdefault(keep or _needed(file, preprocess), []).append((position, file))
        else:
            results[position] = file
    for side, own in members.items():
        read = read_jpegs([held for _, held in own], keep=side, return_errors=True, **limits._asdict())
        results.update(zip((position for position, _ in own), read, strict=True))
    return [results[position] for position in range(len(files))]


def _needed(file: Held, preprocess: Transform | None) -> int:
    """Frequencies along each side of a block; all of them where the header, or a step that fails, does not tell."""
    if preprocess is None or not preprocess.low_frequencies:
        return BLOCK
    try:
        header = read_header(file.data)
        # Whoever makes the batch may turn the image upright, or not.
        return max(keep_for(preprocess, header, orient=orient) for orient in (False, True))
    except ValueError:
        # Reading the file, or making the batch, says what is wrong and with which file.
        return BLOCK
