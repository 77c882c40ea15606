"""The protocol of a transform backend: J, J̃ and the mask between them."""

import math
from typing import NamedTuple, Protocol, TypeAlias

from torch import Tensor

from jpegdomain.geometry import Extent

__all__ = ["Backend", "Clamp", "Frequencies", "Mask", "check_frequencies"]

Frequencies: TypeAlias = int | Tensor
"""A number of spatial frequencies, 1…15, or a tensor without axes that holds one."""


class Clamp(NamedTuple):
    """A function that is the identity inside (low, high) and constant outside: ReLU, ReLU6, Hardtanh, Threshold.

    Args:
        low: Up to here it is constant,
        high: and from here on;
        below: the value there,
        above: and here.
    """

    low: float = -math.inf
    high: float = math.inf
    below: float = -math.inf
    above: float = math.inf


class Mask(NamedTuple):
    """Where a clamp's pieces lie: each pixel's is chosen by the lowest frequencies of `source`.

    Without a source, the clamp is applied to the lowest frequencies of the value itself. No gradient flows into the
    source: the borders between the pieces have none.
    """

    source: Tensor | None
    clamp: Clamp
    frequencies: int


class Backend(Protocol):
    """One way to run the transforms on (n, c, h, w) pixels and (n, c, 8X, 8Y) coefficients in place.

    Pixels outside an extent are zero in all that comes out. `inplace` allows a backend to write over what it is given;
    it has no effect while gradients are recorded.
    """

    def supports(self, *tensors: Tensor) -> bool:
        """Return whether the backend can run on tensors as they are, here and now."""

    def forward(self, pixels: Tensor, *, inplace: bool = False) -> Tensor:
        """Apply J, I'_{αβ} = Σ d_{αm} d_{βn} I_{mn} on every tile (eq. 5)."""

    def inverse(self, coefficients: Tensor, extent: Extent, frequencies: int = 15, *, inplace: bool = False) -> Tensor:
        """Apply J̃ to the coefficients with α+β < frequencies (eq. 10)."""

    def masked(self, value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:
        """Apply J∘clamp∘J̃ with the pieces of a mask (eq. 20)."""


def check_frequencies(frequencies: Frequencies) -> None:
    """Raise ValueError unless 1 ≤ frequencies ≤ 15; a tensor is not read."""
    # Reading a tensor would wait for the device, and is impossible under vmap.
    if not isinstance(frequencies, Tensor) and not 1 <= frequencies <= 15:
        raise ValueError(f"frequencies is 1…15, got {frequencies}")
