"""Mix the images of a batch in pairs, once they are pixels or dequantised coefficients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.data.batch import Mixture
from jpegdomain.functional import decode, encode

__all__ = ["mixed_activation", "mixed_pixels"]


# Shares and rectangles differ from batch to batch: torch.compile would make a graph for each.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def mixed_pixels(pixels: Tensor, mixtures: Sequence[Mixture]) -> Tensor:
    """Mix each image of (n, channels, h, w) with the preceding one."""
    for one in mixtures:
        before = pixels.roll(1, 0)
        if one.box is None:
            pixels = torch.lerp(before, pixels, one.share)
        else:
            (top, bottom), (left, right) = one.box
            pixels = pixels.clone()
            pixels[..., top:bottom, left:right] = before[..., top:bottom, left:right]
    return pixels


@torch.compiler.disable  # type: ignore[untyped-decorator]
def mixed_activation(x: Activation, mixtures: Sequence[Mixture]) -> Activation:
    """The same for activations: linear on coefficients, except for a rectangle, which is pasted exactly as J∘f∘J̃."""
    for one in mixtures:
        if one.box is None:
            x = Activation(mixed_pixels(x.coefficients, [one]), x.extent)
        else:
            x = encode(mixed_pixels(decode(x), [one]))
    return x
