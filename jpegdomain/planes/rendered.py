"""Batches that lie on the CPU as records: straight to pixels by the compiled renderer."""

import torch
from torch import Tensor

from jpegdomain.batch import JpegBatch
from jpegdomain.colour import BLACK, Target
from jpegdomain.preprocess.render import render

__all__ = ["can_render", "rendered"]


def can_render(batch: JpegBatch, scale: Tensor | None, shift: Tensor | None) -> bool:
    """Tell whether the compiled renderer takes a batch: it computes in float32, and nothing differentiates it.

    Args:
        batch: Any.
        scale: Of the channels.
        shift: Of the channels.

    Returns:
        Whether the batch has its records, enters the network in float32 or less, and nobody asks for gradients of
        scale or shift.
    """
    if batch.records is None or batch.dtype == torch.float64:
        return False
    return not (torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (scale, shift)))


# What reads files' records is no part of a graph: torch.compile calls it, and goes on after it.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def rendered(
    batch: JpegBatch, target: Target, scale: Tensor | None, shift: Tensor | None, channels_last: bool = False
) -> Tensor:
    """Give normalised pixels.

    Args:
        batch: That `can_render` takes.
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.
        channels_last: Whether the result is channels-last in memory.

    Returns:
        (n, channels, height, width) in the batch's dtype.
    """
    assert batch.records is not None
    channels = len(BLACK[target])
    factors = [1.0] * channels if scale is None else scale.tolist()
    offsets = [0.0] * channels if shift is None else shift.tolist()
    images, places = batch.records.images, batch.records.places
    threads = torch.get_num_threads()
    pixels = render(images, places, target, factors, offsets, channels_last=channels_last, threads=threads)
    return pixels.to(batch.dtype)
