"""`CenterCrop`, `Pad`, `RandomCrop`, `RandomResizedCrop`, with torchvision's arguments, rounding and random draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from jpegdomain.errors import ExtentMismatchError
from jpegdomain.geometry import Extent

from .banded_matrix import PaddingMode
from .resampling import interpolation_name
from .separable_map import SeparableMap
from .transform import Transform, device_of, drawn_sides

__all__ = ["CenterCrop", "Pad", "RandomCrop", "RandomResizedCrop"]


def _extent(size: int | Sequence[int]) -> Extent:
    """One number for both sides, a sequence of one, or (height, width)."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if len(sizes) not in {1, 2} or min(sizes) < 1:
        raise ValueError(f"size must be one number for both sides or (height, width), got {size!r}")
    return Extent(sizes[0], sizes[-1])


def _borders(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, from one number, (horizontal, vertical) or all four."""
    numbers = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(numbers) not in {1, 2, 4}:
        raise ValueError(f"padding must be 1, 2 or 4 numbers, as in torchvision, got {padding!r}")
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    return numbers[0], numbers[-1], numbers[0], numbers[-1]


def _levels(fill: float | Sequence[float] | None) -> tuple[float, ...]:
    """One number or three."""
    levels = (0.0,) if fill is None else (float(fill),) if isinstance(fill, int | float) else tuple(map(float, fill))
    if len(levels) not in {1, 3}:
        raise ValueError(f"fill must be one level, or three for R, G and B, got {fill!r}")
    return levels


def _mask_fill(fill: float | Sequence[float] | None, mask_fill: float | None) -> float:
    """What masks are padded with: as in torchvision, the image's level if that is one number."""
    levels = _levels(fill)
    return mask_fill if mask_fill is not None else levels[0] if len(levels) == 1 else 0


@dataclass(frozen=True)
class CenterCrop(Transform):
    """Crop the middle, as ``torchvision.transforms.v2.CenterCrop``; a smaller image is padded with black first.

    Args:
        size: One number for both sides, or (height, width).
    """

    size: int | Sequence[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(_extent(self.size)))

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        size = _extent(self.size)
        top, left = (_centred(given, wanted) for given, wanted in zip(so_far.extent, size, strict=True))
        return so_far.crop(top, left, *size)


def _centred(given: int, wanted: int) -> int:
    """Where a centre crop begins, with torchvision's rounding; negative if the image is smaller."""
    # Python's round, half to even, as in torchvision.
    return round((given - wanted) / 2) if wanted <= given else -((wanted - given) // 2)


@dataclass(frozen=True)
class Pad(Transform):
    """Extend the image, as ``torchvision.transforms.v2.Pad``.

    Args:
        padding: One number, (left and right, top and bottom), or (left, top, right, bottom).
        fill: The level, 0…255, or three levels for R, G and B, if `padding_mode` is 'constant'.
        padding_mode: 'constant', 'edge', 'reflect' or 'symmetric'.
        mask_fill: The fill for masks of the image; if None, `fill` if that is one number, else 0.
    """

    padding: int | Sequence[int]
    fill: float | Sequence[float] | None = 0
    padding_mode: PaddingMode = "constant"
    mask_fill: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding", _borders(self.padding))
        object.__setattr__(self, "fill", _levels(self.fill))

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        left, top, right, bottom = _borders(self.padding)
        mask_fill = _mask_fill(self.fill, self.mask_fill)
        fill, mode = _levels(self.fill), self.padding_mode
        return so_far.pad(top, bottom, left, right, fill=fill, mode=mode, mask_fill=mask_fill)


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Crop at a random position, as ``torchvision.transforms.v2.RandomCrop``.

    Args:
        size: One number for both sides, or (height, width).
        padding: Padding to add first, as for `Pad`; None for none.
        pad_if_needed: Whether to pad an image that is too small, at both ends by the number of pixels that it lacks.
        fill: As for `Pad`.
        padding_mode: As for `Pad`.
        mask_fill: As for `Pad`.
    """

    size: int | Sequence[int]
    padding: int | Sequence[int] | None = None
    pad_if_needed: bool = False
    fill: float | Sequence[float] | None = 0
    padding_mode: PaddingMode = "constant"
    mask_fill: float | None = None

    random = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(_extent(self.size)))
        if self.padding is not None:
            object.__setattr__(self, "padding", _borders(self.padding))
        object.__setattr__(self, "fill", _levels(self.fill))

    def _padded(self, so_far: SeparableMap) -> SeparableMap:
        size = _extent(self.size)
        left, top, right, bottom = _borders(self.padding or 0)
        if self.pad_if_needed:
            lacking = max(size.height - so_far.extent.height - top - bottom, 0)
            top, bottom = top + lacking, bottom + lacking
            lacking = max(size.width - so_far.extent.width - left - right, 0)
            left, right = left + lacking, right + lacking
        if any((left, top, right, bottom)):
            mask_fill = _mask_fill(self.fill, self.mask_fill)
            fill, mode = _levels(self.fill), self.padding_mode
            so_far = so_far.pad(top, bottom, left, right, fill=fill, mode=mode, mask_fill=mask_fill)
        if so_far.extent.height < size.height or so_far.extent.width < size.width:
            raise ExtentMismatchError(
                f"RandomCrop to {size} needs an image of at least this size, got {so_far.extent}: "
                "use pad_if_needed=True"
            )
        return so_far

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Crop at a random position."""
        size, so_far = _extent(self.size), self._padded(so_far)
        top, left = (
            int(torch.randint(0, given - wanted + 1, (), generator=generator, device=device_of(generator)))
            if given > wanted
            else 0
            for given, wanted in zip(so_far.extent, size, strict=True)
        )
        # As in torchvision, nothing happens to an image of this size: boxes outside it are not clamped.
        return so_far if so_far.extent == size else so_far.crop(top, left, *size)

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Crop inside the image, not in the padding: all positions inside it have the same resolution."""
        size, so_far = _extent(self.size), self._padded(so_far)
        left, top, _, _ = _borders(self.padding or 0)
        top, left = (
            min(max(before, 0), given - wanted)
            for before, given, wanted in zip((top, left), so_far.extent, size, strict=True)
        )
        return so_far.crop(top, left, *size)


@dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """Crop a rectangle of random area, ratio and position and resize it, like torchvision's v2 transform of that name.

    Args:
        size: The result's size: one number for both sides, or (height, width).
        scale: Smallest and largest fraction of the image's area.
        ratio: Smallest and largest width/height.
        interpolation: As for `Resize`.
        antialias: As for `Resize`.

    Raises:
        ValueError: If `scale` or `ratio` is not two positive numbers in ascending order.
    """

    size: int | Sequence[int]
    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    interpolation: object = "bilinear"
    antialias: bool | None = True

    random = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(_extent(self.size)))
        for name in ("scale", "ratio"):
            values = tuple(getattr(self, name))
            if len(values) != 2 or not 0 < values[0] <= values[1]:
                raise ValueError(f"{name} must be two positive numbers, the smaller first; got {values!r}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "interpolation", interpolation_name(self.interpolation))
        object.__setattr__(self, "antialias", bool(self.antialias))

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Crop a random rectangle and resize it."""
        return self._cut(so_far, *self._draw(so_far.extent, generator))

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Crop the smallest height and the smallest width that can be drawn, together."""
        height, width = so_far.extent
        least = self.scale[0] * height * width
        # If no rectangle of the allowed area and ratio fits, the middle can be smaller than all of them.
        _, _, middle_height, middle_width = self._middle(so_far.extent)
        h = min(middle_height, math.floor(math.sqrt(least / self.ratio[1])))
        w = min(middle_width, math.floor(math.sqrt(least * self.ratio[0])))
        return self._cut(so_far, 0, 0, max(h, 1), max(w, 1))

    def _cut(self, so_far: SeparableMap, top: int, left: int, height: int, width: int) -> SeparableMap:
        cropped = so_far.crop(top, left, height, width)
        return cropped.resize(*_extent(self.size), interpolation_name(self.interpolation), bool(self.antialias))

    def _draw(self, extent: Extent, generator: torch.Generator | None) -> tuple[int, int, int, int]:
        """Draw (top, left, height, width) in up to ten tries; if none fits, return the middle."""
        height, width = extent
        device = device_of(generator)
        for w, h in drawn_sides(extent, self.scale, self.ratio, generator):
            if 0 < w <= width and 0 < h <= height:
                top = int(torch.randint(0, height - h + 1, (1,), generator=generator, device=device))
                left = int(torch.randint(0, width - w + 1, (1,), generator=generator, device=device))
                return top, left, h, w
        return self._middle(extent)

    def _middle(self, extent: Extent) -> tuple[int, int, int, int]:
        """The largest centred rectangle of an allowed ratio: (top, left, height, width)."""
        height, width = extent
        h, w = height, width
        if width / height < self.ratio[0]:
            h = round(w / self.ratio[0])
        elif width / height > self.ratio[1]:
            w = round(h * self.ratio[1])
        return (height - h) // 2, (width - w) // 2, h, w
