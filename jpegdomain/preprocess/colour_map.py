"""Colour changes of a map: linear in R, G and B at each pixel, and blends with the image's own mean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from jpegdomain.codec import Component, JpegImage
from jpegdomain.colour import INKS, MIXING, from_inks
from jpegdomain.geometry import BLOCK

from .augmentation.lossless import transposed
from .augmentation.quality import requantize
from .banded_matrix import BandedMatrix
from .component_axis import from_frequencies
from .component_map import ComponentMap, Turn, component_maps
from .separable_map import Fill, SeparableMap

__all__ = ["GRAY", "MeanFill", "blended_with_mean", "recolored", "resolved"]

GRAY = (0.2989, 0.587, 0.114)
"""Weights of R, G and B in torchvision's gray, with its rounding."""


@dataclass(frozen=True, eq=False)
class MeanFill(Fill):
    """A fill with the image's own weighted mean, levels[c]·rows[y]·columns[x]·Σ_k weights[k]·(row·I_k·columnᵀ).

    Attributes:
        weights: The weights of the image's R, G and B.
        row: (1, source height).
        column: (1, source width).
    """

    weights: tuple[float, ...]
    row: BandedMatrix
    column: BandedMatrix

    known: ClassVar[bool] = False

    def transposed(self) -> "MeanFill":
        """See `Fill.transposed`."""
        return MeanFill(self.levels, self.columns, self.rows, self.weights, self.column, self.row)


def recolored(image_map: SeparableMap, matrix: ArrayLike, shift: Sequence[float] = (0.0, 0.0, 0.0)) -> SeparableMap:
    """Append levels' = matrix·levels + shift at every pixel.

    Args:
        image_map: Any map.
        matrix: (3, 3), for R, G and B.
        shift: (3,), in levels.

    Returns:
        The map followed by the colour change.
    """
    step = np.asarray(matrix, np.float64)
    fills = tuple(replace(fill, levels=_times(step, fill.levels)) for fill in image_map.fills)
    if any(shift):
        fills = (*fills, _everywhere(image_map, tuple(map(float, shift))))
    erased = tuple(one.recolored(step, np.asarray(shift, np.float64)) for one in image_map.erased)
    colors = step if image_map.colors is None else step @ image_map.colors
    return replace(image_map, colors=colors, fills=fills, erased=erased)


def blended_with_mean(image_map: SeparableMap, factor: float) -> SeparableMap:
    """Append levels' = factor·levels + (1 − factor)·m, where m is the mean of the result as a gray image.

    The mean of a linear map of the image is a linear function of the image: (1ᵀ·A_h/h)·I·(1ᵀ·A_w/w)ᵀ.

    Args:
        image_map: Any map.
        factor: 1 leaves the image as it is.

    Returns:
        The map followed by the blend; `resolved` computes the part that depends on the image.

    Raises:
        ValueError: If pixels are erased, which would change the mean.
    """
    if image_map.erased:
        raise ValueError("contrast needs the mean of all pixels: put it before RandomErasing")
    gray = np.array(GRAY)
    weights = gray if image_map.colors is None else gray @ image_map.colors
    # The part that does not depend on the image, and the functionals that do.
    known = 0.0
    dependent = [(1.0, tuple(weights.tolist()), _mean(image_map.rows), _mean(image_map.columns))]
    for fill in image_map.fills:
        share = float(gray @ np.broadcast_to(fill.levels, 3)) * fill.rows.mean() * fill.columns.mean()
        if isinstance(fill, MeanFill):
            dependent.append((share, fill.weights, fill.row, fill.column))
        else:
            known += share
    faded = recolored(image_map, factor * np.eye(3), ((1 - factor) * known,) * 3)
    down, across = (np.ones(size) for size in image_map.extent)
    means = [
        MeanFill(((1 - factor) * level,) * 3, down, across, weights, row, column)
        for level, weights, row, column in dependent
    ]
    return replace(faded, fills=(*faded.fills, *means))


def resolved(image_map: SeparableMap, image: JpegImage, turn: Turn) -> SeparableMap:
    """Compute the means that a map needs, for one image; `turn` says how the image is turned for the map."""
    if image_map.known:
        return image_map
    for luma, chroma in image_map.tables:
        image = requantize(image, luma, chroma)
    fills = (_known(fill, image, turn) if isinstance(fill, MeanFill) else fill for fill in image_map.fills)
    return replace(image_map, fills=tuple(fills))


def _known(fill: MeanFill, image: JpegImage, turn: Turn) -> Fill:
    mean = _value(fill, image, turn)
    return Fill(tuple(mean * level for level in fill.levels), fill.rows, fill.columns)


def _times(matrix: NDArray[np.float64], levels: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((matrix @ np.broadcast_to(levels, 3)).tolist())


def _everywhere(image_map: SeparableMap, levels: tuple[float, ...]) -> Fill:
    return Fill(levels, *(np.ones(size) for size in image_map.extent))


def _mean(axis: BandedMatrix) -> BandedMatrix:
    """(1, size): the mean of the outputs."""
    first, end = axis.window()
    places = axis.starts[:, None] - first + np.arange(axis.taps)
    weights = np.bincount(places.reshape(-1), axis.weights.reshape(-1), end - first) / axis.out
    return BandedMatrix(axis.size, np.array([first], np.int32), weights[None])


def _value(mean: MeanFill, image: JpegImage, turn: Turn) -> float:
    """Σ_k weights[k]·(row·I_k·columnᵀ) of an image's R, G and B in levels."""
    functional = SeparableMap(mean.row, mean.column)
    weights = np.array(mean.weights)
    level = 128 * weights.sum() * mean.row.weights.sum() * mean.column.weights.sum()
    if image.color in INKS:
        planes = _from_inks(image, turn)
        rows, columns = mean.row.dense()[0], mean.column.dense()[0]
        return float(level + weights @ (rows @ planes @ columns))
    mixed = weights @ np.array(MIXING["rgb"][image.color])
    parts = _components(image, functional, turn)
    # Both chroma components have the same map.
    known: dict[ComponentMap, list[NDArray[np.float64]]] = {}
    for weight, (component, part) in zip(mixed, parts, strict=True):
        if part not in known:
            lines = (from_frequencies(axis, component.keep) for axis in (part.rows, part.columns))
            known[part] = [line.dense()[0] for line in lines]
        level += weight * float(known[part][0] @ _canvas(component, part) @ known[part][1])
    return float(level)


def _components(image: JpegImage, image_map: SeparableMap, turn: Turn) -> list[tuple[Component, ComponentMap]]:
    """The components, turned, and what the map reads of them."""
    extents = tuple(part.extent for part in image.components)
    maps = component_maps(image_map, extents, image.upsampling, turn, passing=True)
    parts = [transposed(part) for part in image.components] if turn.transpose else image.components
    return list(zip(parts, maps, strict=True))


def _product(component: Component, part: ComponentMap) -> NDArray[np.float64]:
    """A_h·C·A_wᵀ of the component's dequantised coefficients, with the inverse DCT in front."""
    rows, columns = (from_frequencies(axis, component.keep).dense() for axis in (part.rows, part.columns))
    product: NDArray[np.float64] = rows @ _canvas(component, part) @ columns.T
    return product


def _canvas(component: Component, part: ComponentMap) -> NDArray[np.float64]:
    """The dequantised coefficients that a map reads, in place."""
    (top, bottom), (left, right) = part.blocks
    keep = component.keep
    blocks = component.coefficients[top:bottom, left:right].reshape(bottom - top, right - left, keep, keep)
    steps = component.table.reshape(BLOCK, BLOCK)[:keep, :keep].astype(np.float64)
    return (blocks * steps).transpose(0, 2, 1, 3).reshape(keep * (bottom - top), -1)


def _from_inks(image: JpegImage, turn: Turn) -> NDArray[np.float64]:
    """(3, h, w): level-shifted R, G and B of a CMYK or YCCK image, turned."""
    whole = SeparableMap.whole(turn.extent(image.extent))
    samples = np.stack([_product(*pair) for pair in _components(image, whole, turn)])
    planes: NDArray[np.float64] = from_inks(torch.from_numpy(samples)[None], image.color)[0].numpy()
    return planes
