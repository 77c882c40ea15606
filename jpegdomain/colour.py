"""From components to channels: the colour matrices, and the product that turns four components into R, G and B."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .codec.metadata import Color

__all__ = ["BLACK", "INKS", "LUMA", "MIXING", "RGB_TO_YCBCR", "Matrix", "Target", "from_inks", "mixing", "recolored"]

Target: TypeAlias = Literal["luma", "rgb", "ycbcr"]
"""Channels that components become: Y; R, G and B; or Y, Cb and Cr."""

Matrix: TypeAlias = tuple[tuple[float, ...], ...]
"""A matrix from components (columns) to channels (rows)."""

LUMA: Final = (0.299, 0.587, 0.114)
"""Weights of R, G, B in Y (ITU-T T.871 clause 7)."""

_IDENTITY: Final[Matrix] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

_YCBCR_TO_RGB: Final[Matrix] = (
    (1.0, 0.0, 1.402),
    (1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587),
    (1.0, 1.772, 0.0),
)
"""Rows R, G, B; columns Y, Cb, Cr, level-shifted (ITU-T T.871 clause 7)."""

RGB_TO_YCBCR: Final[Matrix] = (
    LUMA,
    (-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772),
    (0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402),
)
"""Rows Y, Cb, Cr; columns R, G, B: Cb is (B − Y)/1.772 and Cr (R − Y)/1.402, the inverse (ITU-T T.871 clause 7)."""

MIXING: Final[Mapping[Target, Mapping[Color, Matrix]]] = {
    "luma": {"gray": ((1.0,),), "ycbcr": ((1.0,),), "rgb": (LUMA,)},
    "rgb": {"gray": ((1.0,),) * 3, "ycbcr": _YCBCR_TO_RGB, "rgb": _IDENTITY},
    "ycbcr": {"gray": ((1.0,), (0.0,), (0.0,)), "ycbcr": _IDENTITY, "rgb": RGB_TO_YCBCR},
}
"""The matrix for the channels wanted and the file's colour model; its columns are the file's first components."""

INKS: Final[Mapping[Color, tuple[Matrix, float]]] = {
    "cmyk": (_IDENTITY, 128.0),
    "ycck": (tuple(tuple(-weight for weight in row) for row in _YCBCR_TO_RGB), 127.0),
}
"""For colour models of four components, the matrix and the constant that turn the first three, level-shifted, into C, M
and Y as stored, 255 for no ink: CMYK stores C itself, YCCK stores Y, Cb and Cr of R, G and B, where C = 255 − R."""

BLACK: Final[Mapping[Target, tuple[float, ...]]] = {
    "luma": (0.0,),
    "rgb": (0.0, 0.0, 0.0),
    "ycbcr": (0.0, 128.0, 128.0),
}
"""The channels' levels for R = G = B = 0: the constant that belongs to the matrix ``MIXING[target]["rgb"]``."""


def mixing(color: Color, target: Target, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(channels, leading components): `MIXING` as a tensor; for CMYK and YCCK that of RGB, which `from_inks` gives."""
    return torch.tensor(MIXING[target]["rgb" if color in INKS else color], dtype=dtype, device=device)


def recolored(color: Color, target: Target, colors: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return `MIXING` with a matrix applied to R, G and B in between.

    Args:
        color: The components' colour model.
        target: The channels wanted.
        colors: (3, 3), or None for the identity.

    Returns:
        (channels, leading components).

    Raises:
        KeyError: If the colour model has no matrix.
    """
    if colors is None:
        return np.array(MIXING[target][color])
    return np.array(MIXING[target]["rgb"]) @ colors @ np.array(MIXING["rgb"][color])


def from_inks(samples: Tensor, color: Color) -> Tensor:
    """Convert CMYK or YCCK samples to R, G and B: R = C·K/255, G = M·K/255, B = Y·K/255.

    C, M, Y and K are the levels that the file stores, 255 for no ink: Adobe's convention, which Pillow and torchvision
    assume for every file of four components, with or without an Adobe segment. In terms of ink, c = 255 − C, this is
    their (255 − c)·(255 − k)/255. YCCK stores C = 255 − R', M = 255 − G' and Y = 255 − B' as Y, Cb and Cr of R', G'
    and B' (libjpeg's ``ycck_cmyk_convert``).

    The product is not linear: no linear map takes these files' coefficients to those of R, G and B, and the samples
    must be at full resolution first.

    Both decoders give the same bytes. Their rounding, which is left out here, makes a difference of 0.3 levels on
    average for CMYK and 0.4 for YCCK with halved Cb, Cr and K, 2.4 at most (40 generated files within 0…255). Where
    C, M, Y or K leave 0…255, libjpeg clamps them before the product. Clamping the result cannot reproduce this: the
    difference is up to 25 levels in a file of saturated colours, and 108 where Cb and Cr are random.

    Args:
        samples: (n, 4, h, w), level-shifted (minus 128), as the file stores them.
        color: ``cmyk`` or ``ycck``.

    Returns:
        (n, 3, h, w) level-shifted, neither rounded nor clamped.
    """
    matrix, constant = INKS[color]
    inks, black = samples[:, :3], (samples[:, 3:] + 128) / 255
    if matrix is not _IDENTITY:
        inks = torch.einsum("ck,nkhw->nchw", torch.tensor(matrix, dtype=samples.dtype, device=samples.device), inks)
    # (inks + constant)·black − 128, in one pass over three channels.
    return torch.addcmul(constant * black - 128, inks, black)
