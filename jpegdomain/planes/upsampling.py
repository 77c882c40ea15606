"""libjpeg's upsampling of whole components."""

import torch
from torch import Tensor

from jpegdomain.geometry import Extent
from jpegdomain.preprocess.component import takes_triangle

__all__ = ["upsample"]


def _triangle(samples: Tensor, axis: int) -> Tensor:
    """Double one axis: each output lies a quarter step from its nearest input, ¾ of which it takes."""
    size = samples.shape[axis]
    first, last = samples.narrow(axis, 0, 1), samples.narrow(axis, size - 1, 1)
    before = torch.cat([first, samples.narrow(axis, 0, size - 1)], axis)
    after = torch.cat([samples.narrow(axis, 1, size - 1), last], axis)
    pair = torch.stack([0.75 * samples + 0.25 * before, 0.75 * samples + 0.25 * after], axis + 1)
    return pair.flatten(axis, axis + 1)


def upsample(samples: Tensor, factors: tuple[int, int]) -> Tensor:
    """Upsample a component as libjpeg-turbo does by default ("fancy upsampling"), without its rounding.

    A factor of 2 takes the triangle filter (¾, ¼) with replicated edges, if the other factor is 1 or 2 and, where the
    width is doubled, the component is more than 2 samples wide. Every other factor repeats samples.

    Args:
        samples: (n, c, h, w) the component's own samples, no padding of its blocks.
        factors: Vertical and horizontal, at least 1.

    Returns:
        (n, c, h·vertical, w·horizontal).
    """
    fancy = takes_triangle(Extent(*samples.shape[2:]), factors)
    for axis, factor in zip((2, 3), factors, strict=True):
        if factor == 2 and fancy:
            samples = _triangle(samples, axis)
        elif factor > 1:
            samples = samples.repeat_interleave(factor, axis)
    return samples
