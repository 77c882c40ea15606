"""What layers that take any order of axes ask of their input."""

from typing import Any

from jpegdomain.functional import Maps
from jpegdomain.rearranged import Rearranged

from .base import Layer

__all__ = ["feature_map"]


def feature_map(layer: Layer, x: Any) -> Maps:
    """Refuse what is no feature map in the transform domain.

    Args:
        layer: That is called, for the message.
        x: Its input.

    Returns:
        The input.

    Raises:
        InputError: If it is neither an `Activation` nor a `Rearranged`.
    """
    return x if isinstance(x, Rearranged) else layer._activation(x)
