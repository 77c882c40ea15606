"""The separable map as matrices: A_h·C·A_wᵀ on every component, with the inverse DCT inside A; for any sizes at once.

C is a component's blocks in place, (m·X, m·Y) for m×m frequencies per block. For the transform domain, J is multiplied
into the matrices, so that the activation needs no extra pass.

CMYK and YCCK first become R, G and B at full size, one image at a time: then C is pixels, and A has no inverse DCT.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.colour import INKS, Target, mixing
from jpegdomain.data import BandedMatrices, Group, Plane
from jpegdomain.geometry import BLOCK, padded_size
from jpegdomain.transform.reference import basis as basis_of

from .whole import Components, whole_pixels

__all__ = ["constant_term", "mapped", "matrices_of"]

_CANVAS_ELEMENTS = 2**27
"""Number of coefficients converted to floats at a time: half a gigabyte of float32, or one image."""


def mapped(group: Group, components: int, *, transform: bool) -> Tensor:
    """Apply the maps of preprocessed images to their components.

    Args:
        group: A group of a preprocessed batch.
        components: How many components, from the first on; for CMYK and YCCK, how many of R, G and B.
        transform: Whether to return the transforms of the samples.

    Returns:
        (m, components, height, width) level-shifted samples, or (m, components, 8X, 8Y) with zeros outside the extent.
    """
    if group.color in INKS:
        images = range(len(group.images))
        return torch.cat([_pixels_mapped(group, image, components, transform) for image in images])
    parts = [_run_mapped(planes, transform) for planes in _runs(group.planes[:components])]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def matrices_of(plane: Plane) -> tuple[Tensor, Tensor]:
    """A_h·J̃ and A_w·J̃ of the first image of a plane: (h, 8X) and (w, 8Y), float64."""
    assert plane.maps is not None
    rows, columns = (
        _matrices(axis, slice(0, 1), blocks, BLOCK, torch.float64, False)[0]
        for axis, blocks in zip(plane.maps, plane.extents[0].blocks, strict=True)
    )
    return rows, columns


def constant_term(group: Group, target: Target, dtype: torch.dtype, *, transform: bool) -> Tensor | None:
    """The constant term of the map from level-shifted components to channels, without `BLACK`.

    Args:
        group: A group of a preprocessed batch.
        target: 'luma', 'rgb' or 'ycbcr'.
        dtype: The result's dtype.
        transform: Whether to return the transform.

    Returns:
        (m, channels, height, width) or (m, channels, 8X, 8Y), in levels; None for 128 everywhere.
    """
    if group.fills is None:
        return None
    levels, rows, columns = (t.to(dtype) for t in (group.fills.levels, group.fills.rows, group.fills.columns))
    if target != "rgb":
        levels = levels @ mixing("rgb", target, dtype, levels.device).T
    if transform:
        rows, columns = _transformed(rows), _transformed(columns)
    return torch.einsum("nkc,nkh,nkw->nchw", levels, rows, columns)


def _runs(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Neighbouring planes with the same maps."""
    runs: list[list[Plane]] = []
    for plane in planes:
        if runs and _same(plane.maps, runs[-1][0].maps):
            runs[-1].append(plane)
        else:
            runs.append([plane])
    return runs


def _same(
    one: tuple[BandedMatrices, BandedMatrices] | None, other: tuple[BandedMatrices, BandedMatrices] | None
) -> bool:
    """Whether maps share their tensors, whose identity torch.compile can check."""
    assert one is not None
    assert other is not None
    return all(mine.weights is its.weights for mine, its in zip(one, other, strict=True))


def _run_mapped(planes: Sequence[Plane], transform: bool) -> Tensor:
    """Apply the maps that planes share: (m, planes, height, width)."""
    maps = planes[0].maps
    assert maps is not None
    results = []
    for some in _chunks(planes):
        canvas = _canvas(planes, some)
        rows, columns = (
            _matrices(axis, some, canvas.shape[dim] // planes[0].keep, planes[0].keep, planes[0].dtype, transform)
            for axis, dim in zip(maps, (1, 3), strict=True)
        )
        results.append(_product(rows, canvas, columns))
    return results[0] if len(results) == 1 else torch.cat(results)


def _pixels_mapped(group: Group, number: int, channels: int, transform: bool) -> Tensor:
    """Apply one image's maps to the R, G and B of its components: (1, channels, height, width)."""
    planes = tuple(plane.image(number) for plane in group.planes)
    here = Components.of(replace(group, planes=planes), group.sources[number], len(planes))
    pixels = whole_pixels(here, channels)
    canvas = (pixels.mT if group.transposed else pixels).transpose(1, 2).contiguous()
    maps, some = group.planes[0].maps, slice(number, number + 1)
    assert maps is not None
    rows, columns = (
        _banded(axis, some, canvas.shape[dim], canvas.dtype) for axis, dim in zip(maps, (1, 3), strict=True)
    )
    if transform:
        rows, columns = (_transformed(matrix.mT).mT for matrix in (rows, columns))
    return _product(rows, canvas, columns)


def _chunks(planes: Sequence[Plane]) -> Iterator[slice]:
    """Runs of images whose canvases fit into `_CANVAS_ELEMENTS`."""
    extents, keep = planes[0].extents, planes[0].keep
    start = 0
    largest = (0, 0)
    for image, extent in enumerate(extents):
        grown = (max(largest[0], extent.blocks[0]), max(largest[1], extent.blocks[1]))
        if image > start and (image + 1 - start) * len(planes) * grown[0] * grown[1] * keep**2 > _CANVAS_ELEMENTS:
            yield slice(start, image)
            start, grown = image, extent.blocks
        largest = grown
    yield slice(start, len(extents))


def _canvas(planes: Sequence[Plane], some: slice) -> Tensor:
    """Dequantised coefficients in place, (n, m·X, planes, m·Y); arbitrary beyond an image's own blocks."""
    first, keep = planes[0], planes[0].keep
    grids = [extent.blocks for extent in first.extents]
    offsets = [0]
    for rows, columns in grids:
        offsets.append(offsets[-1] + rows * columns)
    here = grids[some]
    height, width = (max(grid[axis] for grid in here) for axis in (0, 1))
    alike = len(set(here)) == 1
    index = None
    if not alike:
        device = first.quantised.device
        begin, stride = torch.tensor([offsets[some], [grid[1] for grid in here]], device=device).view(2, -1, 1, 1)
        index = begin + torch.arange(height, device=device).view(1, -1, 1) * stride + torch.arange(width, device=device)
        # What lies outside an image is multiplied by zeros of its matrices.
        index = index.clamp_(max=offsets[-1] - 1).flatten()
    strips = []
    for plane in planes:
        if index is None:
            blocks = plane.quantised[offsets[some.start] : offsets[some.stop]]
        else:
            blocks = plane.quantised.index_select(0, index)
        values = blocks.to(plane.dtype).view(len(here), height, width, keep, keep)
        values *= plane.steps[some].to(plane.dtype).view(len(here), 1, 1, keep, keep)
        strips.append(values.transpose(2, 3))
    return torch.stack(strips, dim=3).view(len(here), height * keep, len(planes), width * keep)


def _matrices(maps: BandedMatrices, some: slice, blocks: int, keep: int, dtype: torch.dtype, transform: bool) -> Tensor:
    """A·J̃ of each image, or J·A·J̃: (n, out, m·blocks)."""
    samples = _banded(maps, some, BLOCK * blocks, dtype).unflatten(2, (blocks, BLOCK))
    basis = basis_of(dtype, samples.device)
    matrices = (samples @ basis[:keep].T).flatten(2)
    return _transformed(matrices.transpose(1, 2)).transpose(1, 2) if transform else matrices


def _banded(maps: BandedMatrices, some: slice, size: int, dtype: torch.dtype) -> Tensor:
    """The matrix A of each image: (n, out, size)."""
    starts, weights = maps.starts[some].long(), maps.weights[some].to(dtype)
    taps = weights.shape[2]
    # A band's padding with zeros may reach beyond the canvas.
    dense = weights.new_zeros(*starts.shape, size + taps)
    dense.scatter_(2, starts[:, :, None] + torch.arange(taps, device=starts.device), weights)
    return dense[:, :, :size]


def _transformed(lines: Tensor) -> Tensor:
    """J along the last axis: (…, size) → (…, 8⌈size/8⌉)."""
    size = lines.shape[-1]
    padded = F.pad(lines, (0, padded_size(size) - size))
    basis = basis_of(lines.dtype, lines.device)
    return (padded.reshape(*padded.shape[:-1], -1, BLOCK) @ basis.T).view(padded.shape)


def _product(rows: Tensor, canvas: Tensor, columns: Tensor) -> Tensor:
    """A_h·C·A_wᵀ in the cheaper order: (n, h, H), (n, H, planes, W), (n, w, W) → (n, planes, h, w)."""
    n, height, planes, width = canvas.shape
    h, w = rows.shape[1], columns.shape[1]
    if h * width * (height + w) <= w * height * (width + h):
        half = torch.bmm(rows, canvas.view(n, height, planes * width))
        result = torch.bmm(half.view(n, h * planes, width), columns.transpose(1, 2))
    else:
        half = torch.bmm(canvas.view(n, height * planes, width), columns.transpose(1, 2))
        result = torch.bmm(rows, half.view(n, height, planes * w))
    return result.view(n, h, planes, w).transpose(1, 2)
