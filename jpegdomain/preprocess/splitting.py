"""Divide a torchvision pipeline at the first step that cannot be read."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import transforms as v1
from torchvision.transforms import v2

from jpegdomain.errors import InputError

from .reading import Reading
from .recipe import Recipe

__all__ = ["split"]


class AsBefore(nn.Module):
    """Gives pixels on the scale 0…1 the values that the pipeline's image has at this point.

    Args:
        rounded: Whether to round to whole levels in uint8; otherwise the result is levels 0…255 as floats.
    """

    def __init__(self, rounded: bool) -> None:
        super().__init__()
        self.rounded = rounded

    def forward(self, image: Tensor, *others: Any) -> Any:
        """Convert an image, or the first of several arguments; uint8 images are left unchanged."""
        if image.is_floating_point():
            image = 255 * image
            image = image.round().clamp(0, 255).to(torch.uint8) if self.rounded else image
        return (image, *others) if others else image


def split(pipeline: object) -> tuple[Recipe, nn.Module]:
    """See `split_torchvision`."""
    steps = _flat(pipeline)
    reading = _read(steps[:0])
    count = 0
    while count < len(steps):
        try:
            reading = _read(steps[: count + 1])
        except InputError:
            break
        count += 1
    rest = [_of_tensors(step) for step in steps[count:]]
    recipe = reading.recipe()
    if not rest:
        return recipe, v2.Identity()
    if reading.mean is not None:
        return recipe, v2.Compose(rest)
    if reading.scale == 255:
        rest = [AsBefore(rounded=not reading.floating), *rest]
    return Recipe(recipe.transform, (0.0,), (1.0,)), v2.Compose(rest)


def _of_tensors(step: Any) -> Any:
    """What a step that converts a Pillow image to a tensor does to a uint8 tensor."""
    if isinstance(step, v1.ToTensor | v2.ToTensor):
        return v2.ToDtype(torch.float32, scale=True)
    return v2.Identity() if isinstance(step, v1.PILToTensor | v2.PILToTensor) else step


def _read(steps: list[Any]) -> Reading:
    reading = Reading()
    for step in steps:
        reading.take(step)
    # Some steps cannot follow others.
    reading.recipe()
    return reading


def _flat(pipeline: object) -> list[Any]:
    if isinstance(pipeline, v1.Compose | v2.Compose):
        return [one for step in pipeline.transforms for one in _flat(step)]
    if isinstance(pipeline, nn.Sequential):
        return [one for step in pipeline for one in _flat(step)]
    return [pipeline]
