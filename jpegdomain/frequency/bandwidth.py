"""`bandwidth`: how many channels and entropy-coded bytes of a file a selection keeps."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.codec import JpegImage, read_jpeg, write_jpeg
from jpegdomain.codec.messages import RE_ENCODE, message
from jpegdomain.codec.segments import SOS, segments
from jpegdomain.codec.sources import Source, load
from jpegdomain.errors import InputError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK

from .channel_set import CHANNELS, ChannelSet

__all__ = ["Bandwidth", "bandwidth", "scan_bytes", "selected"]

_FREQUENCIES: Final = BLOCK * BLOCK
_COMPONENTS: Final = {"gray": 1, "ycbcr": 3}


@dataclass(frozen=True)
class Bandwidth:
    """Channels and bytes of one image or of several together.

    "All" refers to all coefficients, coded in the same way as the kept ones; "original" to the original files, and is
    None if only records were given.

    Attributes:
        images: Number of images.
        channels: Number of kept channels in the components that the files have, summed over images.
        all_channels: Number of all channels in these components: 64 for a gray file, 192 for a YCbCr file.
        scan: Bytes of entropy-coded data with only the kept coefficients.
        all_scan: Bytes of entropy-coded data with all coefficients.
        file: Bytes of the whole file, including tables and headers, with only the kept coefficients.
        all_file: Bytes of the whole file with all coefficients.
        original_scan: Bytes of entropy-coded data in the original files.
        original_file: Bytes of the original files.
    """

    images: int
    channels: int
    all_channels: int
    scan: int
    all_scan: int
    file: int
    all_file: int
    original_scan: int | None = None
    original_file: int | None = None

    @property
    def channel_share(self) -> float:
        """Number of kept channels divided by the number of all channels."""
        return self.channels / self.all_channels

    @property
    def scan_share(self) -> float:
        """Entropy-coded bytes divided by those of all coefficients, coded in the same way."""
        return self.scan / self.all_scan

    @property
    def original_share(self) -> float | None:
        """Entropy-coded bytes divided by those of the original files, whatever their coding."""
        return None if self.original_scan is None else self.scan / self.original_scan

    @classmethod
    def total(cls, parts: Iterable["Bandwidth"]) -> "Bandwidth":
        """Return the sums over `parts`; sums for the originals are None if any part's are.

        Raises:
            InputError: If there are no parts.
        """
        given = list(parts)
        if not given:
            raise InputError("bandwidth needs at least one image, got none")
        sums: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            column = [getattr(part, field.name) for part in given]
            sums[field.name] = None if None in column else sum(column)
        return cls(**sums)

    def to_dict(self) -> dict[str, Any]:
        """Attributes and shares as plain values, for JSON."""
        shares = ("channel_share", "scan_share", "original_share")
        return {**dataclasses.asdict(self), **{name: getattr(self, name) for name in shares}}

    def __str__(self) -> str:
        images = "1 image" if self.images == 1 else f"{self.images:,} images"
        original = "" if self.original_share is None else f", {self.original_share:.1%} of the original's"
        return (
            f"{images}: {self.channels / self.images:.4g} channels per image ({self.channel_share:.1%}), "
            f"{self.scan:,} of {self.all_scan:,} entropy-coded bytes ({self.scan_share:.1%}{original})"
        )


def bandwidth(source: JpegImage | Source, selection: ChannelSet | Tensor) -> Bandwidth:
    """Measure the bytes of one image with and without the channels that are not kept.

    Both versions are written as sequential files with their own optimal Huffman tables, so that neither benefits from a
    better coder. Entropy-coded bytes are those of the scans, including zero bytes stuffed after FF and restart markers,
    without headers and tables. A block that keeps nothing still takes about two bits, one for DC and one for its end,
    since a valid file has every block.

    Args:
        source: A file (see `read_jpeg`), whose own size is then also reported, or a record read from one.
        selection: A set; or what a gate kept of this image, (192,) of 0 and 1, row-major.

    Returns:
        Channels and bytes of one image.

    Raises:
        JpegFileError: If the file cannot be read.
        UnsupportedJpegError: If it is neither gray nor YCbCr.
        InputError: If the selection is neither a set nor 192 numbers, or the record cannot be written.
    """
    original: bytes | None = None
    if isinstance(source, JpegImage):
        image = source
    else:
        original, name = load(source)
        image = dataclasses.replace(read_jpeg(original), source=name)
    kept = _mask(selection)[: len(image.components)]
    less, whole = write_jpeg(selected(image, selection)), write_jpeg(image)
    return Bandwidth(
        images=1,
        channels=int(kept.sum()),
        all_channels=kept.size,
        scan=scan_bytes(less),
        all_scan=scan_bytes(whole),
        file=len(less),
        all_file=len(whole),
        original_scan=None if original is None else scan_bytes(original),
        original_file=None if original is None else len(original),
    )


def selected(image: JpegImage, selection: ChannelSet | Tensor) -> JpegImage:
    """Return a gray or YCbCr record with the coefficients that are not kept set to zero, and everything else unchanged.

    The set's chroma frequencies apply to the chroma blocks of the file: a subsampled file has fewer of them, each
    covering more pixels, than the luma block grid that networks get.

    Raises:
        UnsupportedJpegError: If the record is neither gray nor YCbCr.
        InputError: If the selection is neither a set nor 192 numbers, or the record was read with ``keep``.
    """
    if image.color not in _COMPONENTS or len(image.components) != _COMPONENTS[image.color]:
        reason = f"channels are frequencies of Y, Cb and Cr, which a {image.color} file does not have"
        raise UnsupportedJpegError(message(image.source, reason, advice=RE_ENCODE))
    if image.keep < BLOCK:
        raise InputError(f"{image.source} was read with keep={image.keep}: read it with all frequencies")
    components = tuple(
        dataclasses.replace(part, coefficients=part.coefficients * kept)
        for part, kept in zip(image.components, _mask(selection), strict=False)
    )
    return dataclasses.replace(image, components=components)


def scan_bytes(data: bytes) -> int:
    """Return the bytes of entropy-coded data in a JPEG file of any number of scans.

    This is the data between each scan's header and the marker that ends it, with stuffed zero bytes and restart
    markers.
    """
    count, begin = 0, None
    for segment in segments(data):
        if begin is not None:
            count += segment.start - begin
        begin = segment.stop if segment.marker == SOS else None
    if begin is not None:
        count += max(0, len(data) - begin)
    return count


def _mask(selection: ChannelSet | Tensor) -> NDArray[np.int16]:
    """(3, 64) row-major, 1 where kept; raises `InputError` unless the selection is a set or 192 numbers."""
    if isinstance(selection, ChannelSet):
        kept = selection.mask()
    elif isinstance(selection, Tensor) and tuple(selection.shape) == (CHANNELS,):
        kept = selection.detach().cpu() > 0.5
    else:
        given = tuple(selection.shape) if isinstance(selection, Tensor) else type(selection).__name__
        raise InputError(f"selection must be a ChannelSet, or a gate's keep for one image, ({CHANNELS},), got {given}")
    return kept.reshape(-1, _FREQUENCIES).numpy().astype(np.int16)
