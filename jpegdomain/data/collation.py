"""`collate`: makes a batch from the records of files."""

from collections.abc import Sequence

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.codec.messages import RE_ENCODE, message
from jpegdomain.colour import INKS, MIXING
from jpegdomain.errors import ExtentMismatchError, InputError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import Compose, recipe_of
from jpegdomain.preprocess.component_map import UPRIGHT, turn_of
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .batch import JpegBatch
from .other_formats import PixelImage
from .planes import Records

__all__ = ["by_extent", "check_color", "collate"]


def by_extent(images: Sequence[JpegImage]) -> dict[Extent, list[int]]:
    """The positions of the images with each extent, in order of first appearance: each list can be a batch."""
    positions: dict[Extent, list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.extent, []).append(position)
    return positions


def collate(
    images: Sequence[JpegImage],
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
        images: One or more. Tables, colour models and sampling may differ.
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
    for image in images:
        if isinstance(image, PixelImage):
            raise UnsupportedJpegError(
                f"{image.source}: not a JPEG file, so it has no coefficients: use jpegdomain.read_pixels or "
                "PixelCollate"
            )
        check_color(image)
        # Raises if sampling factors are not whole multiples.
        _ = image.upsampling
    recipe = None if preprocess is None else recipe_of(preprocess)
    if recipe is None and orient and any(image.orientation != 1 for image in images):
        recipe = recipe_of(Compose([]))
    if recipe is None:
        _check_extents(images)
        return JpegBatch(images[0].extent, dtype, Records(tuple(images), None)).to(device)
    turns = [turn_of(image.orientation) if orient else UPRIGHT for image in images]
    geometries = [
        ImageGeometry.of(image, recipe.transform, turn, generator) for image, turn in zip(images, turns, strict=True)
    ]
    taken = tuple(geometry.requantized(image) for image, geometry in zip(images, geometries, strict=True))
    batch = JpegBatch(_common_extent(geometries), dtype, Records(taken, tuple(geometries)))
    return batch.normalised_by(recipe.normalisation).to(device)


def _check_extents(images: Sequence[JpegImage]) -> None:
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
    for image in images:
        if image.keep < BLOCK:
            raise InputError(
                f"{image.source}: a batch needs whole blocks, but this image was read with keep={image.keep}"
            )


def _common_extent(geometries: Sequence[ImageGeometry]) -> Extent:
    extents = {geometry.map.extent for geometry in geometries}
    if len(extents) > 1:
        raise ExtentMismatchError(
            f"images have {len(extents)} sizes after the preprocess ({', '.join(sorted(map(str, extents)))}): end it "
            "with CenterCrop, RandomResizedCrop or Resize((height, width))"
        )
    return extents.pop()


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
