"""`collate`: makes a batch from the records of files."""

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
    """The positions of the images with each extent, in order of first appearance: each list can be a batch."""
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

    Without a preprocess the images must have one extent, which is the batch's. With one they may have any: their maps
    to the common extent are computed here, and random numbers drawn. Nothing is copied or dequantised yet. On the CPU
    the network's entry reads the records themselves; a batch that is moved to another device or process takes only the
    blocks that its output needs, in one block of memory.

    CMYK and YCCK files can be used like RGB files: they become R, G and B as with Pillow's ``convert("RGB")`` and
    torchvision's ``mode="RGB"``, R = C·K/255 (`jpegdomain.colour.from_inks`), but in floating point. This product is
    not linear, so such an image is first decoded to pixels at its full size. A preprocess and the transform follow,
    exact in the same sense as for other files. This costs as much as decoding the whole image, even if a crop or
    ``low_frequencies`` needs less, and does not use the compiled renderer. It does not slow down the rest of the batch.

    Args:
        images: One or more. Tables, colour models and sampling may differ. Of images that have not been read yet, items
            of a data set with indexes, only the parts that the preprocess needs are read.
        preprocess: Maps images to one extent: a transform of `jpegdomain.preprocess`, or a pipeline of torchvision,
            timm or Hugging Face (`preprocess.recipe_of`). Its mean and std must be those of the network's entry, which
            checks them against `JpegBatch.normalisation`.
        orient: Turn images upright first, by their EXIF orientation, which is ignored by default, as in torchvision's
            ``decode_jpeg``.
        generator: The generator for the preprocess's random numbers; torch's global one if None.
        dtype: The floating-point type that the images have in the network.
        device: The batch's device; the CPU if None.

    Returns:
        The batch.

    Raises:
        InputError: If there are no images, `dtype` is not a floating-point type, `preprocess` cannot be read, or an
            image was read with fewer frequencies than needed.
        UnsupportedJpegError: If an image has two components, has sampling factors that are not whole multiples, or was
            not a JPEG file.
        ExtentMismatchError: If the extents differ, or differ after the preprocess.
    """
    if not images:
        raise InputError("collate needs at least one image, got none")
    if not dtype.is_floating_point:
        raise InputError(f"dtype must be a floating-point type, got {dtype}")
    for image in images if not isinstance(images, Images) else ():
        if isinstance(image, PixelImage):
            raise UnsupportedJpegError(
                f"{image.source}: not a JPEG file, so it has no coefficients: use jpegdomain.read_pixels or "
                "PixelCollate"
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
    """Make a batch of images some of which have not been read yet."""
    for image in images:
        # Images that have not been read were checked when they were indexed.
        if isinstance(image, JpegImage):
            _check(image)
    placed = [_placed(image, recipe.transform, orient, generator) for image in images]
    geometries = tuple(geometry for _, geometry in placed)
    given = Images.of([geometry.requantized(record) for record, geometry in placed])
    return JpegBatch(_common_extent(geometries), dtype, Records(given, geometries)).normalised_by(recipe.normalisation)


def _placed(
    image: JpegImage | UnreadImage, transform: Transform, orient: bool, generator: torch.Generator | None
) -> tuple[JpegImage, ImageGeometry]:
    """Draw an image's geometry; if the image has not been read yet, read the parts that this needs."""
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
        # The file has been replaced in the meantime.
        return _placed(record, transform, orient, generator)
    return record, ImageGeometry.by_map(record, image_map, transform, turn)


def _geometries(
    images: Images, transform: Transform, orient: bool, generator: torch.Generator | None
) -> tuple[ImageGeometry, ...]:
    """Each image's geometry: the same for images of one kind, unless it is drawn at random or depends on the image."""

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
            f"images in a batch must have one size, these {len(images)} have {len(extents)} "
            f"(height×width: number of images, the first one): {listed}; give collate a preprocess, or make a batch "
            "of each list from jpegdomain.data.by_extent"
        )
    for kind in images.kinds():
        image = kind.first
        if image.keep < BLOCK:
            raise InputError(
                f"{image.source}: a batch needs whole blocks, but this image was read with keep={image.keep}"
            )


def _common_extent(geometries: Sequence[ImageGeometry]) -> Extent:
    different = {id(geometry): geometry for geometry in geometries}
    extents = {geometry.map.extent for geometry in different.values()}
    if len(extents) > 1:
        raise ExtentMismatchError(
            f"images have {len(extents)} sizes after the preprocess ({', '.join(sorted(map(str, extents)))}): end it "
            "with CenterCrop, RandomResizedCrop or Resize((height, width))"
        )
    return extents.pop()


def _check(image: JpegImage) -> None:
    """Raise `UnsupportedJpegError` unless the image can be part of a batch."""
    check_color(image)
    # Raises if sampling factors are not whole multiples.
    _ = image.upsampling


def check_color(image: JpegImage) -> None:
    """Raise `UnsupportedJpegError` unless the image is grayscale, YCbCr, RGB, CMYK or YCCK."""
    if image.color not in MIXING["rgb"] and image.color not in INKS:
        raise UnsupportedJpegError(
            message(
                image.source,
                f"{len(image.components)} components ({image.color}) cannot be put in a batch, which takes grayscale, "
                "YCbCr, RGB, CMYK and YCCK",
                advice=RE_ENCODE,
            )
        )
