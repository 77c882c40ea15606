"""From a map of the image's pixels to one of a component: its samples, or its blocks' frequencies."""

import functools

import numpy as np

from jpegdomain.geometry import BLOCK, Extent, block_count
from jpegdomain.theory.tensors import dct_matrix

from .axis import AxisMap

__all__ = ["from_frequencies", "from_samples", "takes_triangle", "upsampling"]


def takes_triangle(extent: Extent, factors: tuple[int, int]) -> bool:
    """Tell which filter libjpeg-turbo upsamples a component with by default.

    Args:
        extent: The component's own height and width in samples.
        factors: (vertical, horizontal) pixels per sample.

    Returns:
        Whether a factor of 2 takes the triangle filter (¾, ¼) with replicated edges: where the other factor is 1 or 2
        and, if the width is doubled, the component is more than 2 samples wide. Every other factor repeats samples.
    """
    return factors in {(1, 2), (2, 1), (2, 2)} and (factors[1] == 1 or extent.width > 2)


@functools.lru_cache(maxsize=1024)
def upsampling(samples: int, factor: int, triangle: bool, size: int) -> AxisMap:
    """Give the map from a component's samples to the image's pixels along one axis.

    Args:
        samples: Of the component.
        factor: Pixels per sample.
        triangle: Whether a factor of 2 takes the triangle filter (`takes_triangle`).
        size: Pixels of the image, at most factor·samples: what is beyond is cut.

    Returns:
        samples → size.
    """
    pixels = np.arange(size)
    nearest = pixels // factor
    if factor != 2 or not triangle:
        return AxisMap(samples, nearest.astype(np.int32), np.ones((size, 1)))
    next_nearest = np.clip(nearest + np.where(pixels % 2, 1, -1), 0, samples - 1)
    indices = np.stack([nearest, next_nearest], 1)
    return AxisMap.banded(samples, indices, np.broadcast_to([0.75, 0.25], indices.shape))


def from_samples(pixels: AxisMap, samples: int, factor: int, triangle: bool) -> AxisMap:
    """Put a component's upsampling in front of a map of the image's pixels.

    Args:
        pixels: The map of the image's pixels along an axis.
        samples: Of the component along this axis.
        factor: Pixels per sample.
        triangle: Whether a factor of 2 takes the triangle filter (`takes_triangle`).

    Returns:
        samples → pixels.out.
    """
    if factor == 1:
        return pixels
    return pixels.after(upsampling(samples, factor, triangle, pixels.size))


def from_frequencies(samples: AxisMap, keep: int = BLOCK) -> AxisMap:
    """Put the inverse DCT in front of a map of a component's samples.

    The input is the axis of whole blocks, each its `keep` lowest frequencies: keep·X + α for frequency α of block X.
    With x[8X + s] = Σ_α d[α, s]·c[8X + α] the map's weights on a block's samples are multiplied by dᵀ; those on
    frequencies from `keep` on are dropped. Nothing else changes.

    Args:
        samples: The map of a component's samples.
        keep: m, 1…8.

    Returns:
        keep·⌈size/8⌉ → samples.out; every band begins at a block's first frequency.
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
    return AxisMap(keep * blocks, (keep * first).astype(np.int32), kept)
