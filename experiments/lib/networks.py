"""Models by name: the embedded model, the models of `jpegdomain.models`, and every classifier of torchvision."""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from experiments.lib.images import Images
from jpegdomain import models

__all__ = ["EMBEDDED", "load_embedded", "load_network", "load_requested", "precision"]

EMBEDDED = Path(__file__).parent.parent / "embedded"
_OWN = {"cifar_resnet20": models.cifar_resnet20, "cifar_resnet32": models.cifar_resnet32}


def load_embedded() -> nn.Module:
    """Load the small network that comes with the repository."""
    saved = torch.load(EMBEDDED / "model.pt", weights_only=True)
    network = models.three_block_net(**saved["architecture"])
    network.load_state_dict(saved["state_dict"])
    return network.eval()


def _state(path: Path) -> dict[str, Any]:
    saved = torch.load(path, map_location="cpu", weights_only=True)
    state = saved.get("state_dict", saved)
    # In DataParallel's checkpoints, every key begins with 'module.'.
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_network(name: str, weights: str | None, classes: int, channels: int) -> nn.Module:
    """Build a model and load its weights.

    Args:
        name: 'embedded', 'three_block', 'cifar_resnet20', 'cifar_resnet32', or a torchvision classifier.
        weights: A file with a ``state_dict``, 'pretrained' for torchvision's own, or None for random weights, the same
            each time.
        classes: Number of classes, for models without weights of their own.
        channels: Channels of the images, for 'three_block'.

    Returns:
        The model in eval mode and float32.

    Raises:
        ValueError: If the model is unknown, or the weights do not fit.
    """
    if name == "embedded":
        if weights is not None:
            raise ValueError("--model embedded has its own weights; drop --weights")
        return load_embedded()
    if weights == "pretrained":
        if name not in torchvision.models.list_models():
            raise ValueError(f"only torchvision's models have pretrained weights to fetch, not {name!r}")
        return torchvision.models.get_model(name, weights="DEFAULT").eval()
    if weights is None:
        # Every process of a run, and a resumed run, must have the same random weights.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _built(name, classes, channels).eval()
    network = _built(name, classes, channels)
    network.load_state_dict(_state(Path(weights)))
    return network.eval()


def _built(name: str, classes: int, channels: int) -> nn.Module:
    if name == "three_block":
        return models.three_block_net(channels, classes)
    if name in _OWN:
        return _OWN[name](classes)
    if name in torchvision.models.list_models():
        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    own = ", ".join(["embedded", "three_block", *_OWN])
    raise ValueError(f"no model is called {name!r}: take {own} or one of torchvision.models.list_models()")


def precision(network: nn.Module) -> str:
    """Name the dtype of a network's weights, such as 'float32'."""
    return str(next(network.parameters()).dtype).removeprefix("torch.")


def load_requested(options: argparse.Namespace, images: Images) -> tuple[nn.Module, dict[str, Any]]:
    """Build the model that the options name, for the images that they name.

    Returns:
        The model, and what an experiment's numbers depend on: images, weights, mean and std.

    Raises:
        SystemExit: If the model or the file does not exist.
    """
    try:
        model = load_network(options.model, options.weights, images.classes, images.channels)
    except ValueError as error:
        raise SystemExit(f"--model: {error}") from error
    except FileNotFoundError as error:
        raise SystemExit(f"--weights: there is no file {error.filename}") from error
    fingerprint = hashlib.sha256(repr(images.identity()).encode())
    if options.weights not in (None, "pretrained"):
        fingerprint.update(Path(options.weights).read_bytes())
    return model, {
        "data": images.name,
        "fingerprint": fingerprint.hexdigest()[:16],
        "images": len(images),
        "model": options.model,
        "weights": None if options.weights is None else Path(options.weights).name,
        "batch": options.batch,
        "mean": options.mean,
        "std": options.std,
    }
