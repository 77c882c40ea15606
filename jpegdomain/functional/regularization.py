"""Dropout on coefficients."""

from typing import Any

import torch.nn.functional as F

from jpegdomain.activation import Activation
from jpegdomain.table import implements

from .maps import alone, island

__all__ = ["dropout"]


def dropout(input: Activation, p: float = 0.5, training: bool = True) -> Activation:
    """Drop pixels, J∘(mask)∘J̃, as ``torch.nn.functional.dropout``; the map itself outside training."""
    return island(input, lambda pixels: F.dropout(pixels, p, training)) if training else input


def _is_off(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, train: bool = False) -> bool:  # noqa: ARG001
    """Whether a dropout does nothing, as whose result torch gives its argument itself."""
    return alone(input) and not (training or train)


@implements(
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout), accepts=_is_off
)
def _itself(input: Activation, *_args: Any, **_kwargs: Any) -> Activation:
    return input
