"""Files of which some frequency channels alone are sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

import jpegdomain as jd
from jpegdomain.frequency import ChannelSet
from jpegdomain.frequency.bandwidth import scan_bytes, selected

__all__ = ["Truncated", "truncated"]


@dataclass(frozen=True)
class Truncated:
    """Several files as they arrive.

    Args:
        data: Their bytes.
        images: What is read from these bytes.
    """

    data: list[bytes]
    images: list[jd.JpegImage]

    @property
    def scan(self) -> int:
        """Bytes of entropy-coded data, of all files together."""
        return sum(map(scan_bytes, self.data))

    @property
    def file(self) -> int:
        """Bytes of the whole files, headers and tables included."""
        return sum(map(len, self.data))


def truncated(images: Sequence[jd.JpegImage], kept: ChannelSet | Tensor) -> Truncated:
    """Write files with some channels alone, and read them again.

    Zeros take the place of the other coefficients, and each file has the Huffman tables that suit it best. A set's
    chroma frequencies are those of the file's own chroma blocks, as in `jpegdomain.frequency.bandwidth`.

    Args:
        images: Gray or YCbCr records.
        kept: A set for all of them, or (n, 192) of 0 and 1, row-major, which channels of each.
    """
    each = [kept] * len(images) if isinstance(kept, ChannelSet) else list(kept)
    data = [jd.write_jpeg(selected(image, own)) for image, own in zip(images, each, strict=True)]
    return Truncated(data, [jd.read_jpeg(one) for one in data])
