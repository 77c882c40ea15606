"""Chroma by nearest block: the files' own coefficients, with a subsampled component's blocks repeated.

Its distance from the exact map, for a component with v×h pixels per sample and blocks N, at x = v·i + a and
y = h·j + b:

    nearest(x, y) = N(i, j),    exact(x, y) = Σ_{k,l ∈ {−1,0,1}} M_{a,k} · N(i+k, j+l) · M′_{b,l}ᵀ,

where M_{a,k} = J·U_{a,k}·J̃, with the 8×8 part U_{a,k} of libjpeg's upsampling from block i+k to block x, and M′ is the
same for the other axis. If samples are only repeated, k = l = 0. J is orthonormal, so the norm of the difference is
that of the pixels' difference. Each of these pixels is a sample of block (i, j) or of the ring of one sample around it,
or a convex combination of such samples. Two of these differ by at most r, the largest minus the smallest, and 64 of
them by a norm of at most 8·r. The exact pixels outside the image are 0, so there 0 counts among the samples. For files
that store RGB, the components are R, G and B, which are mixed afterwards. CMYK and YCCK files have no blocks of R, G or
B: they get the exact channels.

With 2×2 pixels per sample a block covers 16×16 pixels, and its frequency α is about α/2 of 8×8 pixels, so these
channels differ in kind from the exact ones. On 256 photographs in 4:2:0 (Imagenette) the root mean square of the
difference is 0.3 standard deviations of the exact channel for DC of Cb and Cr, and 1 to 7 for the other α, β ≤ 3:
statistics must be fitted with the same kind of chroma.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from jpegdomain.colour import INKS, MIXING
from jpegdomain.data import Group, JpegBatch, Plane
from jpegdomain.decoding import Components
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .exact import channels_of_files

__all__ = ["Chroma", "nearest_channels"]

Chroma: TypeAlias = Literal["exact", "nearest"]
"""How components with a lower resolution are put on the luma block grid."""

_FREQUENCIES = BLOCK * BLOCK


def nearest_channels(batch: JpegBatch, indices: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return (n, channels, X, Y): for each block of the image, each component's block that it lies in.

    For a component with `factors` (v, h), pixels per sample, block (x, y) of the image's grid takes block
    (⌊x/v⌋, ⌊y/h⌋). This block always exists: a component has ⌈⌈H/v⌉/8⌉ rows of blocks (T.81 A.1.1), and the image's
    ⌈H/8⌉ rows do not reach further. Blocks that only pad MCUs were dropped when the file was read.

    Raises:
        InputError: If the batch has a preprocess: resized, cropped or turned images do not have the file's blocks.
    """
    if batch.mixtures:
        raise InputError(
            "chroma='nearest' takes the files' blocks as they are, but this batch is mixed: use chroma='exact'"
        )
    if batch.preprocessed:
        raise InputError(
            "chroma='nearest' takes the files' blocks as they are, but this batch has a preprocess or orient=True: "
            "collate without them, or use chroma='exact'"
        )
    result = torch.zeros(len(batch), len(indices), *batch.extent.blocks, dtype=dtype, device=batch.device)
    for group in batch.groups:
        if group.color in INKS:
            planes = tuple(replace(plane, dtype=dtype) for plane in group.planes)
            own = channels_of_files(Components.of(replace(group, planes=planes), batch.extent, len(planes)), indices)
        else:
            own = _of_group(group, indices, result[: len(group.images)])
        result[list(group.images)] = own
    return result


def _of_group(group: Group, indices: Sequence[int], like: Tensor) -> Tensor:
    """Channels of images with one colour model and sampling; the result has the shape, dtype and device of `like`."""
    result = torch.zeros_like(like)
    for number, row in enumerate(MIXING["ycbcr"][group.color]):
        places = [place for place, index in enumerate(indices) if index // _FREQUENCIES == number]
        frequencies = [indices[place] % _FREQUENCIES for place in places]
        for plane, weight in zip(group.planes, row, strict=False):
            if places and weight:
                result[:, places] += weight * _repeated(plane, frequencies, like)
    return result


def _repeated(plane: Plane, frequencies: Sequence[int], like: Tensor) -> Tensor:
    """(m, frequencies, X, Y): a component's dequantised blocks on the image's grid."""
    chosen, (vertical, horizontal) = list(frequencies), plane.upsampling
    blocks = plane.quantised.view(len(plane.extents), *plane.extent.blocks, _FREQUENCIES)[..., chosen]
    steps = plane.steps[:, chosen].to(like.dtype)
    values = blocks.permute(0, 3, 1, 2).to(like.dtype) * steps[:, :, None, None]
    repeated = values.repeat_interleave(vertical, 2).repeat_interleave(horizontal, 3)
    return repeated[:, :, : like.shape[2], : like.shape[3]]
