"""`FileImage`: a JPEG file's coefficients where torchvision's detection models expect a tensor."""

from dataclasses import dataclass

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.preprocess import RandomHorizontalFlip, Transform

__all__ = ["FileImage"]


@dataclass(frozen=True, eq=False)
class FileImage:
    """An image for a detection model on frequency channels, as its file has it: nothing is decoded.

    Args:
        image: From `jpegdomain.read_jpeg`.
        flipped: Whether it is seen left to right, as the boxes and masks of its target are then.
    """

    image: JpegImage
    flipped: bool = False

    @property
    def shape(self) -> torch.Size:
        """(3, height, width), as of the RGB tensor."""
        return torch.Size((3, *self.image.extent))

    @property
    def steps(self) -> list[Transform]:
        """What comes before the resizing."""
        return [RandomHorizontalFlip(1.0)] if self.flipped else []
