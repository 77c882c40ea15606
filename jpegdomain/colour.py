"""From components to channels: the colour matrices."""

from typing import Final

import torch
from torch import Tensor

from .codec.metadata import Color

__all__ = ["LUMA", "MIXING", "mixing"]

LUMA: Final = (0.299, 0.587, 0.114)
"""Weights of R, G, B in Y (ITU-T T.871 clause 7)."""

_YCBCR_TO_RGB: Final = (
    (1.0, 0.0, 1.402),
    (1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587),
    (1.0, 1.772, 0.0),
)
"""Rows R, G, B; columns Y, Cb, Cr, level-shifted (ITU-T T.871 clause 7)."""

MIXING: Final[dict[tuple[Color, int], tuple[tuple[float, ...], ...]]] = {
    ("gray", 1): ((1.0,),),
    ("gray", 3): ((1.0,),) * 3,
    ("ycbcr", 1): ((1.0,),),
    ("ycbcr", 3): _YCBCR_TO_RGB,
    ("rgb", 1): (LUMA,),
    ("rgb", 3): ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""(file's colour model, channels wanted) → rows: channels, columns: the leading components of the file."""


def mixing(color: Color, channels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Give the matrix from level-shifted components to level-shifted channels.

    Args:
        color: The file's colour model.
        channels: 1 or 3.
        dtype: Of the result.
        device: Of the result.

    Returns:
        (channels, the leading components of the file that they need).
    """
    return torch.tensor(MIXING[color, channels], dtype=dtype, device=device)
