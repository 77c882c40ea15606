"""Files of other formats among JPEG files, PNG and WebP: decoded to levels by torchvision, where asked for."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from jpegdomain.errors import JpegFileError
from jpegdomain.geometry import Extent

__all__ = ["PixelImage", "decode_other", "is_jpeg"]


@dataclass(frozen=True, eq=False)
class PixelImage:
    """An image that was no JPEG file: it has levels instead of coefficients.

    Attributes:
        levels: (3, h, w), R, G and B, 0…255, uint8 or, of files of 16 bits, float32.
        source: The file's path, or a stand-in for it.
    """

    levels: Tensor
    source: str
    damage: ClassVar[None] = None
    warnings: ClassVar[tuple[str, ...]] = ()

    @property
    def extent(self) -> Extent:
        """Height and width in pixels."""
        return Extent(*self.levels.shape[1:])

    def __repr__(self) -> str:
        return f"PixelImage({self.source!r}, {self.extent})"


def is_jpeg(data: bytes) -> bool:
    """Whether a file begins as a JPEG file does."""
    return data[:2] == b"\xff\xd8"


def decode_other(data: bytes, source: str) -> PixelImage | JpegFileError:
    """Decode a PNG, WebP or GIF file, without its transparency, of several images the first; or say why not."""
    # torchvision takes longer to import than this package.
    from torchvision.io import ImageReadMode, decode_image

    try:
        pixels = decode_image(torch.from_numpy(np.frombuffer(data, np.uint8).copy()), ImageReadMode.RGB)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return JpegFileError(f"{source}: neither a JPEG file nor one that torchvision decodes: {first}")
    if pixels.dim() == 4:
        pixels = pixels[0]
    if pixels.dtype == torch.uint16:
        pixels = pixels.to(torch.float32) / 257
    return PixelImage(pixels, source)
