"""Read timm's preprocessing: its settings, and its own transforms in addition to torchvision's."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from jpegdomain.errors import InputError, MissingPackageError

from .crop import CenterCrop, Pad, RandomResizedCrop
from .resampling import interpolation_name
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["KeepRatio", "PadThenCrop", "counterpart", "from_config", "passes"]


def from_config(config: Mapping[str, Any]) -> object:
    """Make the inference pipeline for ``timm.data.resolve_data_config``'s settings, or ``model.pretrained_cfg``."""
    if "input_size" not in config:
        raise InputError(
            "a dict as preprocess must be what timm.data.resolve_data_config returns, with 'input_size' and so on; "
            f"this one has the keys {', '.join(map(repr, config))}"
        )
    if importlib.util.find_spec("timm") is None:
        raise MissingPackageError("these settings need timm, which is not installed: pip install timm")
    from timm.data import create_transform

    known = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode", "crop_border_pixels")
    return create_transform(**{name: config[name] for name in known if name in config})


@dataclass(frozen=True)
class KeepRatio(Transform):
    """Resize so that the image covers the target size, fits inside it (`longest` 1), or something in between.

    Args:
        size: The target's height and width.
        longest: 0 to cover the target, 1 to fit inside it, or a weight in between.
        interpolation: As for `Resize`.
    """

    size: tuple[int, int]
    longest: float
    interpolation: str

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        ratios = [given / wanted for given, wanted in zip(so_far.extent, self.size, strict=True)]
        ratio = max(ratios) * self.longest + min(ratios) * (1 - self.longest)
        height, width = (round(given / ratio) for given in so_far.extent)
        return so_far.resize(height, width, interpolation_name(self.interpolation), True)


@dataclass(frozen=True)
class PadThenCrop(Transform):
    """Pad an image that is smaller than the crop, evenly, then crop the middle.

    Args:
        size: The crop's height and width.
        fill: The level, or three levels for R, G and B.
        padding_mode: As for `Pad`.
    """

    size: tuple[int, int]
    fill: tuple[float, ...]
    padding_mode: str

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        down, across = (max(wanted - given, 0) for given, wanted in zip(so_far.extent, self.size, strict=True))
        if down or across:
            padding = (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2)
            so_far = Pad(padding, self.fill, self.padding_mode).place(so_far)  # type: ignore[arg-type]
        return CenterCrop(self.size).place(so_far)


def _keep_ratio(step: Any, _: float) -> Transform:
    if step.random_scale_prob or step.random_aspect_prob:
        raise InputError("random scale and aspect are not supported: set their probabilities to 0")
    return KeepRatio(tuple(step.size), step.longest, _one_filter(step))


def _pad_then_crop(step: Any, scale: float) -> Transform:
    fill = step.fill if isinstance(step.fill, Sequence) else (step.fill,)
    return PadThenCrop(tuple(step.size), tuple(scale * level for level in fill), step.padding_mode)


def _random_resized_crop(step: Any, _: float) -> Transform:
    return RandomResizedCrop(step.size, step.scale, step.ratio, _one_filter(step))


def _one_filter(step: Any) -> str:
    if isinstance(step.interpolation, Sequence) and not isinstance(step.interpolation, str):
        raise InputError("random interpolation is not supported: choose 'bilinear' or 'bicubic'")
    return interpolation_name(step.interpolation)


_COUNTERPARTS: Final[dict[str, Callable[[Any, float], Transform]]] = {
    "ResizeKeepRatio": _keep_ratio,
    "CenterCropOrPad": _pad_then_crop,
    "RandomResizedCropAndInterpolation": _random_resized_crop,
}


def counterpart(step: object, scale: float) -> Transform | None:
    """The transform here that does the same as one of timm's.

    Args:
        step: A step from any library.
        scale: Levels per unit of the image's values.

    Returns:
        The transform; None if the step is not one of timm's geometric transforms.

    Raises:
        InputError: If the step has options that are not supported.
    """
    kind = type(step)
    make = _COUNTERPARTS.get(kind.__name__) if kind.__module__.startswith("timm.") else None
    return None if make is None else make(step, scale)


def passes(step: object) -> bool:
    """Whether a timm step changes neither pixels nor their range."""
    return type(step).__module__.startswith("timm.") and type(step).__name__ == "MaybePILToTensor"
