"""What a loader has to say about one file."""

from typing import NamedTuple

__all__ = ["FileReport"]


class FileReport(NamedTuple):
    """A file that was left out, or what was wrong with one that was not.

    Attributes:
        item: Its position in the data set.
        source: Its path, or a stand-in for it.
        reason: One sentence; it names the file where `left_out`.
        left_out: Whether it is missing from its batch.
    """

    item: int
    source: str
    reason: str
    left_out: bool
