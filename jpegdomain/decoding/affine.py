"""The affine map from a batch's planes to normalised channels, as coefficients or as pixels."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.colour import BLACK, INKS, Target, mixing
from jpegdomain.data import Group, JpegBatch
from jpegdomain.functional import affine, encode
from jpegdomain.geometry import Extent

from .cpu import can_render, rendered
from .matrices import filled, placed
from .whole import Components, whole_coefficients, whole_pixels

__all__ = ["to_activation", "to_pixels"]


def to_activation(
    batch: JpegBatch | Components, target: Target, scale: Tensor | None = None, shift: Tensor | None = None
) -> Activation:
    """Map component planes to channels, scale·(colour matrix · placed planes + 128) + shift, in the transform domain.

    Grayscale files give three equal channels of RGB, as Pillow's ``convert("RGB")``, and a Cb and Cr of 128, which is
    where JPEG has no colour. All three of Y, Cb and Cr are levels 0…255 as R, G and B are: a shift of −128 makes them
    JPEG's own level-shifted samples.

    CMYK and YCCK files are R, G and B first, by a product (`jpegdomain.colour.from_inks`): those are placed and mixed
    as an RGB file's are, and the map from their components is not affine.

    Args:
        batch: Of images of one extent, or placed by a preprocess; samplings and colour models may differ. Or the
            dequantised components of images of one kind.
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.

    Returns:
        The activation of the batch's extent, in the batch's order, dtype and device.
    """
    if isinstance(batch, JpegBatch) and can_render(batch, scale, shift):
        return encode(_rendered(batch, target, scale, shift))
    return Activation(_first(batch, target, scale, shift, transform=True), batch.extent)


def to_pixels(
    batch: JpegBatch | Components,
    target: Target,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    *,
    channels_last: bool = False,
) -> Tensor:
    """Map component planes to channels, scale·(colour matrix · placed planes + 128) + shift, as pixels.

    The same function as `to_activation`, without the transform.

    Args:
        batch: As there.
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.
        channels_last: Whether the result is channels-last in memory, as convolutions read it fastest.

    Returns:
        (n, channels, height, width), in the batch's order, dtype and device.
    """
    if isinstance(batch, JpegBatch) and can_render(batch, scale, shift):
        return _rendered(batch, target, scale, shift, channels_last)
    pixels = _first(batch, target, scale, shift, transform=False)
    return pixels.contiguous(memory_format=torch.channels_last) if channels_last else pixels


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _rendered(
    batch: JpegBatch, target: Target, scale: Tensor | None, shift: Tensor | None, channels_last: bool = False
) -> Tensor:
    """Pixels by the compiled renderer; those of CMYK and YCCK, which it does not take, by tensors."""
    assert batch.records is not None
    inks = [position for position, image in enumerate(batch.records.images) if image.color in INKS]
    if not inks:
        return rendered(batch, target, scale, shift, channels_last)
    order = torch.channels_last if channels_last else torch.contiguous_format
    if len(inks) == len(batch):
        return _first(batch, target, scale, shift, transform=False).contiguous(memory_format=order)
    others = sorted({*range(len(batch))} - {*inks})
    shape = (len(batch), len(BLACK[target]), *batch.extent)
    result = torch.empty(shape, dtype=batch.dtype, memory_format=order)
    result[inks] = _first(_some(batch, inks), target, scale, shift, transform=False)
    result[others] = rendered(_some(batch, others), target, scale, shift, channels_last)
    return result


def _some(batch: JpegBatch, positions: Sequence[int]) -> JpegBatch:
    """Some images of a batch that has its records."""
    assert batch.records is not None
    return JpegBatch(batch.extent, batch.dtype, batch.records.take(positions))


def _first(
    batch: JpegBatch | Components, target: Target, scale: Tensor | None, shift: Tensor | None, *, transform: bool
) -> Tensor:
    if torch.compiler.is_compiling() and isinstance(batch, JpegBatch) and (batch.preprocessed or len(batch.groups) > 1):
        return _outside(batch, target, scale, shift, transform=transform)
    # Level-shifted sums of 64 products need more digits than half precision has.
    dtype, wide = batch.dtype, torch.promote_types(batch.dtype, torch.float32)
    ones = torch.ones(len(BLACK[target]), dtype=wide, device=batch.device)
    factors = ones if scale is None else scale.to(wide)
    offsets = 0 * ones if shift is None else shift.to(wide)
    with _own_dtype(batch.device):
        if isinstance(batch, Components):
            return _whole(batch, target, factors, offsets, transform).to(dtype)
        batch = batch if dtype == wide else batch.to(wide)
        parts = [_channels(group, batch, target, factors, offsets, transform) for group in batch.groups]
    result = parts[0] if len(parts) == 1 else torch.cat(parts)
    order = [position for group in batch.groups for position in group.images]
    if order != sorted(order):
        result = result.index_select(0, torch.tensor(order, device=batch.device).argsort())
    return result.to(dtype)


# Positions and sizes differ from batch to batch where images do: torch.compile would make a graph of each.
_outside = torch.compiler.disable(_first)


def _channels(group: Group, batch: JpegBatch, target: Target, scale: Tensor, shift: Tensor, transform: bool) -> Tensor:
    """One group's images, in its order."""
    matrix = mixing(group.color, target, scale.dtype, scale.device)
    if not batch.preprocessed:
        return _whole(Components.of(group, batch.extent, matrix.shape[1]), target, scale, shift, transform)
    planes = placed(group, matrix.shape[1], transform=transform)
    constants = filled(group, target, scale.dtype, transform=transform)
    if constants is None:
        return _mixed(matrix, planes, scale, 128 * scale + shift, batch.extent, transform)
    black = torch.tensor(BLACK[target], dtype=scale.dtype, device=scale.device)
    return _mixed(matrix, planes, scale, black * scale + shift, batch.extent, transform, constants)


def _whole(components: Components, target: Target, scale: Tensor, shift: Tensor, transform: bool) -> Tensor:
    """Images of one kind that no preprocess has placed."""
    matrix = mixing(components.color, target, scale.dtype, scale.device)
    planes = (whole_coefficients if transform else whole_pixels)(components, matrix.shape[1])
    return _mixed(matrix, planes, scale, 128 * scale + shift, components.extent, transform)


def _mixed(
    matrix: Tensor,
    planes: Tensor,
    scale: Tensor,
    level: Tensor,
    extent: Extent,
    transform: bool,
    constants: Tensor | None = None,
) -> Tensor:
    """scale·(matrix · planes + constants) + level."""
    mixed = torch.einsum("ck,nkhw->nchw", matrix * scale[:, None], planes)
    if constants is not None:
        mixed = mixed + constants * scale.view(-1, 1, 1)
    return affine(mixed, extent, None, level) if transform else mixed + level.view(-1, 1, 1)


def _own_dtype(device: torch.device) -> AbstractContextManager[None]:
    """Keep autocast out: half precision is for what comes after."""
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
