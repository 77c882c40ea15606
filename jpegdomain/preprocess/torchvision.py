"""Torchvision's steps and their counterparts here, for `reading`."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

from jpegdomain.errors import InputError

from .colour import ColorJitter, Grayscale, RandomChannelPermutation, RandomGrayscale, RandomInvert
from .crop import CenterCrop, Pad, RandomCrop, RandomResizedCrop
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .requantize import JpegQuality
from .resize import Resize
from .targets import OnTargets
from .transform import Transform

__all__ = ["COUNTERPARTS", "PASSING", "own_setting", "refuse"]

PASSING = (v1.PILToTensor, v2.PILToTensor, v2.ToImage, v2.RGB, v2.Identity, nn.Identity)
"""Steps that change neither pixels nor their range."""


def own_setting(step: object, settings: dict[Any, Any]) -> Any:
    """The setting for images, from the settings for each type."""
    for kind in (tv_tensors.Image, torch.Tensor, "others"):
        if kind in settings:
            return settings[kind]
    return refuse(step, "it has settings only for other types than images")


def _fill(step: Any, scale: float) -> list[float]:
    """The fill of a step in levels."""
    fill = own_setting(step, step.fill) if isinstance(step.fill, dict) else step.fill
    return [scale * level for level in (fill if isinstance(fill, Sequence) else (fill or 0,))]


def _mask_fill(step: Any) -> float | None:
    """The fill for masks, in the masks' own numbers; None if there is no single number for them."""
    fill = step.fill
    if isinstance(fill, dict):
        fill = fill.get(tv_tensors.Mask, fill.get("others"))
    return fill if isinstance(fill, int | float) else None


def _random_crop(step: Any, scale: float) -> Transform:
    padding = step.padding
    if isinstance(step, v2.RandomCrop) and padding is not None:
        # In v2 the order is left, right, top, bottom.
        padding = [padding[0], padding[2], padding[1], padding[3]]
    fills = _fill(step, scale), step.padding_mode, _mask_fill(step)
    return RandomCrop(step.size, padding, step.pad_if_needed, *fills)


def _color_jitter(step: Any, _: float) -> Transform:
    if step.hue is not None:
        refuse(
            step,
            "its hue is not linear: run it after the pixels, or take jpegdomain.preprocess.ColorJitter, whose hue is a "
            "rotation of R, G and B",
        )
    return ColorJitter(step.brightness, step.contrast, step.saturation)


def _grayscale(step: Any, _: float) -> Transform:
    if step.num_output_channels != 3:
        refuse(step, "it returns one channel, but R, G and B are needed: give it num_output_channels=3")
    return Grayscale()


_OF_TARGETS = (
    *(v2.ClampBoundingBoxes, v2.ConvertBoundingBoxFormat, v2.SanitizeBoundingBoxes, v2.ToPureTensor),
    *(getattr(v2, name) for name in ("ClampKeyPoints", "SanitizeKeyPoints", "SetClampingMode") if hasattr(v2, name)),
)
"""Steps that change only targets, as far as this version of torchvision has them."""

COUNTERPARTS: tuple[tuple[Any, Callable[[Any, float], Transform]], ...] = (
    (
        v1.Resize | v2.Resize,
        lambda step, _: Resize(step.size, step.interpolation, step.max_size, step.antialias),
    ),
    (v1.CenterCrop | v2.CenterCrop, lambda step, _: CenterCrop(step.size)),
    (v1.Pad | v2.Pad, lambda step, scale: Pad(step.padding, _fill(step, scale), step.padding_mode, _mask_fill(step))),
    (v1.RandomCrop | v2.RandomCrop, _random_crop),
    (
        v1.RandomResizedCrop | v2.RandomResizedCrop,
        lambda step, _: RandomResizedCrop(step.size, step.scale, step.ratio, step.interpolation, step.antialias),
    ),
    (v1.RandomHorizontalFlip | v2.RandomHorizontalFlip, lambda step, _: RandomHorizontalFlip(step.p)),
    (v1.RandomVerticalFlip | v2.RandomVerticalFlip, lambda step, _: RandomVerticalFlip(step.p)),
    (v1.ColorJitter | v2.ColorJitter, _color_jitter),
    (v1.Grayscale | v2.Grayscale, _grayscale),
    (v1.RandomGrayscale | v2.RandomGrayscale, lambda step, _: RandomGrayscale(step.p)),
    (v1.RandomInvert | v2.RandomInvert, lambda step, _: RandomInvert(step.p)),
    (v2.RandomChannelPermutation, lambda *_: RandomChannelPermutation()),
    (v2.JPEG, lambda step, _: JpegQuality(step.quality)),
    (_OF_TARGETS, lambda step, _: OnTargets(step)),
)
"""For each of torchvision's classes, a function of (step, levels per unit of its values) that returns a `Transform`."""


def refuse(step: object, reason: str) -> NoReturn:
    """Raise an `InputError` that names a step and says why it cannot be read."""
    name = type(step).__qualname__
    raise InputError(
        f"the preprocessing step {name} cannot be read: {reason}"
        + ("" if isinstance(step, nn.Module) or not callable(step) else f" (should {step!r} be called first?)")
    )
