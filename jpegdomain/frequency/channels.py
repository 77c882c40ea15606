"""Frequency channels of files and of pixels: one channel per frequency of Y, Cb and Cr, on the luma block grid."""

from typing import TypeAlias, get_args

import torch
from torch import Tensor

from jpegdomain.data import JpegBatch
from jpegdomain.errors import InputError

from .channel_set import CHANNELS, ChannelSet
from .exact import channels_of_files, channels_of_rgb
from .nearest import Chroma, nearest_channels

__all__ = ["Source", "check_chroma", "frequency_channels", "wide_channels"]

Source: TypeAlias = JpegBatch | Tensor
"""Files, or (n, 3, h, w) RGB pixels 0…255."""


def frequency_channels(source: Source, selection: ChannelSet | None = None, *, chroma: Chroma = "exact") -> Tensor:
    """Compute the frequency channels of images (Xu et al. 2020, section 3.1) from the files' own coefficients.

    Channel 64·component + 8·α + β at (x, y) is coefficient (α, β) of block (x, y) of Y − 128, Cb − 128 or Cr − 128, of
    the orthonormal 8×8 DCT-II in levels, which is JPEG's own scale. Grayscale files have zeros for Cb and Cr.

    'exact' is the map at a network's entry for the colours Y, Cb and Cr: libjpeg's upsampling, crop, resize, flip and
    fills, in the transform domain. It equals the DCT of Y, Cb and Cr of the floating-point decoding
    `jpegdomain.decode_rgb`, for any sampling, to rounding. Pixels of partial blocks outside the image are 0 after the
    level shift, and not what the encoder stored there.

    For CMYK and YCCK files both kinds are the channels of the R, G and B that `decode_rgb` gives, since these files
    have no blocks of Y, Cb or Cr.

    'nearest' takes the blocks of a file as they are and repeats those of a subsampled component: with v×h pixels per
    sample, block (x, y) takes block (⌊x/v⌋, ⌊y/h⌋). No pixel is computed, and partial blocks have what the encoder
    stored. It is for batches without a preprocess. Let r be the largest minus the smallest sample in the component's
    block and the ring of one sample around it. Then, in blocks that lie completely inside the image,

        ‖nearest − exact‖ ≤ 8·r    over the 64 channels of a component together, and so for each.

    The two agree for constant chroma, and for all channels of a component at full resolution. In partial blocks the
    bound holds, also at full resolution, if 0, the level-shifted value outside the image, counts among the samples. On
    photographs the difference is not small: statistics must be fitted with the same kind of chroma. The derivation and
    the measurements are at the top of `jpegdomain/frequency/nearest.py`.

    Args:
        source: A batch from `jpegdomain.collate`, with or without a preprocess; or RGB pixels 0…255, floating point
            (n, 3, h, w), whose chroma has full resolution. Gradients flow to pixels.
        selection: Which channels, and in which order to stack them; None for all 192, row-major.
        chroma: 'exact' or 'nearest'.

    Returns:
        (n, len(selection) or 192, ⌈h/8⌉, ⌈w/8⌉), in the dtype and on the device of the source.

    Raises:
        InputError: If the source is neither, the selection is not a `ChannelSet`, `chroma` is unknown, or 'nearest' is
            requested for a batch with a preprocess.
    """
    if selection is not None and not isinstance(selection, ChannelSet):
        raise InputError(
            f"selection must be a ChannelSet, such as jpegdomain.frequency.published('24S'), or None for all channels; "
            f"got {type(selection).__qualname__}"
        )
    check_chroma(chroma)
    return wide_channels(source, None if selection is None else selection.indices, chroma).to(source.dtype)


def check_chroma(chroma: str) -> None:
    """Raise `InputError` if `chroma` is neither 'exact' nor 'nearest'."""
    if chroma not in get_args(Chroma):
        raise InputError(f"chroma must be 'exact' or 'nearest', got {chroma!r}")


def wide_channels(source: Source, indices: tuple[int, ...] | None, chroma: Chroma) -> Tensor:
    """The channels in float32 or float64, before they are rounded to half precision."""
    # Sums of 64 products need more digits than half precision has.
    if isinstance(source, JpegBatch):
        wide = torch.promote_types(source.dtype, torch.float32)
        if chroma == "nearest":
            return nearest_channels(source, range(CHANNELS) if indices is None else indices, wide)
        return channels_of_files(source if source.dtype == wide else source.to(wide), indices)
    if not isinstance(source, Tensor) or source.dim() != 4 or source.shape[1] != 3:
        given = tuple(source.shape) if isinstance(source, Tensor) else type(source).__qualname__
        raise InputError(
            f"frequency channels need a JpegBatch (jpegdomain.collate) or RGB pixels (n, 3, h, w); got {given}"
        )
    if not source.is_floating_point():
        raise InputError(f"pixels must be floating-point levels 0…255, got {source.dtype}: convert them with .float()")
    return channels_of_rgb(source.to(torch.promote_types(source.dtype, torch.float32)), indices)
