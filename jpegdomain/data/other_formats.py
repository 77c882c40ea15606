"""PNG and WebP files among JPEG files: decoded to levels by torchvision, if requested."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from jpegdomain.codec.metadata import tiff_orientation
from jpegdomain.errors import JpegFileError, JpegTooLargeError
from jpegdomain.geometry import Extent

__all__ = ["PixelImage", "decode_other", "is_jpeg"]


@dataclass(frozen=True, eq=False)
class PixelImage:
    """An image that was not a JPEG file: it has levels instead of coefficients.

    Attributes:
        levels: (3, h, w), R, G and B, 0…255, uint8, or float32 if the file has 16 bits.
        source: The file's path, or a name if it has none.
        orientation: EXIF orientation 1…8, from PNG's eXIf or WebP's EXIF chunk; never applied.
    """

    levels: Tensor
    source: str
    orientation: int = 1
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


def decode_other(data: bytes, source: str, max_pixels: int | None = None) -> PixelImage | JpegFileError:
    """Decode a PNG, WebP or GIF file without its transparency, and the first image if there are several.

    Args:
        data: The file's bytes.
        source: The file's name.
        max_pixels: As for `read_jpeg`; the header is checked before anything is decoded.

    Returns:
        The image, or the error that says why it cannot be decoded.
    """
    extent, orientation = _header(data)
    if extent is None:
        return JpegFileError(f"{source}: not a JPEG, PNG, WebP or GIF file, or its header is cut off")
    if max_pixels is not None and extent.height * extent.width > max_pixels:
        reason = f"{extent.height}×{extent.width} pixels are more than max_pixels, {max_pixels}"
        return JpegTooLargeError(f"{source}: {reason}; raise the limit if you trust the file")
    # torchvision takes longer to import than this package.
    from torchvision.io import ImageReadMode, decode_image

    try:
        pixels = decode_image(torch.from_numpy(np.frombuffer(data, np.uint8).copy()), ImageReadMode.RGB)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return JpegFileError(f"{source}: torchvision does not decode it: {first}")
    if pixels.dim() == 4:
        pixels = pixels[0]
    if pixels.dtype == torch.uint16:
        pixels = pixels.to(torch.float32) / 257
    return PixelImage(pixels, source, orientation)


def _header(data: bytes) -> tuple[Extent | None, int]:
    """A file's size, None if it has another format, and its EXIF orientation, 1 if it has none."""
    size: tuple[int, int] | None = None
    exif = b""
    if data[:4] == b"GIF8" and len(data) >= 10:
        size = int.from_bytes(data[8:10], "little"), int.from_bytes(data[6:8], "little")
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        for kind, payload in _chunks(data, 8, "big", 4):
            if kind == b"IHDR" and len(payload) >= 8:
                size = int.from_bytes(payload[4:8], "big"), int.from_bytes(payload[:4], "big")
            elif kind == b"eXIf":
                exif = payload
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        for kind, payload in _chunks(data, 12, "little", 0):
            size = size or _webp_size(kind, payload)
            if kind == b"EXIF":
                exif = payload
    extent = None if size is None else Extent(*size)
    return extent, tiff_orientation(exif) or 1


def _chunks(data: bytes, at: int, order: Literal["big", "little"], checksum: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG file (length, type, data, checksum) or of a RIFF file (type, length, data, even)."""
    while at + 8 <= len(data):
        first, second = data[at : at + 4], data[at + 4 : at + 8]
        kind, length = (second, first) if order == "big" else (first, second)
        size = int.from_bytes(length, order)
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + (checksum or size % 2)


def _webp_size(kind: bytes, payload: bytes) -> tuple[int, int] | None:
    """Height and width by the first chunk of a WebP file: extended, lossless or lossy."""

    def number(start: int, stop: int) -> int:
        return int.from_bytes(payload[start:stop], "little")

    if len(payload) < 10 and not (kind == b"VP8L" and len(payload) >= 5):
        return None
    if kind == b"VP8X":
        return number(7, 10) + 1, number(4, 7) + 1
    if kind == b"VP8L":
        packed = number(1, 5)
        return (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1
    if kind == b"VP8 ":
        return number(8, 10) & 0x3FFF, number(6, 8) & 0x3FFF
    return None
