"""Resizing along one axis: the weights of ``torch.nn.functional.interpolate`` on floating-point images."""

import functools
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .banded_matrix import BandedMatrix

__all__ = ["Interpolation", "interpolation_name", "resampling"]

Interpolation: TypeAlias = Literal["bilinear", "bicubic"]
"""The supported filters."""

# Pillow's numbers, which torchvision also takes.
_NUMBERS: Final = {2: "bilinear", 3: "bicubic"}


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


# Half-width at scale 1, and the filter: a = −½ with antialiasing, as in Pillow; −¾ without, as in OpenCV.
_SMOOTH: Final[dict[str, tuple[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]]]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, functools.partial(_cubic, a=-0.5)),
}


def interpolation_name(value: object) -> Interpolation:
    """Normalise the name of a filter.

    Args:
        value: 'bilinear', 'bicubic', ``torchvision.transforms.InterpolationMode`` or Pillow's number for them.

    Returns:
        'bilinear' or 'bicubic'.

    Raises:
        ValueError: If it is another filter, which is not linear or not implemented.
    """
    name = getattr(value, "value", value)
    name = _NUMBERS.get(name, name) if isinstance(name, int) else name
    if name == "bilinear":
        return "bilinear"
    if name == "bicubic":
        return "bicubic"
    raise ValueError(f"interpolation must be 'bilinear' or 'bicubic', got {value!r}")


@functools.lru_cache(maxsize=1024)
def resampling(size: int, out: int, interpolation: Interpolation = "bilinear", antialias: bool = True) -> BandedMatrix:
    """Build the matrix that resizes one axis.

    Output o has its centre at s·(o + ½), s = size/out. With antialiasing, its weights are the values of the filter,
    stretched by max(s, 1), at the inputs' centres, divided by their sum; inputs outside the image have no weight.
    Without, the filter is not stretched, and inputs outside the image have the value at its edge.

    Args:
        size: Number of input samples.
        out: Number of output samples.
        interpolation: 'bilinear' or 'bicubic'.
        antialias: Whether to widen the filter if the image is made smaller.

    Returns:
        The matrix (out, size); the identity if the two are equal, as in torchvision.

    Raises:
        ValueError: If a size is less than 1.
    """
    if size < 1 or out < 1:
        raise ValueError(f"an axis of {size} samples cannot be resized to {out}: both must be at least 1")
    if size == out:
        # Either filter is 1 at 0 and 0 at every other whole number.
        return BandedMatrix.identity(size)
    scale = size / out
    centres: NDArray[np.float64] = scale * (np.arange(out, dtype=np.float64) + 0.5)
    if not antialias:
        return _unsmoothed(size, centres - 0.5, interpolation)
    half, kernel = _SMOOTH[interpolation]
    stretch = max(scale, 1.0)
    first = np.maximum((centres - half * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + half * stretch + 0.5).astype(np.int64), size)
    taps = int((last - first).max())
    starts = np.minimum(first, size - taps)
    places = starts[:, None] + np.arange(taps)
    weights = kernel((places + 0.5 - centres[:, None]) / stretch)
    weights *= (places >= first[:, None]) & (places < last[:, None])
    return BandedMatrix(size, starts.astype(np.int32), weights / weights.sum(1, keepdims=True))


def _unsmoothed(size: int, positions: NDArray[np.float64], interpolation: Interpolation) -> BandedMatrix:
    """Interpolate at positions between samples; samples beyond an edge equal the one at the edge."""
    if interpolation == "bilinear":
        positions = np.maximum(positions, 0)
    below = np.floor(positions).astype(np.int64)
    reach = np.arange(0, 2) if interpolation == "bilinear" else np.arange(-1, 3)
    places = below[:, None] + reach
    distances = positions[:, None] - places
    weights = _triangle(distances) if interpolation == "bilinear" else _cubic(distances, a=-0.75)
    return BandedMatrix.banded(size, np.clip(places, 0, size - 1), weights)
