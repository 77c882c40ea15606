"""Where one image goes: its placement, and what that needs of each component."""

import functools
from dataclasses import dataclass

import torch

from jpegdomain.codec import JpegImage
from jpegdomain.colour import INKS
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import BLOCK

from .component_map import UPRIGHT, ComponentMap, Turn, component_maps, composed
from .frequency_budget import keep_for
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["ImageGeometry", "Upsampling"]

Upsampling = tuple[tuple[int, int], ...]
"""For each component, vertically and horizontally."""


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """One image's place in a batch.

    Attributes:
        map: Of the upright image.
        turn: What makes it upright.
        components: Of its components; none of CMYK and YCCK, whose components are needed whole: they become R, G and B
            before they are placed.
        keep: m, the frequencies along each side of a block that are used.
        passing: Whether it was drawn at random, so that it will not come again.
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
        """Place an image.

        Args:
            image: Of any size.
            preprocess: What happens to it; random numbers are drawn here.
            turn: What makes it upright first.
            generator: Of the random numbers; torch's global one if None.

        Returns:
            Its geometry.

        Raises:
            InputError: If the image was read with fewer frequencies than it needs.
            ExtentMismatchError: If a step cannot be done on an image of its size.
        """
        extent = turn.extent(image.extent)
        try:
            if preprocess.random:
                upright = SeparableMap.whole(extent).flip(vertical=turn.vertical, horizontal=turn.horizontal)
                placement = preprocess.place(upright, generator)
            else:
                placement = composed(preprocess, extent, turn)
        except (ValueError, InputError) as error:
            # A step knows an extent; of a data set one wants to know the file.
            raise ExtentMismatchError(f"{image.source}, {extent}: {error}") from error
        made: tuple[ComponentMap, ...] = ()
        if image.color not in INKS:
            extents = tuple(component.extent for component in image.components)
            made = component_maps(placement, extents, image.upsampling, turn, passing=preprocess.random)
        if not preprocess.low_frequencies:
            if image.keep < BLOCK:
                raise InputError(
                    f"{image.source}: this preprocess uses all frequencies, the image was read with keep={image.keep}; "
                    "read it without keep, or set the preprocess's low_frequencies"
                )
            return cls(placement, turn, made, BLOCK, preprocess.random)
        least = keep_for(preprocess, image, orient=turn is not UPRIGHT)
        if image.keep < least:
            raise InputError(
                f"{image.source}: this preprocess uses {least}×{least} frequencies of an image of {image.extent}, it "
                f"was read with keep={image.keep}; jpegdomain.preprocess.keep_for says how many to read"
            )
        keep = min(image.keep, max((part.keep for part in made), default=BLOCK))
        return cls(placement, turn, made, keep, preprocess.random)

    @classmethod
    def whole(cls, image: JpegImage) -> "ImageGeometry":
        """Place an image as it is.

        Args:
            image: With whole blocks.

        Returns:
            Its geometry, in its own extent.
        """
        placement = _identity(image.extent)
        extents = tuple(component.extent for component in image.components)
        return cls(placement, UPRIGHT, component_maps(placement, extents, image.upsampling), BLOCK)


_identity = functools.lru_cache(maxsize=256)(SeparableMap.whole)
