"""Frequency channels of files and of pixels: one channel per frequency of Y, Cb and Cr, on the luma block grid."""

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from jpegdomain.colour import Target
from jpegdomain.data import JpegBatch
from jpegdomain.decoding import can_render, to_activation, to_pixels
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .channel_set import CHANNELS, ChannelSet
from .nearest import nearest_channels
from .transforming import picked, transformed

__all__ = ["Chroma", "Source", "check_chroma", "frequency_channels", "wide_channels"]

Chroma: TypeAlias = Literal["exact", "nearest"]
"""How components that a file holds at a lower resolution come to the luma block grid."""

Source: TypeAlias = JpegBatch | Tensor
"""Files, or (n, 3, h, w) RGB pixels 0…255."""

_COLOURS: Final = 3
_LUMA_CHANNELS: Final = BLOCK * BLOCK


def frequency_channels(source: Source, selection: ChannelSet | None = None, *, chroma: Chroma = "exact") -> Tensor:
    """Give the frequency channels of images (Xu et al. 2020, section 3.1), from the files' own coefficients.

    Channel 64·component + 8·α + β at (x, y) is coefficient (α, β) of block (x, y) of Y − 128, Cb − 128 or Cr − 128, of
    the orthonormal 8×8 DCT-II in levels: JPEG's own scale. Grayscale files have zeros for Cb and Cr.

    'exact' is the map of a network's entry (`jpegdomain.decoding.to_activation`) with the colours Y, Cb and Cr:
    libjpeg's upsampling, cut, crop, resize, flip and fills, in the transform domain. It equals the DCT of Y, Cb and Cr
    of the float decoding `jpegdomain.decode_rgb`, whatever the sampling, to rounding. Pixels of partial blocks outside
    the image are 0 after the level shift, not what an encoder filled in.

    CMYK and YCCK files have the channels of the R, G and B that `decode_rgb` makes of them, of either kind: none of
    their blocks is one of Y, Cb or Cr.

    'nearest' takes the blocks of a file as they are and repeats those of a subsampled component: with v×h pixels per
    sample, block (x, y) takes block (⌊x/v⌋, ⌊y/h⌋). No pixel is touched, and partial blocks hold what the encoder
    filled in. It is meant for batches without a preprocess. With r the largest less the smallest sample of the
    component's block and the ring of one sample around it, in blocks that lie whole in the image

        ‖nearest − exact‖ ≤ 8·r    over the 64 channels of a component together, and so for each.

    Constant chroma agrees, and so do all channels of a component at full resolution. In partial blocks the bound holds,
    for full resolution, too, if 0, the level-shifted outside of the image, counts among the samples. It is no small
    difference on photographs: `jpegdomain.frequency.nearest` derives and measures it.

    Args:
        source: A batch from `jpegdomain.collate`, with or without a preprocess; or RGB pixels 0…255, floating point
            (n, 3, h, w), whose chroma has full resolution. Gradients reach pixels.
        selection: Which channels, and in which order they are stacked; None for all 192, row-major.
        chroma: 'exact' or 'nearest'.

    Returns:
        (n, len(selection) or 192, ⌈h/8⌉, ⌈w/8⌉), in the dtype and on the device of the source.

    Raises:
        InputError: If the source is neither, the selection no `ChannelSet`, `chroma` has another name, or 'nearest' is
            asked of a batch that a preprocess has placed.
    """
    if selection is not None and not isinstance(selection, ChannelSet):
        raise InputError(
            f"a selection is a ChannelSet, such as jpegdomain.frequency.published('24S'), or None for all channels; "
            f"got {type(selection).__qualname__}"
        )
    check_chroma(chroma)
    return wide_channels(source, None if selection is None else selection.indices, chroma).to(source.dtype)


def check_chroma(chroma: str) -> None:
    """Refuse other names than those of `Chroma`.

    Args:
        chroma: Any.

    Raises:
        InputError: If it is neither 'exact' nor 'nearest'.
    """
    if chroma not in get_args(Chroma):
        raise InputError(f"chroma is 'exact' or 'nearest', got {chroma!r}")


def wide_channels(source: Source, indices: tuple[int, ...] | None, chroma: Chroma) -> Tensor:
    """Give the channels before they are rounded to half precision.

    Args:
        source: As `frequency_channels` takes it.
        indices: Channel numbers, as they are stacked; None for all.
        chroma: Likewise.

    Returns:
        (n, channels, X, Y) in float32 or float64.

    Raises:
        InputError: If the source is neither a batch nor RGB pixels.
    """
    if isinstance(source, JpegBatch):
        # Level-shifted sums of 64 products need more digits than half precision has.
        wide = torch.promote_types(source.dtype, torch.float32)
        if chroma == "nearest":
            return nearest_channels(source, range(CHANNELS) if indices is None else indices, wide)
        return _of_files(source if source.dtype == wide else source.to(wide), indices)
    if not isinstance(source, Tensor) or source.dim() != 4 or source.shape[1] != _COLOURS:
        given = tuple(source.shape) if isinstance(source, Tensor) else type(source).__qualname__
        raise InputError(
            f"frequency channels are of a JpegBatch (jpegdomain.collate) or of RGB pixels (n, 3, h, w); got {given}"
        )
    if not source.is_floating_point():
        raise InputError(f"pixels are floating-point levels 0…255, got {source.dtype}: convert them with .float()")
    # Y is R = G = B less 128 where all three are; Cb and Cr do not change.
    return transformed(source.to(torch.promote_types(source.dtype, torch.float32)) - 128, indices, rgb=True)


def _of_files(batch: JpegBatch, indices: tuple[int, ...] | None) -> Tensor:
    luma = indices is not None and max(indices) < _LUMA_CHANNELS
    target: Target = "luma" if luma else "ycbcr"
    shift = torch.full((1 if luma else _COLOURS,), -128.0, dtype=batch.dtype, device=batch.device)
    if can_render(batch, None, None):
        return transformed(to_pixels(batch, target, None, shift), indices, rgb=False)
    return picked(to_activation(batch, target, None, shift).coefficients, indices)
