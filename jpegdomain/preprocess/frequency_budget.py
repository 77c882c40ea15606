"""How many frequencies a preprocess needs, and a bound on the error from leaving out the others."""

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegdomain.codec import JpegHeader, JpegImage
from jpegdomain.codec.indexed import IndexedFile
from jpegdomain.codec.records import upsampling_of
from jpegdomain.colour import MIXING, recolored
from jpegdomain.errors import InputError, UnsupportedJpegError
from jpegdomain.geometry import BLOCK, Extent

from .augmentation.lossless import transposed
from .banded_matrix import BandedMatrix
from .component_axis import from_frequencies
from .component_map import UPRIGHT, Turn, Upsampling, component_maps, turn_of
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["Bound", "keep_for", "low_frequency_bound"]

_INK_COMPONENTS: Final = 4
"""Only CMYK and YCCK files have four components."""


def keep_for(preprocess: Transform, file: JpegHeader | JpegImage | IndexedFile, *, orient: bool = False) -> int:
    """Compute how many frequencies along each side of a block a preprocess needs from a file.

    ``read_jpeg(source, keep=keep_for(preprocess, read_header(source)))`` then reads only these.

    Args:
        preprocess: The preprocess; without ``low_frequencies`` it needs all 8.
        file: The file's size and sampling.
        orient: Whether `collate` will turn it upright.

    Returns:
        1…8; for a random preprocess, the number for the draw with the largest magnification. Always 8 for four
        components, since a product of high frequencies has low ones, and for `RandomRotate90`.

    Raises:
        UnsupportedJpegError: If the file's sampling factors are not whole multiples.
    """
    if not preprocess.low_frequencies or preprocess.turns:
        return BLOCK
    upsampling = upsampling_of(file.factors)
    if upsampling is None:
        raise UnsupportedJpegError(f"sampling factors {file.factors} are not whole multiples: re-encode the file")
    if len(file.factors) == _INK_COMPONENTS:
        return BLOCK
    return _keep(preprocess, file.extent, file.extents, upsampling, turn_of(file.orientation) if orient else UPRIGHT)


@functools.lru_cache(maxsize=1024)
def _keep(
    preprocess: Transform,
    extent: Extent,
    extents: tuple[Extent, ...],
    upsampling: Upsampling,
    turn: Turn,
) -> int:
    finest = preprocess.finest(SeparableMap.whole(turn.extent(extent)))
    return max(part.keep for part in component_maps(finest, extents, upsampling, turn.then(finest), passing=True))


class Bound(NamedTuple):
    """A bound on the error of a preprocessed image without its higher frequencies, in levels of 0…255.

    Attributes:
        largest: The largest bound over all pixels of R, G and B.
        mean: The mean bound over all pixels of R, G and B.
    """

    largest: float
    mean: float


def low_frequency_bound(image: JpegImage, preprocess: Transform, keep: int) -> Bound:
    """Bound the change of one image when its frequencies from `keep` on are dropped.

    Let ΔC_k be the dropped coefficients of component k, A_h and A_w the maps of its axes, including the inverse DCT,
    and M the colour matrix. Then channel c of the result changes by Σ_k M_ck·A_h·ΔC_k·A_wᵀ. So no pixel changes by more
    than

        Σ_k |M_ck|·(|A_h|·|ΔC_k|·|A_w|ᵀ).

    Args:
        image: An image read with all frequencies.
        preprocess: A preprocess without randomness.
        keep: m, 1…8.

    Returns:
        The largest and the mean value of that sum over R, G and B.

    Raises:
        InputError: If the preprocess is random, or the image lacks frequencies or is not grayscale, YCbCr or RGB.
    """
    if preprocess.random or image.keep < BLOCK or image.color not in MIXING["rgb"]:
        raise InputError(
            f"{image.source}: the bound needs a preprocess without randomness, and a grayscale, YCbCr or RGB image "
            f"read with all frequencies; got {image.color}, keep={image.keep} and {preprocess!r}"
        )
    image_map = preprocess(image.extent)
    upsampling = image.upsampling
    extents = tuple(component.extent for component in image.components)
    turn = UPRIGHT.then(image_map)
    own = component_maps(image_map, extents, upsampling, turn, passing=True)
    weights = np.abs(recolored(image.color, "rgb", image_map.colors))
    total = np.zeros((3, *image_map.extent))
    components = [transposed(part) for part in image.components] if turn.transpose else image.components
    for column, (component, part) in enumerate(zip(components, own, strict=True)):
        (top, bottom), (left, right) = part.blocks
        blocks = component.coefficients[top:bottom, left:right].astype(np.float64) * component.table
        dropped = np.abs(blocks).reshape(*blocks.shape[:2], BLOCK, BLOCK)
        dropped[:, :, :keep, :keep] = 0
        canvas = dropped.transpose(0, 2, 1, 3).reshape(BLOCK * (bottom - top), -1)
        change = _magnitudes(part.rows) @ canvas @ _magnitudes(part.columns).T
        total += weights[:, column, None, None] * change
    return Bound(float(total.max()), float(total.mean()))


def _magnitudes(samples: BandedMatrix) -> NDArray[np.float64]:
    """|A·J̃| of one axis."""
    return np.abs(from_frequencies(samples).dense())
