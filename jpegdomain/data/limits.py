"""Which files are refused: the options that everything that reads files has in common."""

from typing import NamedTuple

from jpegdomain.codec.reader import OnError

__all__ = ["Limits"]


class Limits(NamedTuple):
    """What `read_jpegs` takes besides the number of frequencies; see there."""

    on_error: OnError
    max_pixels: int | None
    max_scans: int
    strict: bool
