"""Dropout on coefficients."""

import torch.nn.functional as F

from .maps import Maps, island

__all__ = ["dropout"]


def dropout(input: Maps, p: float = 0.5, training: bool = True) -> Maps:
    """Drop pixels, J∘(mask)∘J̃, as ``torch.nn.functional.dropout``; the map itself outside training."""
    return island(input, lambda pixels: F.dropout(pixels, p, training)) if training else input
