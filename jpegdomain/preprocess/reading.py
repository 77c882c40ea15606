"""Read torchvision's preprocessing: presets of pretrained weights, and pipelines of v1 or v2 transforms.

Timm's pipelines are torchvision's, with some steps of timm's own among them.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.transforms._presets import ImageClassification

from jpegdomain.errors import InputError

from . import timm
from .colour import ColorJitter, ColorMatrix, RandomChannelPermutation, RandomGrayscale
from .crop import CenterCrop, Pad, RandomCrop
from .erasing import RandomErasing
from .random_apply import RandomApply
from .recipe import Recipe
from .resize import Resize
from .targets import OnTargets
from .torchvision import COUNTERPARTS, PASSING, own_setting, refuse
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
        steps: The transforms so far.
        scale: The image's values are in 0…scale; first 255, then 1.
        floating: Whether the image is floating-point by now, so that no further conversion scales it.
        mean: The mean in Normalize, for the range 0…1; None before Normalize.
        std: The standard deviation in Normalize, for the range 0…1.
    """

    def __init__(self) -> None:
        self.steps: list[Transform] = []
        self.scale = 255.0
        self.floating = False
        self.mean: list[float] | None = None
        self.std: list[float] = []

    def recipe(self) -> Recipe:
        """The recipe that was read."""
        if self.mean is None:
            return Recipe(Compose(self.steps), (0.0,), (1 / self.scale,))
        return Recipe(Compose(self.steps), tuple(self.mean), tuple(self.std))

    def take(self, step: object) -> None:
        """Read one step, torchvision's or a `Transform`, or a pipeline of them."""
        if not isinstance(step, Transform):
            _check_class(step)
        if isinstance(step, Transform):
            self.steps.append(step)
        elif isinstance(step, v1.Compose | v2.Compose):
            for inner in step.transforms:
                self.take(inner)
        elif isinstance(step, nn.Sequential):
            for inner in step:
                self.take(inner)
        elif isinstance(step, v1.RandomApply | v2.RandomApply):
            self._random_apply(step)
        elif isinstance(step, ImageClassification):
            self.steps.append(Resize(step.resize_size, step.interpolation, antialias=step.antialias))
            self.steps.append(CenterCrop(step.crop_size))
            self._to(step, torch.float, True)
            self._normalise(step)
        elif isinstance(step, PASSING) or timm.passes(step):
            pass
        elif not (self._geometry(step) or self._values(step)):
            refuse(step, "it has no counterpart on coefficients")

    def _geometry(self, step: Any) -> bool:
        """Read a geometric step; False if it is not one."""
        try:
            made = self._counterpart(step)
        except (ValueError, InputError) as error:
            # A filter, most often.
            refuse(step, str(error))
        if made is None:
            return False
        if self.mean is not None and isinstance(made, CenterCrop | Pad | RandomCrop | timm.PadThenCrop):
            refuse(step, "its fill is black only before Normalize: put it before Normalize")
        if isinstance(made, ColorMatrix | ColorJitter | RandomGrayscale | RandomChannelPermutation):
            if self.mean is not None:
                refuse(step, "colours change before Normalize: put it before Normalize")
            if self.floating and self.scale == 255:
                refuse(step, "torchvision clamps floats to 0…1, and these are 0…255: give ToDtype scale=True")
        self.steps.append(made)
        return True

    def _counterpart(self, step: Any) -> Transform | None:
        for kinds, counterpart in COUNTERPARTS:
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
            refuse(step, "it occurs twice")
        # timm has them as tensors.
        self.mean, self.std = ([float(value) / self.scale for value in values] for values in (step.mean, step.std))

    def _random_apply(self, step: Any) -> None:
        before = vars(self).copy()
        self.steps = []
        for inner in step.transforms:
            self.take(inner)
        steps, self.steps = self.steps, before.pop("steps")
        if any(vars(self)[name] != value for name, value in before.items()):
            refuse(step, "it converts or normalises images at random: convert and normalise all images")
        self.steps.append(RandomApply(steps, step.p))

    def _erase(self, step: Any) -> None:
        """Convert values of the image at this point to levels."""
        offset, unit = np.zeros(1), np.full(1, 255 / self.scale)
        if self.mean is not None:
            offset, unit = 255 * np.array(self.mean), 255 * np.array(self.std)
        drawn = step.value is None or isinstance(step.value, str)
        levels = offset + unit * np.asarray(0 if drawn else step.value, np.float64)
        noise = tuple(unit.tolist()) if drawn else None
        self.steps.append(RandomErasing(step.p, step.scale, step.ratio, tuple(levels.tolist()), noise))

    def _to(self, step: Any, dtype: object, scale: bool) -> None:
        if isinstance(dtype, dict):
            # Targets take the same step; labels are left as they are.
            self.steps.append(OnTargets(step))
            dtype = own_setting(step, dtype)
            if dtype is None:
                return
        if not isinstance(dtype, torch.dtype):
            refuse(step, "its dtype is not the same for all images")
        elif dtype.is_floating_point:
            self.scale = 1.0 if scale and not self.floating else self.scale
            self.floating = True
        elif dtype != torch.uint8 or self.floating:
            refuse(step, "floating-point images are not converted to integers here")


_COMPUTING = ("__call__", "forward", "transform", "_transform", "make_params", "_get_params", "get_params")
_LIBRARIES = ("torchvision", "timm", "torch")


def _check_class(step: object) -> None:
    """Raise an error for a foreign class that computes something different from its base class in the library."""
    kind = type(step)
    known = next((base for base in kind.__mro__ if base.__module__.partition(".")[0] in _LIBRARIES), kind)
    changed = [name for name in _COMPUTING if getattr(kind, name, None) is not getattr(known, name, None)]
    if changed:
        refuse(step, f"it is a {known.__qualname__} with a {changed[0]} of its own")
