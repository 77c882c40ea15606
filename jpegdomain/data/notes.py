"""What is noted down on a batch besides its images."""

from typing import NamedTuple, TypeAlias

__all__ = ["FileReport", "Mixture", "Normalisation"]

Normalisation: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std, one number or one for each channel, on the scale 0…1."""


class FileReport(NamedTuple):
    """A file that was left out, or a defect of one that was not.

    Attributes:
        item: Its position in the data set.
        source: Its path, or a stand-in for it.
        reason: One sentence; it names the file if `left_out`.
        left_out: Whether it is missing from its batch.
    """

    item: int
    source: str
    reason: str
    left_out: bool


class Mixture(NamedTuple):
    """How each image of a batch is mixed with the one before it, the first with the last.

    Attributes:
        share: Of the image itself, at every pixel.
        box: ((first, last + 1) row, (first, last + 1) column) in which it is the share; None for everywhere. Outside
            the image stays as it is.
    """

    share: float
    box: tuple[tuple[int, int], tuple[int, int]] | None = None
