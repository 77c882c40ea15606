"""Load networks by the names that the command takes, and the preprocess that they were trained with."""

import importlib
import inspect
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import nn

from jpegdomain.errors import InputError, JpegDomainError, MissingPackageError
from jpegdomain.preprocess import CenterCrop, Compose, Recipe, Resize, recipe_of

__all__ = ["IMAGENET", "load_network", "running", "trained_with"]

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and std of ImageNet's channels on the scale 0…1."""


def load_network(name: str, weights: Path | None, pretrained: bool = False, classes: int | None = None) -> nn.Module:
    """Make a network by its name, in eval mode.

    Args:
        name: The model's name, in the form of the command's argument MODEL.
        weights: A file with the network's state_dict.
        pretrained: Whether to use the published weights.
        classes: Number of classes, if not the library's default.

    Returns:
        The network.

    Raises:
        InputError: If there is no such network, or the weights do not fit it.
        MissingPackageError: If it is a timm model, and timm is not installed.
    """
    library, _, rest = name.partition(":")
    if not rest:
        raise InputError(f"{name!r} is not a model's name: write torchvision:resnet50, timm:resnet50 or module:factory")
    settings: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    # Processes that share a run, and a resumed run, need the same random weights.
    torch.manual_seed(0)
    try:
        model = _made(library, rest, pretrained, settings)
    except MissingPackageError:
        raise
    except (AttributeError, ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{name} returned a {type(model).__qualname__}, not a torch.nn.Module")
    if weights is not None:
        _load(model, weights)
    return model.eval()


def _made(library: str, name: str, pretrained: bool, settings: dict[str, Any]) -> Any:
    if library == "torchvision":
        import torchvision

        # Detectors and segmentation networks would otherwise fetch their backbone's weights.
        builder = torchvision.models.get_model_builder(name)
        if not pretrained and "weights_backbone" in inspect.signature(builder).parameters:
            settings["weights_backbone"] = None
        return builder(weights="DEFAULT" if pretrained else None, **settings)
    if library == "timm":
        return _timm().create_model(name, pretrained=pretrained, **settings)
    # As with `python -m`, modules in the working directory are found.
    sys.path.insert(0, "")
    return getattr(importlib.import_module(library), name)(**settings)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError("models named timm:… need timm: pip install timm") from error
    return timm


def _load(model: nn.Module, path: Path) -> None:
    try:
        state = _state(path)
    except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a file of weights, as torch.save or safetensors write a state_dict") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        reason = shorten(" ".join(str(error).split()).partition(": ")[2] or str(error), 160, placeholder=" …")
        raise InputError(f"{path}: these weights do not fit this network: {reason}") from error


def _state(path: Path) -> Any:
    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingPackageError(f"{path}: pip install safetensors") from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from error


@contextmanager
def running(name: str) -> Iterator[None]:
    """Turn the errors of a network's own code into one line, for example that it does not take images of this size."""
    try:
        yield
    except (JpegDomainError, OSError):
        raise
    except Exception as error:
        reason = shorten(f"{type(error).__name__}: {error}", 200, placeholder=" …")
        raise InputError(f"{name}: the network cannot run: {reason}") from error


def trained_with(name: str, model: nn.Module, side: int | None = None) -> Recipe:
    """Return the preprocess that a network was trained with if its library gives one, else the usual one for ImageNet.

    Args:
        name: The network's name.
        model: The network.
        side: Use this height and width in pixels instead: resize the shorter side to 8/7 of it, then crop.

    Returns:
        The preprocess, mean and std.
    """
    library, _, rest = name.partition(":")
    if side is None and library == "torchvision":
        import torchvision

        return recipe_of(torchvision.models.get_model_weights(rest).DEFAULT.transforms())
    if side is None and library == "timm":
        timm = _timm()
        return recipe_of(timm.data.resolve_model_data_config(model))
    side = side or 224
    return Recipe(Compose([Resize(round(side * 8 / 7)), CenterCrop(side)]), *IMAGENET)
