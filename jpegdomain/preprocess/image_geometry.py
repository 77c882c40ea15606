"""What a preprocess does to one image: the map of its pixels, and the maps of its components."""

import functools
from dataclasses import dataclass

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.colour import INKS
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK

from .augmentation.quality import requantize
from .colour_map import resolved
from .component_map import UPRIGHT, ComponentMap, Turn, component_maps, composed
from .frequency_budget import keep_for
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["ImageGeometry"]


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
    """

    map: SeparableMap
    turn: Turn
    components: tuple[ComponentMap, ...]
    keep: int
    passing: bool = False

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
        extent = turn.extent(image.extent)
        try:
            if preprocess.random:
                image_map = preprocess.place(turn.map(extent), generator)
            else:
                image_map = composed(preprocess, extent, turn)
        except (ValueError, InputError) as error:
            # A step knows only the extent; with a data set, users need to know the file.
            raise ExtentMismatchError(f"{image.source}, {extent}: {error}") from error
        upright, turn = turn, turn.then(image_map)
        own = resolved(image_map, image, turn)
        passing, image_map = preprocess.random or own is not image_map, own
        components: tuple[ComponentMap, ...] = ()
        if image.color not in INKS:
            extents = tuple(component.extent for component in image.components)
            components = component_maps(image_map, extents, image.upsampling, turn, passing=passing)
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


_identity = functools.lru_cache(maxsize=256)(SeparableMap.whole)
