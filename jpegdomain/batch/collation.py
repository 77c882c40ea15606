"""`collate`: from the records of files to a batch."""

from collections.abc import Sequence

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.codec.messages import RE_ENCODE, message
from jpegdomain.colour import INKS, MIXING
from jpegdomain.errors import ExtentMismatchError, InputError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.preprocess import Compose, Transform
from jpegdomain.preprocess.parts import UPRIGHT, turn_of
from jpegdomain.preprocess.place import Place, place

from .batch import JpegBatch
from .records import Records

__all__ = ["by_extent", "check_color", "collate"]


def by_extent(images: Sequence[JpegImage]) -> dict[Extent, list[int]]:
    """Sort images by size, so that each size can be a batch.

    Args:
        images: Any images.

    Returns:
        For every extent, in order of first appearance, the positions of its images.
    """
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

    Without a preprocess the images have one extent, which is the batch's. With one they may have any: each is given its
    place here, where random numbers are drawn. Nothing is copied or dequantised yet: on the CPU the entry of a network
    reads the records themselves; on its way to another device or process the batch takes the blocks that its output
    needs along, in one piece of memory.

    CMYK and YCCK files go wherever RGB files go: they are R, G and B as Pillow's ``convert("RGB")`` and torchvision's
    ``mode="RGB"`` make them, R = C·K/255 (`jpegdomain.colour.from_inks`), in floating point. This product is not
    linear, so that such an image becomes pixels of its full size before anything else is done with it; a preprocess and
    the transform follow, exact in the same sense as for other files. It costs what decoding the whole image costs: all
    of its blocks and frequencies, whatever a crop or ``low_frequencies`` would need, and the compiled renderer does not
    take it. The others of its batch are as fast as without it.

    Args:
        images: One or more. Tables, colour models and sampling may differ.
        preprocess: A transform of `jpegdomain.preprocess`, from images to one extent.
        orient: Whether images are turned upright first, by their EXIF orientation. As in torchvision's
            ``decode_jpeg``, it is not looked at unless asked for.
        generator: Of the preprocess's random numbers; torch's global one if None.
        dtype: The floating-point type that the images enter the network in.
        device: Where the batch is to be; the CPU if not given.

    Returns:
        The batch.

    Raises:
        InputError: If there are no images, `dtype` is no floating-point type, `preprocess` is no transform, or an image
            was read with fewer frequencies than it needs.
        UnsupportedJpegError: If an image has two components, or sampling factors that are no whole multiples.
        ExtentMismatchError: If the extents differ, or the preprocess does not make them alike.
    """
    if not images:
        raise InputError("collate needs at least one image, got none")
    if not dtype.is_floating_point:
        raise InputError(f"a batch enters a network in a floating-point type, got {dtype}")
    for image in images:
        check_color(image)
        # It raises where factors are no whole numbers of pixels.
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
    places = [place(image, preprocess, turn, generator) for image, turn in zip(images, turns, strict=True)]
    return JpegBatch(_common_extent(places), dtype, Records(tuple(images), tuple(places))).to(device)


def _check_extents(images: Sequence[JpegImage]) -> None:
    """Refuse images that do not go together as they are."""
    extents = by_extent(images)
    if len(extents) > 1:
        listed = "; ".join(
            f"{extent}: {len(positions)} ({images[positions[0]].source})" for extent, positions in extents.items()
        )
        raise ExtentMismatchError(
            f"a batch holds images of one size, these {len(images)} have {len(extents)} "
            f"(height×width: images, first of them): {listed}; give collate a preprocess, or each list of "
            "jpegdomain.batch.by_extent by itself"
        )
    for image in images:
        if image.keep < BLOCK:
            raise InputError(f"{image.source}: a batch holds whole blocks, this image was read with keep={image.keep}")


def _common_extent(places: Sequence[Place]) -> Extent:
    extents = {place.placement.extent for place in places}
    if len(extents) > 1:
        raise ExtentMismatchError(
            f"the preprocess gives images of {len(extents)} sizes ({', '.join(sorted(map(str, extents)))}): end it "
            "with CenterCrop, RandomResizedCrop or Resize((height, width))"
        )
    return extents.pop()


def check_color(image: JpegImage) -> None:
    """Refuse images whose components are no known colours.

    Args:
        image: Any.

    Raises:
        UnsupportedJpegError: If it is neither grayscale, nor YCbCr, RGB, CMYK or YCCK.
    """
    if image.color not in MIXING["rgb"] and image.color not in INKS:
        raise UnsupportedJpegError(
            message(
                image.source,
                f"{len(image.components)} components ({image.color}) make no batch: a network's entry is for "
                "grayscale, YCbCr, RGB, CMYK and YCCK",
                advice=RE_ENCODE,
            )
        )
