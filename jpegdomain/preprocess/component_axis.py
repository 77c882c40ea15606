"""One axis of a component: from its samples, or its blocks' frequencies, to a map's output pixels.

The same matrices show how many frequencies of each block a resized image needs. A map A of a component's samples,
applied after the inverse DCT J̃, passes each block's frequency α to the output with the gain

    g(α) = ‖(A·J̃)_α‖ / ‖(A·J̃)_0‖,

the Frobenius norms of its columns for that frequency and for DC. A filter that makes the image s times smaller passes
what is below about 1/s cycles per sample. Frequency α is α/16 cycles per sample, so g falls off at α ≈ 8/s, and is
negligible from 16/s on. The low-frequency option drops all frequencies, from some m on along both axes, whose gain is
small; the result is exactly the preprocess of the image without them. `jpegdomain.preprocess.low_frequency_bound`
bounds the change for each image. Measured on 31 photographs resized to 32…256 pixels and one of 12 megapixels, where
frequencies are dropped, the change is 0.14 levels of 255 on average over pixels and images, 0.56 for the worst image.
"""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jpegdomain.geometry import BLOCK, Extent, block_count
from jpegdomain.theory.tensors import dct_matrix

from .banded_matrix import BandedMatrix

__all__ = [
    "LARGEST_GAIN",
    "LARGEST_GAIN_SUBSAMPLED",
    "TRIANGLE",
    "from_frequencies",
    "from_samples",
    "gains",
    "needed",
    "takes_triangle",
    "upsampling",
]

TRIANGLE: Final = (0.75, 0.25)
"""Libjpeg's filter for a factor of 2: the weights of the nearest and the second nearest sample."""

LARGEST_GAIN: Final = 0.1
"""The low-frequency option drops frequencies whose gain is at most this."""

LARGEST_GAIN_SUBSAMPLED: Final = 0.25
"""The same for components with fewer samples than pixels: subsampled chroma, which has little at high frequencies."""


def takes_triangle(extent: Extent, factors: tuple[int, int]) -> bool:
    """Return which filter libjpeg-turbo upsamples a component with by default.

    Args:
        extent: The component's own height and width in samples.
        factors: (vertical, horizontal) pixels per sample.

    Returns:
        Whether a factor of 2 uses the triangle filter (¾, ¼) with replicated edges. This is so if the other factor is
        1 or 2 and, if the width is doubled, the component is more than 2 samples wide. All other factors repeat
        samples.
    """
    return factors in {(1, 2), (2, 1), (2, 2)} and (factors[1] == 1 or extent.width > 2)


@functools.lru_cache(maxsize=1024)
def upsampling(samples: int, factor: int, triangle: bool, size: int) -> BandedMatrix:
    """The matrix (size, samples) from a component's samples to the image's pixels; size ≤ factor·samples."""
    pixels = np.arange(size)
    nearest = pixels // factor
    if factor != 2 or not triangle:
        return BandedMatrix(samples, nearest.astype(np.int32), np.ones((size, 1)))
    next_nearest = np.clip(nearest + np.where(pixels % 2, 1, -1), 0, samples - 1)
    indices = np.stack([nearest, next_nearest], 1)
    return BandedMatrix.banded(samples, indices, np.broadcast_to(TRIANGLE, indices.shape))


def from_samples(pixels: BandedMatrix, samples: int, factor: int, triangle: bool) -> BandedMatrix:
    """Compose a map of the image's pixels with the upsampling of a component's `samples`."""
    return pixels if factor == 1 else pixels @ upsampling(samples, factor, triangle, pixels.size)


def from_frequencies(samples: BandedMatrix, keep: int = BLOCK) -> BandedMatrix:
    """Compose a map of a component's samples with the inverse DCT.

    The input is the axis of whole blocks with the `keep` lowest frequencies each: index keep·X + α is frequency α of
    block X. Since x[8X + s] = Σ_α d[α, s]·c[8X + α], the map's weights on a block's samples are multiplied by dᵀ; those
    of frequencies from `keep` on are dropped. Nothing else changes.

    Args:
        samples: The map of a component's samples.
        keep: m, 1…8.

    Returns:
        The matrix (samples.out, keep·⌈size/8⌉); every band begins at a block's first frequency.
    """
    blocks = block_count(samples.size)
    first = samples.starts // BLOCK
    reach = int(((samples.starts + samples.taps - 1) // BLOCK - first).max()) + 1
    first = np.minimum(first, blocks - reach)
    weights = np.zeros((samples.out, BLOCK * reach))
    places = (samples.starts - BLOCK * first)[:, None] + np.arange(samples.taps)
    np.put_along_axis(weights, places, samples.weights, axis=1)
    spectrum = weights.reshape(samples.out, reach, BLOCK) @ dct_matrix().numpy().T
    kept = np.ascontiguousarray(spectrum[:, :, :keep]).reshape(samples.out, keep * reach)
    return BandedMatrix(keep * blocks, (keep * first).astype(np.int32), kept)


def gains(samples: BandedMatrix) -> NDArray[np.float64]:
    """(8,): the gain of each frequency of a block in a map of samples; g(0) = 1; all zero if the map reads nothing."""
    weights = from_frequencies(samples).weights
    norms: NDArray[np.float64] = np.sqrt(np.square(weights.reshape(-1, BLOCK)).sum(0))
    return norms / norms[0] if norms[0] else np.eye(1, BLOCK)[0]


def needed(samples: BandedMatrix, largest_gain: float) -> int:
    """The smallest m, 1…8, such that the gain of every frequency from m on is at most `largest_gain`."""
    return int(np.flatnonzero(gains(samples) > largest_gain)[-1]) + 1
