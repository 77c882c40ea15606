"""From levels to what a network takes: mean and std, of a preprocess or given."""

import functools
from typing import Any

import torch
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.preprocess import recipe_of

from .entry import IMAGENET_MEAN, IMAGENET_STD, Values

__all__ = ["scale_and_shift"]


def scale_and_shift(
    preprocess: object, mean: Values | None, std: Values | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """From levels to what is wanted: scale·levels + shift, float64 (3,)."""
    if not (dtype.is_floating_point or dtype == torch.uint8):
        raise InputError(f"dtype must be a floating-point type or uint8, got {dtype}")
    given = mean is not None or std is not None
    if dtype == torch.uint8:
        if given:
            raise InputError("uint8 pixels are levels, without normalisation: leave out mean and std")
        # Rounded, by adding one half and rounding down.
        return _of_levels()
    recipe = None if preprocess is None else recipe_of(preprocess)
    if recipe is not None and recipe.normalisation is not None and given:
        raise InputError(
            "the preprocess has its own mean and std: leave out these, or give a preprocess without normalisation"
        )
    if recipe is not None and recipe.mean is not None and not given:
        mean, std = recipe.mean, recipe.std
    return _of(
        _numbers("mean", IMAGENET_MEAN if mean is None else mean), _numbers("std", IMAGENET_STD if std is None else std)
    )


def _of_levels() -> tuple[Tensor, Tensor]:
    one = torch.ones(3, dtype=torch.float64, device="cpu")
    return one, one / 2


# Making a tensor takes as long as decoding a small file.
@functools.lru_cache(maxsize=64)
def _of(mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    means, stds = (torch.tensor(values, dtype=torch.float64, device="cpu").expand(3) for values in (mean, std))
    return 1 / (255 * stds), -means / stds


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not (isinstance(values, tuple) and all(isinstance(value, float) for value in values)):
        values = tuple(torch.as_tensor(values, dtype=torch.float64).flatten().tolist())
    if len(values) not in (1, 3):
        raise InputError(f"{name} must be one number or three, got {len(values)}")
    if name == "std" and not all(values):
        raise InputError("std must not contain a zero")
    return tuple(values)
