"""Read Hugging Face's image processors by their attributes, if they do what their base class does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from jpegdomain.errors import InputError

from .recipe import Recipe
from .resampling import Interpolation, interpolation_name
from .resize import Resize
from .separable_map import SeparableMap
from .transform import Compose, Transform

__all__ = ["CropRoundedDown", "from_processor"]

_BASES: Final = ("TorchvisionBackend", "PilBackend", "BaseImageProcessorFast")
"""Base classes whose computation is known."""

_METHODS: Final = (
    *("preprocess", "_preprocess", "_preprocess_image_like_inputs", "process_image", "resize", "center_crop"),
    *("rescale", "normalize", "rescale_and_normalize", "_fuse_mean_std_and_rescale_factor"),
)
"""Methods of a base class that a processor must not override."""


@dataclass(frozen=True)
class CropRoundedDown(Transform):
    """Crop the middle, which begins at half of the excess, rounded down; a smaller image is padded with black.

    Args:
        size: Height and width.
        odd_in_front: If an odd number of lines is missing, whether the beginning gets one more than the end.
    """

    size: tuple[int, int]
    odd_in_front: bool

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        top, left = (self._start(given, wanted) for given, wanted in zip(so_far.extent, self.size, strict=True))
        return so_far.crop(top, left, *self.size)

    def _start(self, given: int, wanted: int) -> int:
        # Division rounds down, also below zero.
        return (given - wanted) // 2 if given >= wanted or self.odd_in_front else -((wanted - given) // 2)


def from_processor(processor: Any) -> Recipe:
    """See `recipe_of`."""
    processor = getattr(processor, "image_processor", processor)
    base = next((kind for kind in type(processor).__mro__ if kind.__name__ in _BASES), None)
    name = type(processor).__qualname__
    if base is None:
        raise InputError(
            f"the image processor {name} cannot be read: it has its own code; "
            "AutoImageProcessor.from_pretrained(…, use_fast=True) may return one that can be read"
        )
    for method in _METHODS:
        if getattr(type(processor), method, None) is not getattr(base, method, None):
            raise InputError(f"the image processor {name} cannot be read: it has its own method {method}")
    if getattr(processor, "do_pad", None):
        raise InputError(f"the image processor {name} cannot be read: do_pad has no counterpart")
    steps: list[Transform] = []
    if processor.do_resize:
        steps.append(Resize(_resized(processor.size, name), _filter(processor.resample, name)))
    if processor.do_center_crop:
        crop = _sides(processor.crop_size)
        if "height" not in crop:
            raise InputError(f"the image processor {name} cannot be read: crop_size needs height and width, got {crop}")
        steps.append(CropRoundedDown((crop["height"], crop["width"]), base.__name__ == "PilBackend"))
    # Levels x become (factor·x − mean)/std: on the scale 0…1, mean and std are divided by 255·factor.
    unit = 255 * (float(processor.rescale_factor) if processor.do_rescale else 1.0)
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else (0.0, 1.0)
    return Recipe(Compose(steps), _scaled(mean, unit), _scaled(std, unit))


def _sides(size: Any) -> dict[str, int]:
    """The entries of a size that are given."""
    if isinstance(size, int):
        return {"height": size, "width": size}
    return {side: number for side, number in dict(size).items() if number is not None}


def _resized(size: Any, name: str) -> int | tuple[int, int]:
    sides = _sides(size)
    if set(sides) == {"height", "width"}:
        return sides["height"], sides["width"]
    if set(sides) == {"shortest_edge"}:
        return sides["shortest_edge"]
    raise InputError(
        f"the image processor {name} cannot be read: size must be height and width, or only shortest_edge; got {sides}"
    )


def _filter(resample: object, name: str) -> Interpolation:
    try:
        return interpolation_name("bilinear" if resample is None else resample)
    except ValueError as error:
        raise InputError(f"the image processor {name} cannot be read: {error}") from error


def _scaled(values: float | Sequence[float], unit: float) -> tuple[float, ...]:
    return tuple(value / unit for value in (values if isinstance(values, Sequence) else (values,)))
