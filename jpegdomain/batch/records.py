"""The two forms that a batch's images have: records as the files gave them, and tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.preprocess.place import Place

from .planes import Group

__all__ = ["Memory", "Records"]


# Not frozen: into frozen dataclasses torch.compile looks field by field, and read-only arrays it cannot take.
@dataclass(slots=True, eq=False)
class Records:
    """Images that have not been copied: what the CPU's compiled renderer reads.

    Attributes:
        images: As they were read; all of one extent if they have no places.
        places: For each image where it goes; None without a preprocess.
    """

    images: tuple[JpegImage, ...]
    places: tuple[Place, ...] | None

    def take(self, positions: Sequence[int]) -> "Records":
        """Take some of the images.

        Args:
            positions: Which, in the order wanted.

        Returns:
            Their records and places.
        """
        places = None if self.places is None else tuple(self.places[position] for position in positions)
        return Records(tuple(self.images[position] for position in positions), places)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Images in tensors.

    Attributes:
        groups: Together they hold every position of the batch once. Their planes are views of the tensors.
        quantised: int16 (blocks·m·m,), all coefficients.
        steps: int32, all quantisation steps.
    """

    groups: tuple[Group, ...]
    quantised: Tensor
    steps: Tensor
