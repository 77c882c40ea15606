"""From the records of files to a batch: `collate`."""

from collections.abc import Sequence
from typing import Any, cast

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.codec.images import Images
from jpegdomain.codec.messages import RE_ENCODE, message
from jpegdomain.colour import INKS, MIXING
from jpegdomain.errors import ExtentMismatchError, InputError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import Compose, Transform, recipe_of
from jpegdomain.preprocess.component_map import UPRIGHT, turn_of
from jpegdomain.preprocess.image_geometry import ImageGeometry, drawn_map
from jpegdomain.preprocess.recipe import Recipe

from .batch import JpegBatch
from .indexes import UnreadImage, known_of
from .other_formats import PixelImage
from .planes import Records

__all__ = ["by_extent", "check_color", "collate"]


def by_extent(images: Sequence[JpegImage]) -> dict[Extent, list[int]]:
    """The positions of the images of each extent, in order of first appearance: each extent can be a batch."""
    positions: dict[Extent, list[int]] = {}
    for kind in Images.of(images).kinds():
        positions.setdefault(kind.first.extent, []).extend(kind.positions)
    return {extent: sorted(own) for extent, own in positions.items()}


def collate(
    images: Sequence[JpegImage | UnreadImage],
    *,
    preprocess: object = None,
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
        images: One or more. Tables, colour models and sampling may differ. Of those that are still unread, items of a
            data set with indexes, only what the preprocess needs is read.
        preprocess: From images to one extent: a transform of `jpegdomain.preprocess`, or a pipeline of torchvision,
            timm or Hugging Face (`preprocess.recipe_of`). Its mean and std are those of the network's entry, which
            `JpegBatch.normalisation` has it check.
        orient: Turn images upright first, by their EXIF orientation, which is ignored by default, as in torchvision's
            ``decode_jpeg``.
        generator: Of the preprocess's random numbers; torch's global one if None.
        dtype: The floating-point type that the images enter the network in.
        device: Where the batch goes; the CPU if None.

    Returns:
        The batch.

    Raises:
        InputError: If there are no images, `dtype` is not a floating-point type, `preprocess` cannot be read, or an
            image was read with fewer frequencies than it needs.
        UnsupportedJpegError: If an image has two components, sampling factors that are not whole multiples, or was no
            JPEG file.
        ExtentMismatchError: If the extents differ, or differ after the preprocess.
    """
    if not images:
        raise InputError("collate needs at least one image, got none")
    if not dtype.is_floating_point:
        raise InputError(f"a batch enters a network in a floating-point type, got {dtype}")
    for image in images if not isinstance(images, Images) else ():
        if isinstance(image, PixelImage):
            raise UnsupportedJpegError(
                f"{image.source}: no JPEG file, so it has no coefficients: jpegdomain.read_pixels and PixelCollate "
                "take it"
            )
    recipe = None if preprocess is None else recipe_of(preprocess)
    unread = not isinstance(images, Images) and any(isinstance(image, UnreadImage) for image in images)
    if unread and recipe is not None:
        return _of_unread(images, recipe, orient, generator, dtype).to(device)
    records = [image.read() if isinstance(image, UnreadImage) else image for image in images] if unread else images
    given = Images.of(cast(Sequence[JpegImage], records))
    kinds = given.kinds(orient=orient)
    for kind in kinds:
        _check(kind.first)
    if recipe is None and orient and any(kind.first.orientation != 1 for kind in kinds):
        recipe = recipe_of(Compose([]))
    if recipe is None:
        _check_extents(given)
        return JpegBatch(kinds[0].first.extent, dtype, Records(given, None)).to(device)
    geometries = _geometries(given, recipe.transform, orient, generator)
    if any(geometry.map.tables for geometry in geometries):
        given = Images.of([own.requantized(image) for image, own in zip(given, geometries, strict=True)])
    batch = JpegBatch(_common_extent(geometries), dtype, Records(given, geometries))
    return batch.normalised_by(recipe.normalisation).to(device)


def _of_unread(
    images: Sequence[JpegImage | UnreadImage],
    recipe: Recipe,
    orient: bool,
    generator: torch.Generator | None,
    dtype: torch.dtype,
) -> JpegBatch:
    """Make a batch of images of which some are unread."""
    for image in images:
        # What is unread was looked at when it was indexed.
        if isinstance(image, JpegImage):
            _check(image)
    placed = [_placed(image, recipe.transform, orient, generator) for image in images]
    geometries = tuple(geometry for _, geometry in placed)
    given = Images.of([geometry.requantized(record) for record, geometry in placed])
    return JpegBatch(_common_extent(geometries), dtype, Records(given, geometries)).normalised_by(recipe.normalisation)


def _placed(
    image: JpegImage | UnreadImage, transform: Transform, orient: bool, generator: torch.Generator | None
) -> tuple[JpegImage, ImageGeometry]:
    """Draw what becomes of an image; then read what that needs, if it is unread."""
    known = known_of(image)
    turn = turn_of(known.orientation) if orient else UPRIGHT
    image_map = drawn_map(known, transform, turn, generator)
    if isinstance(image, JpegImage):
        return image, ImageGeometry.by_map(image, image_map, transform, turn)
    if image_map.known:
        geometry = ImageGeometry.by_map(image.file, image_map, transform, turn)
        part = image.read_for(geometry)
        if part is not None:
            return part, geometry.within(part)
    record = image.read()
    if record.extent != known.extent or record.orientation != known.orientation:
        # Another file has taken its place in the meantime.
        return _placed(record, transform, orient, generator)
    return record, ImageGeometry.by_map(record, image_map, transform, turn)


def _geometries(
    images: Images, transform: Transform, orient: bool, generator: torch.Generator | None
) -> tuple[ImageGeometry, ...]:
    """Each image's geometry: of those of a kind the same, unless it is drawn at random or depends on the image."""

    def of(image: JpegImage) -> ImageGeometry:
        turn = turn_of(image.orientation) if orient else UPRIGHT
        return ImageGeometry.of(image, transform, turn, generator)

    if transform.random:
        return tuple(map(of, images))
    geometries: list[Any] = [None] * len(images)
    for kind in images.kinds(orient=orient):
        own = of(kind.first)
        for position in kind.positions:
            geometries[position] = of(images[position]) if own.passing else own
    return tuple(geometries)


def _check_extents(images: Images) -> None:
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
    for kind in images.kinds():
        image = kind.first
        if image.keep < BLOCK:
            raise InputError(f"{image.source}: a batch holds whole blocks, this image was read with keep={image.keep}")


def _common_extent(geometries: Sequence[ImageGeometry]) -> Extent:
    different = {id(geometry): geometry for geometry in geometries}
    extents = {geometry.map.extent for geometry in different.values()}
    if len(extents) > 1:
        raise ExtentMismatchError(
            f"the preprocess gives images of {len(extents)} sizes ({', '.join(sorted(map(str, extents)))}): end it "
            "with CenterCrop, RandomResizedCrop or Resize((height, width))"
        )
    return extents.pop()


def _check(image: JpegImage) -> None:
    """Raise `UnsupportedJpegError` unless the image can be part of a batch."""
    check_color(image)
    # It raises if sampling factors are not whole multiples.
    _ = image.upsampling


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
