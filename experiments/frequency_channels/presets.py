"""Presets of the frequency-channel experiments: all that a command line leaves open."""

import argparse
from typing import Any

from experiments.frequency_channels.network import SMALL, TRANSFORMER

__all__ = ["PRESETS", "fill_in"]

_TABLE_1 = ("RGB", "YCbCr", "DCT-192", "24D", "24S", "24T", "48S", "48T", "64S", "64T")
_TABLE_2 = ("RGB", "6S", "12S", "24S", "32S")

_CPU: dict[str, Any] = {
    "seeds": 3,
    "side": 80,
    "short": 80,
    "area": 0.25,
    "limit": None,
    "batch": 64,
    "optimiser": "sgd",
    "nesterov": True,
    "lr": 0.2,
    "schedule": "cosine",
    "warmup": 1.0,
    "decay": 5e-4,
    "smoothing": 0.1,
}
_STANDARD: dict[str, Any] = {
    "seeds": 1,
    "side": 224,
    "short": 256,
    "area": 0.08,
    "limit": None,
    "batch": 256,
    "optimiser": "sgd",
    "nesterov": False,
    "warmup": 0.0,
    "smoothing": 0.0,
}
_SMOKE: dict[str, Any] = {"seeds": 1, "side": 48, "short": 48, "limit": 256, "batch": 32, "lr": 0.1, "warmup": 0.25}

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": _CPU | _SMOKE | {"model": "resnet18", "variants": ("RGB", "DCT-192", "24S", "gate-24"), "epochs": 1},
    "ablation-3": _CPU
    | {
        "model": SMALL,
        "variants": ("24S", "DCT-192@0", "DCT-192@8", "DCT-192", "24S+noise-168", "random-24", "learned-24"),
        "epochs": 3,
    },
    "cpu-5": _CPU
    | {
        "model": "resnet18",
        "variants": ("RGB", "RGB-large", "YCbCr", "DCT-192", "24S", "24T", "24D", "random-24", "learned-24"),
        "epochs": 5,
    },
    "transformer-10": _CPU
    | {
        "model": TRANSFORMER,
        "variants": ("RGB", "DCT-192", "24S"),
        "epochs": 10,
        "optimiser": "adamw",
        "lr": 0.002,
        "decay": 0.05,
    },
    "standard-90": _STANDARD
    | {"model": "resnet50", "variants": _TABLE_1, "epochs": 90, "lr": 0.1, "schedule": "step", "decay": 1e-4},
    "mobilenet-150": _STANDARD
    | {"model": "mobilenet_v2", "variants": _TABLE_2, "epochs": 150, "lr": 0.05, "schedule": "cosine", "decay": 4e-5},
}
"""Named by purpose, then number of epochs; Xu et al. published no recipe, so none of these is theirs.

'smoke': a minute. 'ablation-3': many small networks. 'cpu-5': two cores for hours. 'transformer-10': a vision
transformer, which needs more epochs. 'standard-90': the usual 90 epochs
of ResNet-50 on ImageNet with a tenth of the learning rate every 30. 'mobilenet-150': 150 epochs with a cosine, as
MobileNetV2 is often trained.
"""


def fill_in(options: argparse.Namespace) -> None:
    """Fill options that were not given with the preset's values.

    Args:
        options: With ``preset``, and None for every option that was not given; filled in place.
    """
    values = dict(PRESETS[options.preset])
    mobilenet = (options.model or values["model"]).startswith("mobilenet")
    if mobilenet != values["model"].startswith("mobilenet"):
        values["variants"] = _TABLE_2 if mobilenet else _TABLE_1
    for name, value in values.items():
        if getattr(options, name, value) is None:
            setattr(options, name, value)
    if options.parts is None:
        options.parts = options.processes_per_network
