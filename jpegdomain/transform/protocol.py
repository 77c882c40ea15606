"""The protocol of a transform backend: J, J̃ and the mask between them."""

import math
from typing import NamedTuple, Protocol, TypeAlias

from torch import Tensor

from jpegdomain.geometry import Extent

__all__ = ["Backend", "Clamp", "Frequencies", "Mask", "check_frequencies"]

Frequencies: TypeAlias = int | Tensor
"""A number of spatial frequencies, 1…15, or a 0-d tensor with such a number."""


class Clamp(NamedTuple):
    """A function that is the identity inside (low, high) and constant outside: ReLU, ReLU6, Hardtanh, Threshold.

    Args:
        low: Up to this value, the function is constant.
        high: From this value on, the function is constant.
        below: The function's value up to `low`.
        above: The function's value from `high` on.
    """

    low: float = -math.inf
    high: float = math.inf
    below: float = -math.inf
    above: float = math.inf


class Mask(NamedTuple):
    """How a clamp's piece is chosen for each pixel: by the lowest frequencies of `source`.

    Without a source, the clamp is applied to the lowest frequencies of the value itself. No gradient flows into the
    source: the choice of a piece has none.
    """

    source: Tensor | None
    clamp: Clamp
    frequencies: int


class Backend(Protocol):
    """One way to run the transforms on (n, c, h, w) pixels and (n, c, 8X, 8Y) coefficients in place.

    Pixels outside an extent are zero in every result. `inplace` allows a backend to overwrite its argument; it is
    ignored while gradients are recorded.
    """

    def supports(self, *tensors: Tensor) -> bool:
        """Return whether the backend can run on these tensors in the current mode."""

    def forward(self, pixels: Tensor, *, inplace: bool = False) -> Tensor:
        """Apply J, I'_{αβ} = Σ d_{αm} d_{βn} I_{mn} on every tile (eq. 5)."""

    def inverse(self, coefficients: Tensor, extent: Extent, frequencies: int = 15, *, inplace: bool = False) -> Tensor:
        """Apply J̃ to the coefficients with α+β < frequencies (eq. 10)."""

    def masked(self, value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:
        """Apply J∘clamp∘J̃ with the pieces of a mask (eq. 20)."""


def check_frequencies(frequencies: Frequencies) -> None:
    """Raise ValueError unless 1 ≤ frequencies ≤ 15; a tensor is not read."""
    # Reading a tensor would synchronise with its device, and is impossible under vmap.
    if not isinstance(frequencies, Tensor) and not 1 <= frequencies <= 15:
        raise ValueError(f"frequencies must be 1…15, got {frequencies}")
