"""Send a batch to another process as two tensors: its coefficients, and one block of all other numbers."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from jpegdomain.geometry import Extent

from .planes import BandedMatrices, Fills, Group, Memory, Plane

__all__ = ["Packed", "empty", "pack", "unpack"]

Packed: TypeAlias = tuple[torch.dtype, Tensor, Tensor, list[Any], list[Any]]
"""The coefficients' float dtype, the coefficients, the block, each number tensor's dtype and shape, the groups."""

_ALIGNMENT = 8


def empty(size: int, dtype: torch.dtype) -> Tensor:
    """Return uninitialised memory, which in a data loader's worker is shared with the main process."""
    if get_worker_info() is None:
        return torch.empty(size, dtype=dtype)
    count = size * torch.empty((), dtype=dtype).element_size()
    shared: Any = torch.UntypedStorage._new_shared(count)
    return torch.empty(0, dtype=dtype).set_(shared, 0, (size,), (1,))


def pack(memory: Memory) -> Packed:
    """Take a batch apart. Each further tensor would cost the receiver a file descriptor and a tenth of a ms."""
    numbers: list[Tensor] = [memory.steps]
    places: dict[int, tuple[int, tuple[int, ...]]] = {}

    def place(maps: BandedMatrices) -> tuple[int, tuple[int, ...]]:
        if id(maps) not in places:
            places[id(maps)] = len(numbers), maps.taps
            numbers.extend((maps.starts, maps.weights))
        return places[id(maps)]

    groups = []
    for group in memory.groups:
        planes = [
            (
                tuple(plane.quantised.shape),
                [side for extent in plane.extents for side in extent],
                plane.upsampling,
                None if plane.maps is None else (place(plane.maps[0]), place(plane.maps[1])),
            )
            for plane in group.planes
        ]
        fills = None if group.fills is None else len(numbers)
        if group.fills is not None:
            numbers.extend((group.fills.levels, group.fills.rows, group.fills.columns))
        sources = [side for extent in group.sources for side in extent]
        colors = None if group.colors is None else len(numbers)
        if group.colors is not None:
            numbers.append(group.colors)
        rest = group.transposed, colors, group.erased, group.kinds
        groups.append((group.images, group.color, planes, fills, sources, *rest))
    sizes = [_padded(number) for number in numbers]
    block = empty(sum(sizes), torch.uint8).to(memory.steps.device)
    for number, part in zip(numbers, block.split(sizes), strict=True):
        part[: number.nbytes].view(number.dtype).view(number.shape).copy_(number)
    shapes = [(number.dtype, tuple(number.shape)) for number in numbers]
    return memory.groups[0].planes[0].dtype, memory.quantised, block, shapes, groups


def unpack(packed: Packed) -> Memory:
    """Put a batch together again: its planes are views of the coefficients and of the block."""
    dtype, quantised, block, shapes, groups = packed
    numbers = list(_numbers(block, shapes))
    steps = numbers[0]
    maps: dict[int, BandedMatrices] = {}

    def axis(given: tuple[int, tuple[int, ...]]) -> BandedMatrices:
        at, taps = given
        if at not in maps:
            maps[at] = BandedMatrices(numbers[at], numbers[at + 1], taps)
        return maps[at]

    at = row = 0
    made = []
    for images, color, parts, fills, sources, transposed, colors, erased, kinds in groups:
        planes = []
        for shape, sides, upsampling, axes in parts:
            blocks, tables = shape[0] * shape[1], len(images) * shape[1]
            planes.append(
                Plane(
                    quantised[at : at + blocks].view(shape),
                    steps[row : row + tables].view(len(images), shape[1]),
                    _extents(sides),
                    upsampling,
                    dtype,
                    None if axes is None else (axis(axes[0]), axis(axes[1])),
                )
            )
            at, row = at + blocks, row + tables
        constants = None if fills is None else Fills(*numbers[fills : fills + 3])
        rest = transposed, None if colors is None else numbers[colors], erased, kinds
        made.append(Group(images, color, tuple(planes), constants, _extents(sources), *rest))
    return Memory(tuple(made), quantised, steps)


def _padded(number: Tensor) -> int:
    return -(-number.nbytes // _ALIGNMENT) * _ALIGNMENT


def _numbers(block: Tensor, shapes: list[Any]) -> Iterator[Tensor]:
    at = 0
    for dtype, shape in shapes:
        size = torch.Size(shape).numel() * torch.empty((), dtype=dtype).element_size()
        yield block[at : at + size].view(dtype).view(shape)
        at += -(-size // _ALIGNMENT) * _ALIGNMENT


def _extents(sides: list[int]) -> tuple[Extent, ...]:
    return tuple(map(Extent, sides[::2], sides[1::2]))
