"""From the records of files to a batch: `collate`, and `Collate` for data loaders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.codec.messages import RE_ENCODE, message
from jpegdomain.colour import INKS, MIXING
from jpegdomain.errors import ExtentMismatchError, InputError, JpegFileError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import Compose, Transform
from jpegdomain.preprocess.component_map import UPRIGHT, turn_of
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .batch import FileReport, JpegBatch
from .labelling import collate_labels
from .planes import Records
from .skipping import Item, Items, batch_of_most

__all__ = ["Collate", "Loaded", "by_extent", "check_color", "collate"]

Loaded: TypeAlias = tuple[JpegBatch, Any]
"""A batch and its labels."""


def by_extent(images: Sequence[JpegImage]) -> dict[Extent, list[int]]:
    """The positions of the images of each extent, in order of first appearance: each extent can be a batch."""
    positions: dict[Extent, list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.extent, []).append(position)
    return positions


def collate(
    images: Sequence[JpegImage],
    *,
    preprocess: Transform | None = None,
    orient: bool = False,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> JpegBatch:
    """Make a batch of quantised coefficients, grouped by colour model and sampling.

    Without a preprocess the images have one extent, which is the batch's. With one they may have any: their maps to the
    common extent are computed here, where random numbers are drawn. Nothing is copied or dequantised yet: on the CPU
    the entry of a network reads the records themselves; when moved to another device or process the batch takes only
    the blocks that its output needs, in one block of memory.

    CMYK and YCCK files can be used like RGB files: they are R, G and B as Pillow's ``convert("RGB")`` and torchvision's
    ``mode="RGB"`` make them, R = C·K/255 (`jpegdomain.colour.from_inks`), in floating point. This product is not
    linear, so that such an image is first decoded to pixels of its full size; a preprocess and the transform follow,
    exact in the same sense as for other files. It costs as much as decoding the whole image, whatever a crop or
    ``low_frequencies`` would need, without the compiled renderer. It does not slow down the others of its batch.

    Args:
        images: One or more. Tables, colour models and sampling may differ.
        preprocess: A transform of `jpegdomain.preprocess`, from images to one extent.
        orient: Turn images upright first, by their EXIF orientation, which is ignored by default, as in torchvision's
            ``decode_jpeg``.
        generator: Of the preprocess's random numbers; torch's global one if None.
        dtype: The floating-point type that the images enter the network in.
        device: Where the batch goes; the CPU if None.

    Returns:
        The batch.

    Raises:
        InputError: If there are no images, `dtype` is not a floating-point type, `preprocess` is not a transform, or an
            image was read with fewer frequencies than it needs.
        UnsupportedJpegError: If an image has two components, or sampling factors that are not whole multiples.
        ExtentMismatchError: If the extents differ, or differ after the preprocess.
    """
    if not images:
        raise InputError("collate needs at least one image, got none")
    if not dtype.is_floating_point:
        raise InputError(f"a batch enters a network in a floating-point type, got {dtype}")
    for image in images:
        check_color(image)
        # It raises if sampling factors are not whole multiples.
        _ = image.upsampling
    if preprocess is None and orient and any(image.orientation != 1 for image in images):
        preprocess = Compose([])
    if preprocess is None:
        _check_extents(images)
        return JpegBatch(images[0].extent, dtype, Records(tuple(images), None)).to(device)
    if not isinstance(preprocess, Transform):
        raise InputError(
            f"preprocess is a jpegdomain.preprocess transform, got {type(preprocess).__qualname__}: "
            "jpegdomain.preprocess.from_torchvision reads torchvision's"
        )
    turns = [turn_of(image.orientation) if orient else UPRIGHT for image in images]
    geometries = [
        ImageGeometry.of(image, preprocess, turn, generator) for image, turn in zip(images, turns, strict=True)
    ]
    images = [geometry.requantized(image) for image, geometry in zip(images, geometries, strict=True)]
    return JpegBatch(_common_extent(geometries), dtype, Records(tuple(images), tuple(geometries))).to(device)


def _check_extents(images: Sequence[JpegImage]) -> None:
    """Raise unless the images have one extent and whole blocks."""
    extents = by_extent(images)
    if len(extents) > 1:
        listed = "; ".join(
            f"{extent}: {len(positions)} ({images[positions[0]].source})" for extent, positions in extents.items()
        )
        raise ExtentMismatchError(
            f"a batch holds images of one size, these {len(images)} have {len(extents)} "
            f"(height×width: images, first of them): {listed}; give collate a preprocess, or each list of "
            "jpegdomain.data.by_extent by itself"
        )
    for image in images:
        if image.keep < BLOCK:
            raise InputError(f"{image.source}: a batch holds whole blocks, this image was read with keep={image.keep}")


def _common_extent(geometries: Sequence[ImageGeometry]) -> Extent:
    extents = {geometry.map.extent for geometry in geometries}
    if len(extents) > 1:
        raise ExtentMismatchError(
            f"the preprocess gives images of {len(extents)} sizes ({', '.join(sorted(map(str, extents)))}): end it "
            "with CenterCrop, RandomResizedCrop or Resize((height, width))"
        )
    return extents.pop()


def check_color(image: JpegImage) -> None:
    """Raise `UnsupportedJpegError` unless the image is grayscale, YCbCr, RGB, CMYK or YCCK."""
    if image.color not in MIXING["rgb"] and image.color not in INKS:
        raise UnsupportedJpegError(
            message(
                image.source,
                f"{len(image.components)} components ({image.color}) make no batch: a network's entry is for "
                "grayscale, YCbCr, RGB, CMYK and YCCK",
                advice=RE_ENCODE,
            )
        )


@dataclass(frozen=True)
class Collate:
    """Makes (`JpegBatch`, labels) of items (`JpegImage`, label): a ``collate_fn`` for ``torch.utils.data.DataLoader``.

    The batch holds the records until it leaves the process: a worker sends a copy of the int16 coefficients that the
    batch needs. They become floats where the network runs.

    In torch's own loader a random preprocess draws from torch's global generator, which each worker seeds for itself:
    the same numbers need the same number of workers. `jpegdomain.loader` draws the same ones with any number.

    Of a data set with ``on_error="skip"`` the files that cannot be part of a batch are left out: two components, too
    small for a crop, or without a preprocess another size than most of their batch. `JpegBatch.reports` names them, and
    those that could not be read, in this process and from workers. A batch that lost all its files gets the next usable
    file of the data set, so that no batch of torch's loader is empty and all processes have equally many.

    Labels that hold ``torchvision.tv_tensors``, boxes, keypoints or masks, take the steps that their images take
    (`jpegdomain.preprocess.follow`). Those with boxes or keypoints are not stacked: they come as a list.

    Args:
        preprocess: A transform of `jpegdomain.preprocess`; with one, images of any sizes and samplings make a batch.
        dtype: The floating-point type that the images enter the network in.
        orient: Turn images upright first, by their EXIF orientation.
    """

    preprocess: Transform | None = None
    dtype: torch.dtype = torch.float32
    orient: bool = False

    def __call__(self, items: Sequence[Item], generator: torch.Generator | None = None) -> Loaded:
        """Make a batch.

        Args:
            items: One or more; none if a `JpegDataset` left all of them out.
            generator: Of a random preprocess; torch's global one if None.

        Returns:
            The images, and their labels by ``torch.utils.data.default_collate``: numbers as a tensor.

        Raises:
            InputError: If there are no items.
            JpegFileError: If all were left out, and the data set has no usable file.
        """
        if not items and not isinstance(items, Items):
            raise InputError("Collate makes a batch of one item or more, got none")
        loaded, reports = self.some(items, generator)
        if loaded is None and isinstance(items, Items):
            for others in items.others():
                loaded, _ = self.some(others, generator)
                if loaded is not None:
                    reports.append(_stand_in(others))
                    break
        if loaded is None:
            raise JpegFileError(f"no file of this data set can be used; {reports[0].reason}")
        batch, labels = loaded
        return batch.reporting(reports), labels

    def some(
        self, items: Sequence[Item], generator: torch.Generator | None = None
    ) -> tuple[Loaded | None, list[FileReport]]:
        """Make a batch of the usable items: None if there are none; and the reports on the files."""
        make = partial(collate, preprocess=self.preprocess, orient=self.orient, generator=generator, dtype=self.dtype)
        if not items:
            return None, items.reports if isinstance(items, Items) else []
        if not isinstance(items, Items):
            return _loaded(make([image for image, _ in items]), items), []
        if not items.skip:
            return _loaded(make([image for image, _ in items]), items), items.reports
        batch, kept, reports = batch_of_most(items, items.positions, make)
        return None if batch is None else _loaded(batch, kept), [*items.reports, *reports]


def _stand_in(items: Items) -> FileReport:
    (image, _), (position,) = items[0], items.positions
    return FileReport(position, image.source, "stands in for a batch whose files were all left out", False)


def _loaded(batch: JpegBatch, items: Sequence[Item]) -> Loaded:
    return batch, collate_labels([label for _, label in items], batch)
