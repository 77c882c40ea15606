"""Batches of JPEG files and others: the same preprocess, on coefficients for the former, on levels for the latter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.codec.images import Images
from jpegdomain.data import JpegBatch, UnreadImage, collate
from jpegdomain.data.other_formats import PixelImage
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import SeparableMap, recipe_of
from jpegdomain.preprocess.colour_map import MeanFill
from jpegdomain.preprocess.component_map import UPRIGHT, turn_of
from jpegdomain.preprocess.separable_map import Erasure

from .affine import to_pixels
from .erasing import erase

__all__ = ["MixedBatch", "collate_mixed", "mixed_pixels"]


@dataclass(frozen=True)
class MixedBatch:
    """Images some or all of which were not JPEG files.

    Attributes:
        extent: Height and width of every image after the preprocess.
        count: Number of images.
        jpegs: The JPEG files; None if there are none.
        positions: The positions of the other images in the batch.
        images: The other images.
        own: What the preprocess does to the other images.
    """

    extent: Extent
    count: int
    jpegs: JpegBatch | None
    positions: tuple[int, ...]
    images: tuple[PixelImage, ...]
    own: tuple[SeparableMap, ...]

    def __len__(self) -> int:
        return self.count

    @property
    def maps(self) -> tuple[SeparableMap, ...]:
        """What the preprocess does to each image, like `JpegBatch.maps`."""
        made = dict(zip(self.positions, self.own, strict=True))
        rest = iter(() if self.jpegs is None else self.jpegs.maps)
        return tuple(made[place] if place in made else next(rest) for place in range(self.count))


def collate_mixed(
    images: Sequence[JpegImage | PixelImage | UnreadImage],
    *,
    preprocess: object,
    orient: bool,
    generator: torch.Generator | None,
    dtype: torch.dtype,
) -> JpegBatch | MixedBatch:
    """Make a batch from images of any format, like `collate`; a random preprocess draws for JPEG files first."""
    if isinstance(images, Images):
        return collate(images, preprocess=preprocess, orient=orient, generator=generator, dtype=dtype)
    jpegs = [image for image in images if not isinstance(image, PixelImage)]
    others = [(position, image) for position, image in enumerate(images) if isinstance(image, PixelImage)]
    batch = (
        collate(jpegs, preprocess=preprocess, orient=orient, generator=generator, dtype=dtype)
        if jpegs or not others
        else None
    )
    if not others:
        assert batch is not None
        return batch
    transform = None if preprocess is None else recipe_of(preprocess).transform
    maps = []
    turns = [turn_of(image.orientation) if orient else UPRIGHT for _, image in others]
    others = [
        (position, replace(image, levels=image.levels.mT) if turn.transpose else image)
        for (position, image), turn in zip(others, turns, strict=True)
    ]
    for (_, image), turn in zip(others, turns, strict=True):
        upright = turn.map(image.extent)
        try:
            one = upright if transform is None else transform.place(upright, generator)
        except ValueError as error:
            raise ExtentMismatchError(f"{image.source}, {image.extent}: {error}") from error
        if one.tables:
            raise InputError(
                f"{image.source}: not a JPEG file, so it has no quantisation to change: leave Requantize out"
            )
        maps.append(one)
    extents = {one.extent for one in maps} | ({batch.extent} if batch is not None else set())
    if len(extents) > 1:
        sizes = ", ".join(sorted(map(str, extents)))
        raise ExtentMismatchError(
            f"images in a batch must have one size, these have {sizes}: give a preprocess that ends with one size"
        )
    positions, pictures = zip(*others, strict=True)
    return MixedBatch(extents.pop(), len(images), batch, positions, pictures, tuple(maps))


def mixed_pixels(batch: MixedBatch, scale: Tensor, shift: Tensor, dtype: torch.dtype, *, channels_last: bool) -> Tensor:
    """Map levels to scale·levels + shift: (n, 3, h, w), in the batch's order."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    result = torch.empty((batch.count, 3, *batch.extent), dtype=dtype).to(memory_format=order)
    wide = torch.promote_types(dtype, torch.float32)
    factor, offset = (values.to(wide).view(3, 1, 1) for values in (scale, shift))
    for position, image, one in zip(batch.positions, batch.images, batch.own, strict=True):
        result[position] = factor * _mapped(image.levels.to(wide), one) + offset
    erased: list[tuple[Erasure, ...]] = [()] * batch.count
    for position, one in zip(batch.positions, batch.own, strict=True):
        erased[position] = one.erased
    erase(result, erased, "rgb", scale, shift)
    if batch.jpegs is not None:
        rest = sorted({*range(batch.count)} - {*batch.positions})
        result[rest] = to_pixels(batch.jpegs, "rgb", scale, shift)
    return result


def _mapped(levels: Tensor, one: SeparableMap) -> Tensor:
    """A_h·x·A_wᵀ, the colours and the fills."""
    source = levels.mT if one.transposed else levels
    rows, columns = (_numbers(axis.dense(), levels) for axis in (one.rows, one.columns))
    result = rows @ source @ columns.T
    if one.colors is not None:
        result = torch.einsum("ck,khw->chw", _numbers(one.colors, levels), result)
    for fill in one.fills:
        colour = torch.tensor(fill.levels, dtype=levels.dtype).expand(3)
        if isinstance(fill, MeanFill):
            row, column = (_numbers(axis.dense()[0], levels) for axis in (fill.row, fill.column))
            colour = colour * (torch.tensor(fill.weights, dtype=levels.dtype) @ (row @ source @ column))
        result = result + colour.view(3, 1, 1) * torch.outer(
            _numbers(fill.rows, levels), _numbers(fill.columns, levels)
        )
    return result


def _numbers(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.dtype)
