"""Reading torchvision's preprocessing: presets of pretrained weights, and pipelines of v1 or v2 transforms.

Pipelines of timm are torchvision's, with some steps of its own among them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms._presets import ImageClassification

from jpegdomain.errors import InputError

from . import timm
from .colour import ColorJitter, ColorMatrix, Grayscale, RandomChannelPermutation, RandomGrayscale, RandomInvert
from .crop import CenterCrop, Pad, RandomCrop, RandomResizedCrop
from .erasing import RandomErasing
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .recipe import Recipe
from .requantize import JpegQuality
from .resize import Resize
from .targets import OnTargets
from .transform import Compose, Transform

__all__ = ["Reading", "read"]


def read(pipeline: object) -> Recipe:
    """See `from_torchvision`."""
    reading = Reading()
    reading.take(pipeline)
    return reading.recipe()


class Reading:
    """The state of the image while a pipeline is read.

    Attributes:
        steps: The geometry so far.
        scale: The image's values are 0…scale: 255, then 1.
        floating: The image is floating-point by now: no further conversion scales it.
        mean: Of Normalize for the range 0…1; None before it.
        std: Of Normalize for the range 0…1.
    """

    def __init__(self) -> None:
        self.steps: list[Transform] = []
        self.scale = 255.0
        self.floating = False
        self.mean: list[float] | None = None
        self.std: list[float] = []

    def recipe(self) -> Recipe:
        """What was read."""
        if self.mean is None:
            return Recipe(Compose(self.steps), (0.0,), (1 / self.scale,))
        return Recipe(Compose(self.steps), tuple(self.mean), tuple(self.std))

    def take(self, step: object) -> None:
        """Read one step, of torchvision or a `Transform`, or a pipeline of them."""
        if isinstance(step, Transform):
            self.steps.append(step)
        elif isinstance(step, v1.Compose | v2.Compose):
            for inner in step.transforms:
                self.take(inner)
        elif isinstance(step, nn.Sequential):
            for inner in step:
                self.take(inner)
        elif isinstance(step, ImageClassification):
            self.steps.append(Resize(step.resize_size, step.interpolation, antialias=step.antialias))
            self.steps.append(CenterCrop(step.crop_size))
            self._to(step, torch.float, True)
            self._normalise(step)
        elif isinstance(step, _PASSING) or timm.passes(step):
            pass
        elif not (self._geometry(step) or self._values(step)):
            _refuse(step, "it has no counterpart on coefficients")

    def _geometry(self, step: Any) -> bool:
        """Read a geometric step; False if it is not one."""
        try:
            made = self._counterpart(step)
        except (ValueError, InputError) as error:
            # A filter, most often.
            _refuse(step, str(error))
        if made is None:
            return False
        if self.mean is not None and isinstance(made, CenterCrop | Pad | RandomCrop | timm.PadThenCrop):
            _refuse(step, "its fill is black only before Normalize: put it in front of it")
        if isinstance(made, ColorMatrix | ColorJitter | RandomGrayscale | RandomChannelPermutation):
            if self.mean is not None:
                _refuse(step, "colours change before Normalize: put it in front of it")
            if self.floating and self.scale == 255:
                _refuse(step, "torchvision clamps floats to 0…1, and these are 0…255: give ToDtype scale=True")
        self.steps.append(made)
        return True

    def _counterpart(self, step: Any) -> Transform | None:
        for kinds, counterpart in _COUNTERPARTS:
            if isinstance(step, kinds):
                return counterpart(step, 255 / self.scale)
        return timm.counterpart(step, 255 / self.scale)

    def _values(self, step: Any) -> bool:
        """Read a step that changes the values; False if it is not one."""
        if isinstance(step, v1.ToTensor | v2.ToTensor):
            self._to(step, torch.float, True)
        elif isinstance(step, v1.ConvertImageDtype | v2.ConvertImageDtype):
            self._to(step, step.dtype, True)
        elif isinstance(step, v2.ToDtype):
            self._to(step, step.dtype, step.scale)
        elif isinstance(step, v1.Normalize | v2.Normalize):
            self._normalise(step)
        elif isinstance(step, v1.RandomErasing | v2.RandomErasing):
            self._erase(step)
        else:
            return False
        return True

    def _normalise(self, step: Any) -> None:
        if self.mean is not None:
            _refuse(step, "it occurs twice")
        # timm has them as tensors.
        self.mean, self.std = ([float(value) / self.scale for value in values] for values in (step.mean, step.std))

    def _erase(self, step: Any) -> None:
        """Values, of the image at this point, become levels."""
        offset, unit = np.zeros(1), np.full(1, 255 / self.scale)
        if self.mean is not None:
            offset, unit = 255 * np.array(self.mean), 255 * np.array(self.std)
        drawn = step.value is None or isinstance(step.value, str)
        levels = offset + unit * np.asarray(0 if drawn else step.value, np.float64)
        noise = tuple(unit.tolist()) if drawn else None
        self.steps.append(RandomErasing(step.p, step.scale, step.ratio, tuple(levels.tolist()), noise))

    def _to(self, step: Any, dtype: object, scale: bool) -> None:
        if isinstance(dtype, dict):
            # Targets take the same step; labels keep theirs.
            self.steps.append(OnTargets(step))
            dtype = _own(step, dtype)
            if dtype is None:
                return
        if not isinstance(dtype, torch.dtype):
            _refuse(step, "its dtype is not the same for all images")
        elif dtype.is_floating_point:
            self.scale = 1.0 if scale and not self.floating else self.scale
            self.floating = True
        elif dtype != torch.uint8 or self.floating:
            _refuse(step, "floating-point images are not converted to integers here")


_PASSING = (v1.PILToTensor, v2.PILToTensor, v2.ToImage, v2.RGB, v2.Identity, nn.Identity)
"""Steps that change neither pixels nor their range."""


def _own(step: object, settings: dict[Any, Any]) -> Any:
    """The images' setting of those for each type."""
    for kind in (tv_tensors.Image, torch.Tensor, "others"):
        if kind in settings:
            return settings[kind]
    return _refuse(step, "it has settings for other types only, none for images")


def _fill(step: Any, scale: float) -> list[float]:
    """The fill of a step in levels."""
    fill = _own(step, step.fill) if isinstance(step.fill, dict) else step.fill
    return [scale * level for level in (fill if isinstance(fill, Sequence) else (fill or 0,))]


def _mask_fill(step: Any) -> float | None:
    """The fill of masks in their own numbers; None if it is none of a number for them."""
    fill = step.fill
    if isinstance(fill, dict):
        fill = fill.get(tv_tensors.Mask, fill.get("others"))
    return fill if isinstance(fill, int | float) else None


def _random_crop(step: Any, scale: float) -> Transform:
    padding = step.padding
    if isinstance(step, v2.RandomCrop) and padding is not None:
        # v2 stores left, right, top, bottom.
        padding = [padding[0], padding[2], padding[1], padding[3]]
    fills = _fill(step, scale), step.padding_mode, _mask_fill(step)
    return RandomCrop(step.size, padding, step.pad_if_needed, *fills)


def _color_jitter(step: Any, _: float) -> Transform:
    if step.hue is not None:
        _refuse(
            step,
            "its hue is not linear: run it after the pixels, or take jpegdomain.preprocess.ColorJitter, whose hue is a "
            "rotation of R, G and B",
        )
    return ColorJitter(step.brightness, step.contrast, step.saturation)


def _grayscale(step: Any, _: float) -> Transform:
    if step.num_output_channels != 3:
        _refuse(step, "it leaves one channel, and R, G and B are wanted: give it num_output_channels=3")
    return Grayscale()


_OF_TARGETS = (
    *(v2.ClampBoundingBoxes, v2.ConvertBoundingBoxFormat, v2.SanitizeBoundingBoxes, v2.ToPureTensor),
    *(getattr(v2, name) for name in ("ClampKeyPoints", "SanitizeKeyPoints", "SetClampingMode") if hasattr(v2, name)),
)
"""Steps that change targets alone, as far as this torchvision has them."""

_COUNTERPARTS: tuple[tuple[Any, Callable[[Any, float], Transform]], ...] = (
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
"""torchvision's classes → the function (step, levels per unit of its values) → `Transform`."""


def _refuse(step: object, reason: str) -> NoReturn:
    name = type(step).__qualname__
    raise InputError(
        f"the preprocessing step {name} cannot be read: {reason}"
        + ("" if isinstance(step, nn.Module) or not callable(step) else f" (is {step!r} to be called first?)")
    )
