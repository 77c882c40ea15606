"""Options of `experiments.frequency_channels` by preset."""

import argparse
from typing import Any

__all__ = ["PRESETS", "fill_in"]

_TABLE_1 = ("RGB", "YCbCr", "DCT-192", "24D", "24S", "24T", "48S", "48T", "64S", "64T")
_TABLE_2 = ("RGB", "6S", "12S", "24S", "32S")

PRESETS: dict[str, dict[str, Any]] = {
    "smoke": {
        "model": "resnet18",
        "variants": ("RGB", "DCT-192", "24S", "gate-24"),
        "seeds": 1,
        "side": 48,
        "short": 48,
        "area": 0.25,
        "limit": 256,
        "epochs": 1,
        "batch": 32,
        "nesterov": True,
        "lr": 0.1,
        "schedule": "cosine",
        "warmup": 0.25,
        "decay": 5e-4,
        "smoothing": 0.1,
    },
    "cpu": {
        "model": "resnet18",
        "variants": ("RGB", "YCbCr", "DCT-192", "24S", "24T", "24D", "gate-24"),
        "seeds": 3,
        "side": 80,
        "short": 80,
        "area": 0.25,
        "limit": None,
        "epochs": 5,
        "batch": 64,
        "nesterov": True,
        "lr": 0.2,
        "schedule": "cosine",
        "warmup": 1.0,
        "decay": 5e-4,
        "smoothing": 0.1,
    },
    "full": {
        "model": "resnet50",
        "variants": _TABLE_1,
        "seeds": 1,
        "side": 224,
        "short": 256,
        "area": 0.08,
        "limit": None,
        "epochs": 90,
        "batch": 256,
        "nesterov": False,
        "lr": 0.1,
        "schedule": "step",
        "warmup": 0.0,
        "decay": 1e-4,
        "smoothing": 0.0,
    },
}
"""'smoke': a minute. 'cpu': two cores. 'full': the field's recipe for ResNet-50, which theirs follows."""

_MOBILENET = {"variants": _TABLE_2, "epochs": 150, "lr": 0.05, "schedule": "cosine", "decay": 4e-5}
"""What is another recipe for MobileNetV2 in 'full'."""


def fill_in(options: argparse.Namespace) -> None:
    """Give the options that were not given the values of the preset.

    Args:
        options: With ``preset``, and None for every option that was not given; filled in place.
    """
    values = dict(PRESETS[options.preset])
    model = options.model or values["model"]
    if model.startswith("mobilenet"):
        values |= _MOBILENET if options.preset == "full" else {"variants": _TABLE_2}
    for name, value in values.items():
        if getattr(options, name, value) is None:
            setattr(options, name, value)
