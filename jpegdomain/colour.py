"""From components to channels: the colour matrices."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from .codec.metadata import Color

__all__ = ["BLACK", "LUMA", "MIXING", "RGB_TO_YCBCR", "Matrix", "Target", "mixing"]

Target: TypeAlias = Literal["luma", "rgb", "ycbcr"]
"""Channels that components become: Y; R, G and B; or Y, Cb and Cr."""

Matrix: TypeAlias = tuple[tuple[float, ...], ...]
"""Rows: channels. Columns: components."""

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
"""Channels wanted → the file's colour model → the matrix; columns: the leading components of the file."""

BLACK: Final[Mapping[Target, tuple[float, ...]]] = {
    "luma": (0.0,),
    "rgb": (0.0, 0.0, 0.0),
    "ycbcr": (0.0, 128.0, 128.0),
}
"""Levels of R = G = B = 0: what the map from R, G and B to channels adds to the matrix ``MIXING[target]["rgb"]``."""


def mixing(color: Color, target: Target, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Give the matrix from level-shifted components to level-shifted channels.

    Args:
        color: The file's colour model.
        target: The channels wanted.
        dtype: Of the result.
        device: Of the result.

    Returns:
        (channels, the leading components of the file that they need).
    """
    return torch.tensor(MIXING[target][color], dtype=dtype, device=device)
