"""Decoding as one operation of a compiled graph, for batches whose images differ in size, sampling or map."""

from typing import Any, cast

import torch
from torch import Tensor

from jpegdomain.colour import Target
from jpegdomain.data import JpegBatch
from jpegdomain.data.sealing import Sealed, unseal
from jpegdomain.geometry import Extent

__all__ = ["sealed_pixels", "stays_in_graph"]


def stays_in_graph(batch: object, scale: Tensor | None, shift: Tensor | None) -> bool:
    """Whether ``torch.compile`` is tracing, and a sealed batch can be decoded without gradients of scale or shift."""
    if not torch.compiler.is_compiling() or not isinstance(batch, JpegBatch) or batch.sealed is None:
        return False
    return not (torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (scale, shift)))


def sealed_pixels(
    batch: JpegBatch, target: Target, scale: Tensor | None, shift: Tensor | None, channels_last: bool
) -> Tensor:
    """`affine.to_pixels` of a sealed batch."""
    sealed = cast(Sealed, batch.sealed)
    channels = 1 if target == "luma" else 3
    factors = torch.ones(channels, dtype=torch.float64) if scale is None else scale
    offsets = torch.zeros(channels, dtype=torch.float64) if shift is None else shift
    height, width = batch.extent
    tensors = sealed.quantised, sealed.block, sealed.header, sealed.images
    return _decode(*tensors, factors, offsets, height, width, target, batch.dtype, channels_last)


@torch.library.custom_op("jpegdomain::decode", mutates_args=())
def _decode(
    quantised: Tensor,
    block: Tensor,
    header: Tensor,
    images: Tensor,
    scale: Tensor,
    shift: Tensor,
    height: int,
    width: int,
    target: str,
    dtype: torch.dtype,
    channels_last: bool,
) -> Tensor:
    # Imported here, because that module imports this one.
    from .affine import to_pixels

    batch = JpegBatch(Extent(height, width), dtype, None, unseal(quantised, block, header))
    pixels = to_pixels(batch, cast(Target, target), scale, shift, channels_last=channels_last)
    assert len(pixels) == len(images)
    order = torch.channels_last if channels_last else torch.contiguous_format
    return pixels.contiguous(memory_format=order)


@_decode.register_fake
def _(*given: Any) -> Tensor:
    quantised, _, _, images, _, _, height, width, target, dtype, channels_last = given
    order = torch.channels_last if channels_last else torch.contiguous_format
    shape = images.shape[0], 1 if target == "luma" else 3, height, width
    return torch.empty(shape, dtype=dtype, device=quantised.device, memory_format=order)
