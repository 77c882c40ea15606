"""What a batch records besides its images."""

from typing import NamedTuple, TypeAlias

__all__ = ["FileReport", "Mixture", "Normalisation"]

Normalisation: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std, one number or one for each channel, on the scale 0…1."""


class FileReport(NamedTuple):
    """A file that was left out of its batch, or a defect of a file that was kept.

    Attributes:
        item: The file's position in the data set.
        source: The file's path, or a name if it has none.
        reason: One sentence, which names the file if `left_out`.
        left_out: Whether the file is missing from its batch.
    """

    item: int
    source: str
    reason: str
    left_out: bool


class Mixture(NamedTuple):
    """How each image of a batch is mixed with the preceding one, and the first with the last.

    Attributes:
        share: The weight of the image itself, at every pixel.
        box: The ((first, last + 1) row, (first, last + 1) column) to which `share` applies; None for everywhere.
            Outside, the image stays as it is.
    """

    share: float
    box: tuple[tuple[int, int], tuple[int, int]] | None = None
