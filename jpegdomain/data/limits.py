"""Which files raise an error: the options that are common to everything that reads files."""

from typing import NamedTuple

from jpegdomain.codec.reader import OnError

__all__ = ["Limits"]


class Limits(NamedTuple):
    """The options of `read_jpegs` other than the number of frequencies; see there."""

    on_error: OnError
    max_pixels: int | None
    max_scans: int
    strict: bool
