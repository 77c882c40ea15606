"""The affine map from a batch's components to normalised channels, as coefficients or as pixels.

It is evaluated in three ways: by the compiled renderer (`cpu`), by matrices (`matrices`) for what this does not
support, and on the file's own grid (`whole`) for images without a preprocess.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.colour import BLACK, INKS, Target, mixing
from jpegdomain.data import Group, JpegBatch
from jpegdomain.functional import affine, encode
from jpegdomain.geometry import Extent
from jpegdomain.preprocess.separable_map import Erasure

from .arrived import render_tensors
from .cpu import render
from .erasing import erase
from .in_graph import sealed_pixels, stays_in_graph
from .matrices import constant_term, mapped
from .mixing import mixed_activation, mixed_pixels
from .whole import Components, whole_coefficients, whole_pixels

__all__ = ["can_render", "to_activation", "to_pixels"]


def to_activation(
    batch: JpegBatch | Components, target: Target, scale: Tensor | None = None, shift: Tensor | None = None
) -> Activation:
    """Map components to channels, scale·(colour matrix · mapped components + 128) + shift, in the transform domain.

    Grayscale files give three equal channels of RGB, like Pillow's ``convert("RGB")``, or Cb and Cr of 128, the value
    for no colour. Y, Cb and Cr are levels 0…255, like R, G and B: a shift of −128 gives JPEG's level-shifted samples.

    CMYK and YCCK files first become R, G and B by a product (`jpegdomain.colour.from_inks`), so the map from their
    components is not affine. R, G and B are then mapped and mixed like those of an RGB file.

    Args:
        batch: A batch of images of one extent, or of preprocessed images; samplings and colour models may differ. Or
            the dequantised components of images of one kind.
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.

    Returns:
        The activation, with the batch's extent, order, dtype and device.
    """
    if isinstance(batch, JpegBatch) and batch.mixtures:
        return mixed_activation(to_activation(batch.unmixed(), target, scale, shift), batch.mixtures)
    if isinstance(batch, JpegBatch) and stays_in_graph(batch, scale, shift):
        return encode(sealed_pixels(batch, target, scale, shift, False))
    if isinstance(batch, JpegBatch) and can_render(batch, scale, shift):
        return encode(_rendered(batch, target, scale, shift))
    return Activation(_by_tensors(batch, target, scale, shift, transform=True), batch.extent)


def to_pixels(
    batch: JpegBatch | Components,
    target: Target,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    *,
    channels_last: bool = False,
) -> Tensor:
    """Map components to channels, scale·(colour matrix · mapped components + 128) + shift, as pixels.

    The same function as `to_activation`, without the transform.

    Args:
        batch: As for `to_activation`.
        target: 'luma', 'rgb' or 'ycbcr'.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.
        channels_last: Whether the result is channels-last in memory, which is fastest for convolutions.

    Returns:
        (n, channels, height, width), with the batch's order, dtype and device.
    """
    if isinstance(batch, JpegBatch) and batch.mixtures:
        return _in_order(mixed_pixels(to_pixels(batch.unmixed(), target, scale, shift), batch.mixtures), channels_last)
    if isinstance(batch, JpegBatch) and stays_in_graph(batch, scale, shift):
        return sealed_pixels(batch, target, scale, shift, channels_last)
    if isinstance(batch, JpegBatch) and can_render(batch, scale, shift):
        return _rendered(batch, target, scale, shift, channels_last)
    return _in_order(_by_tensors(batch, target, scale, shift, transform=False), channels_last)


def _in_order(pixels: Tensor, channels_last: bool) -> Tensor:
    return pixels.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def can_render(batch: JpegBatch, scale: Tensor | None, shift: Tensor | None) -> bool:
    """Whether the compiled renderer supports a batch: on the CPU, float32 or less, no gradients of scale or shift."""
    if batch.dtype == torch.float64:
        return False
    if batch.records is None:
        if batch.device.type != "cpu" or type(batch.quantised) is not Tensor:
            return False
        # Tensors that torch.compile can take into its graph stay there.
        if torch.compiler.is_compiling() and not _several(batch):
            return False
    return not (torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (scale, shift)))


def _several(batch: JpegBatch) -> bool:
    """Whether positions and sizes differ from batch to batch: torch.compile would make a graph for each."""
    return batch.preprocessed or len(batch.groups) > 1


# Records are not part of a graph: torch.compile calls this function, and continues after it.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def _rendered(
    batch: JpegBatch, target: Target, scale: Tensor | None, shift: Tensor | None, channels_last: bool = False
) -> Tensor:
    """Pixels by the compiled renderer; those of CMYK and YCCK, which it does not support, by tensors."""
    channels = len(BLACK[target])
    parts = _by_inks(batch)
    if len(parts) > 1:
        order = torch.channels_last if channels_last else torch.contiguous_format
        result = torch.empty((len(batch), channels, *batch.extent), dtype=batch.dtype, memory_format=order)
        for positions, part, _ in parts:
            result[positions] = _rendered(part, target, scale, shift, channels_last)
        return result
    ((_, _, inks),) = parts
    if inks:
        return _in_order(_by_tensors(batch, target, scale, shift, transform=False), channels_last)
    factors = [1.0] * channels if scale is None else scale.tolist()
    offsets = [0.0] * channels if shift is None else shift.tolist()
    threads = torch.get_num_threads()
    if batch.records is None:
        given = batch.groups, len(batch), batch.extent, target, factors, offsets
        pixels = render_tensors(*given, channels_last=channels_last, threads=threads)
    else:
        records = batch.records.images, batch.records.geometries
        pixels = render(*records, target, factors, offsets, channels_last=channels_last, threads=threads)
    erase(pixels, _erased(batch), target, scale, shift)
    return pixels.to(batch.dtype)


def _erased(batch: JpegBatch) -> list[tuple[Erasure, ...]]:
    """The rectangles that a preprocess erases in each image, in the batch's order; empty if there are none at all."""
    if batch.records is not None:
        erased = [geometry.map.erased for geometry in batch.records.geometries or ()]
        return erased if any(erased) else []
    pairs = [pair for group in batch.groups if group.erased for pair in zip(group.images, group.erased, strict=True)]
    rectangles = dict(pairs)
    return [rectangles.get(position, ()) for position in range(len(batch))] if pairs else []


def _by_inks(batch: JpegBatch) -> list[tuple[list[int], JpegBatch, bool]]:
    """Divide a batch into parts with and without CMYK and YCCK files: positions in ascending order, images, kind."""
    extent, dtype, records = batch.extent, batch.dtype, batch.records
    if records is None:
        kinds = {group.color in INKS for group in batch.groups}
        if len(kinds) == 1:
            return [([], batch, kinds.pop())]
        assert batch.memory is not None
        split = zip(batch.groups, batch.memory.split(), strict=True)
        return [(sorted(of.images), JpegBatch(extent, dtype, None, own), of.color in INKS) for of, own in split]
    inks = sorted(one for kind in records.images.kinds() if kind.first.color in INKS for one in kind.positions)
    if not inks or len(inks) == len(batch):
        return [([], batch, bool(inks))]
    others = sorted({*range(len(batch))} - {*inks})
    return [(some, JpegBatch(extent, dtype, records.take(some)), some is inks) for some in (inks, others)]


def _by_tensors(
    batch: JpegBatch | Components, target: Target, scale: Tensor | None, shift: Tensor | None, *, transform: bool
) -> Tensor:
    """Coefficients or pixels by torch operations."""
    if torch.compiler.is_compiling() and isinstance(batch, JpegBatch) and _several(batch):
        return _outside(batch, target, scale, shift, transform=transform)
    # Sums of 64 products need more digits than half precision has.
    dtype, wide = batch.dtype, torch.promote_types(batch.dtype, torch.float32)
    ones = torch.ones(len(BLACK[target]), dtype=wide, device=batch.device)
    factors = ones if scale is None else scale.to(wide)
    offsets = 0 * ones if shift is None else shift.to(wide)
    with _without_autocast(batch.device):
        if isinstance(batch, Components):
            return _whole(batch, target, factors, offsets, transform).to(dtype)
        batch = batch if dtype == wide else batch.to(wide)
        parts = [_channels(group, batch, target, factors, offsets, transform) for group in batch.groups]
    result = parts[0] if len(parts) == 1 else torch.cat(parts)
    order = [position for group in batch.groups for position in group.images]
    if order != sorted(order):
        result = result.index_select(0, torch.tensor(order, device=batch.device).argsort())
    return result.to(dtype)


# Positions and sizes differ from batch to batch if images do: torch.compile would make a graph for each.
_outside = torch.compiler.disable(_by_tensors)


def _channels(group: Group, batch: JpegBatch, target: Target, scale: Tensor, shift: Tensor, transform: bool) -> Tensor:
    """One group's images, in its order."""
    matrix = mixing(group.color, target, scale.dtype, scale.device)
    if not batch.preprocessed:
        return _whole(Components.of(group, batch.extent, matrix.shape[1]), target, scale, shift, transform)
    if group.erased and transform:
        # An exact island J∘f∘J̃: erasing a rectangle of pixels has no closed form on coefficients.
        return encode(_channels(group, batch, target, scale, shift, transform=False)).coefficients
    if group.colors is not None:
        to_rgb, from_rgb = (
            mixing(*kind, scale.dtype, scale.device) for kind in ((group.color, "rgb"), ("rgb", target))
        )
        matrix = from_rgb @ group.colors.to(scale.dtype) @ to_rgb
    planes = mapped(group, matrix.shape[-1], transform=transform)
    constants = constant_term(group, target, scale.dtype, transform=transform)
    level = 128.0 if constants is None else torch.tensor(BLACK[target], dtype=scale.dtype, device=scale.device)
    result = _mixed(matrix, planes, scale, level * scale + shift, batch.extent, transform, constants)
    erase(result, group.erased, target, scale, shift)
    return result


def _whole(components: Components, target: Target, scale: Tensor, shift: Tensor, transform: bool) -> Tensor:
    """Images of one kind without a preprocess."""
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
    """scale·(matrix · planes + constants) + level; one matrix for all images, or one for each."""
    one = "ck" if matrix.dim() == 2 else "nck"
    mixed = torch.einsum(f"{one},nkhw->nchw", matrix * scale[:, None], planes)
    if constants is not None:
        mixed = mixed + constants * scale.view(-1, 1, 1)
    return affine(mixed, extent, None, level) if transform else mixed + level.view(-1, 1, 1)


def _without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """Disable autocast, whose half precision is meant for the layers that follow."""
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
