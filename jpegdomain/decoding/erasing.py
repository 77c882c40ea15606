"""Erase the rectangles of finished pixels that a preprocess asks for."""

from collections.abc import Sequence

import torch
from torch import Tensor

from jpegdomain.colour import BLACK, Target, mixing
from jpegdomain.preprocess.separable_map import Erasure

__all__ = ["erase"]


def erase(
    pixels: Tensor,
    erased: Sequence[Sequence[Erasure]],
    target: Target,
    scale: Tensor | None,
    shift: Tensor | None,
) -> None:
    """Write each image's rectangles into its pixels: scale·(channels of the levels) + shift.

    Args:
        pixels: (n, channels, h, w).
        erased: Each image's rectangles; empty if there are none at all.
        target: The channels' names, as for `to_pixels`.
        scale: As for `to_pixels`.
        shift: As for `to_pixels`.
    """
    for position, rectangles in enumerate(erased):
        for one in rectangles:
            image = pixels[position]
            levels = torch.from_numpy(one.levels).to(image)
            matrix = mixing("rgb", target, image.dtype, image.device)
            black = torch.tensor(BLACK[target], dtype=image.dtype, device=image.device)
            values = torch.einsum("ck,khw->chw", matrix, levels) + black[:, None, None]
            if scale is not None:
                values = values * scale.to(image)[:, None, None]
            if shift is not None:
                values = values + shift.to(image)[:, None, None]
            image[:, one.top : one.top + one.height, one.left : one.left + one.width] = values
