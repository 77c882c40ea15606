"""What a preprocess does to one image: the map of its pixels, and the maps of its components."""

import functools
from dataclasses import dataclass, replace

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.codec.indexed import IndexedFile
from jpegdomain.colour import INKS
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK

from .augmentation.quality import requantize
from .colour_map import resolved
from .component_map import UPRIGHT, ComponentMap, Turn, component_maps, composed, moved, region_around
from .frequency_budget import keep_for
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["ImageGeometry", "drawn_map"]


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """How one image becomes part of a batch.

    Attributes:
        map: The map from the upright image's pixels to the output's.
        turn: How to turn the image for the map: upright, or transposed from that if the map transposes it.
        components: The components' maps; empty for CMYK and YCCK, whose components are needed whole, since they become
            R, G and B before the map is applied.
        keep: m, the number of frequencies along each side of a block that are used.
        passing: Whether it was drawn at random or depends on the image, so that it will not be used again.
        offset: For the record of a region, where it begins in the image, (top, left); None for the record of the whole
            image.
    """

    map: SeparableMap
    turn: Turn
    components: tuple[ComponentMap, ...]
    keep: int
    passing: bool = False
    offset: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, image: JpegImage, preprocess: Transform, turn: Turn, generator: torch.Generator | None = None
    ) -> "ImageGeometry":
        """Apply a preprocess to an image's extent and sampling.

        Args:
            image: An image of any size.
            preprocess: The preprocess; its random numbers are drawn here.
            turn: How to turn the image upright first.
            generator: The generator for random numbers; torch's global one if None.

        Returns:
            The image's geometry.

        Raises:
            InputError: If the image was read with fewer frequencies than needed.
            ExtentMismatchError: If a step is impossible for an image of its size.
        """
        return cls.by_map(image, drawn_map(image, preprocess, turn, generator), preprocess, turn)

    @classmethod
    def by_map(
        cls, image: JpegImage | IndexedFile, image_map: SeparableMap, preprocess: Transform, turn: Turn
    ) -> "ImageGeometry":
        """Apply a drawn map to an image's sampling: see `of`.

        Args:
            image: A record; or a file whose data has not been read, if the map does not depend on it.
            image_map: The map from `drawn_map`.
            preprocess: The preprocess that drew it.
            turn: How to turn the image upright first.

        Returns:
            The image's geometry, for the record of the whole image.

        Raises:
            InputError: If the image was read with fewer frequencies than needed.
        """
        upright, turn = turn, turn.then(image_map)
        own = image_map
        if not image_map.known:
            assert isinstance(image, JpegImage)
            own = resolved(image_map, image, turn)
        passing, image_map = preprocess.random or own is not image_map, own
        components: tuple[ComponentMap, ...] = ()
        if image.color not in INKS:
            components = component_maps(image_map, image.extents, image.upsampling, turn, passing=passing)
        if not preprocess.low_frequencies:
            if image.keep < BLOCK:
                raise InputError(
                    f"{image.source}: this preprocess uses all frequencies, but the image was read with "
                    f"keep={image.keep}; read it without keep, or set low_frequencies=True in the preprocess"
                )
            return cls(image_map, turn, components, BLOCK, passing)
        least = keep_for(preprocess, image, orient=upright is not UPRIGHT)
        if image.keep < least:
            raise InputError(
                f"{image.source}: this preprocess uses {least}×{least} frequencies of an image of {image.extent}, but "
                f"it was read with keep={image.keep}; jpegdomain.preprocess.keep_for says how many to read"
            )
        keep = min(image.keep, max((part.keep for part in components), default=BLOCK))
        return cls(image_map, turn, components, keep, passing)

    def region(self, image: JpegImage | IndexedFile) -> tuple[int, int, int, int]:
        """The pixels of the image that are read: (top, left, height, width), as stored in the file."""
        if not self.components:
            return 0, 0, *image.extent
        return region_around(self.components, image.upsampling, image.extent, self.turn)

    def within(self, part: JpegImage) -> "ImageGeometry":
        """The same geometry for the record of a region that contains `region`."""
        components = moved(self.components, part.offset, part.upsampling, self.turn, passing=self.passing)
        return replace(self, components=components, offset=part.offset)

    def requantized(self, image: JpegImage) -> JpegImage:
        """The image that the map is applied to: with other quantisation tables, if the preprocess changes them."""
        for luma, chroma in self.map.tables:
            image = requantize(image, luma, chroma)
        return image

    @classmethod
    def whole(cls, image: JpegImage) -> "ImageGeometry":
        """The geometry of an image of whole blocks without a preprocess."""
        image_map = _identity(image.extent)
        extents = tuple(component.extent for component in image.components)
        return cls(image_map, UPRIGHT, component_maps(image_map, extents, image.upsampling), BLOCK)


def drawn_map(
    image: JpegImage | IndexedFile, preprocess: Transform, turn: Turn, generator: torch.Generator | None = None
) -> SeparableMap:
    """Apply a preprocess to an image's extent; its random numbers are drawn here. See `ImageGeometry.of`."""
    extent = turn.extent(image.extent)
    try:
        if preprocess.random:
            return preprocess.place(turn.map(extent), generator)
        return composed(preprocess, extent, turn)
    except (ValueError, InputError) as error:
        # A step knows only the extent; with a data set, users need to know the file.
        raise ExtentMismatchError(f"{image.source}, {extent}: {error}") from error


_identity = functools.lru_cache(maxsize=256)(SeparableMap.whole)
