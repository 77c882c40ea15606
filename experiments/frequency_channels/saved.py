"""Networks that ``--weights FOLDER`` saved, as their report describes them: nothing is fitted again."""

import argparse
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from experiments.frequency_channels.entries import HalvedChromaEntry, NoisyEntry, PixelEntry
from experiments.frequency_channels.inputs import Files, find_files
from experiments.frequency_channels.network import Classifier, build
from experiments.frequency_channels.variants import PIXELS, Variant, variant
from experiments.lib import arguments
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, Frontend
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import CenterCrop, Compose, Resize, Transform

__all__ = ["Saved", "Trained", "add_saved", "load", "middle", "opened", "read_report", "whole"]

_TRAINED = ("model", "data", "classes", "side", "short", "frequency_side", "precision", "layer2_stride", "epochs")
_EXPERIMENTS = ("frequency_channels", "frequency_normalisation")


@dataclass(frozen=True)
class Saved:
    """One trained network.

    Args:
        variant: What it is fed with.
        seed: Of its training.
        model: In eval mode, with the statistics and the set that it was trained with.
        described: Its line of the report: top1, operations and so on.
    """

    variant: Variant
    seed: int
    model: Classifier
    described: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of its file without '.pt'."""
        return f"{self.variant.name}-{self.seed}"


def add_saved(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a report, its networks, and the files to test them with."""
    parser.add_argument(
        "report", type=Path, help="JSON of experiments.frequency_channels or experiments.frequency_normalisation"
    )
    parser.add_argument("--weights", type=Path, required=True, help="folder that its --weights saved the networks in")
    parser.add_argument("--data", type=Path, required=True, help="the folder that its --data named")
    parser.add_argument("--variants", nargs="+", help="of those in the report (default: all)")
    parser.add_argument("--limit", type=arguments.positive, help="test on about this many files, evenly spread")
    parser.add_argument("--batch", type=arguments.positive, help="images at a time (default: the training's)")


@dataclass(frozen=True)
class Trained:
    """All that the options of `add_saved` name.

    Args:
        settings: Of the trainings.
        networks: They.
        testing: Files to test them with.
        units: Batches of these by name.
        described: What an experiment's numbers depend on.
    """

    settings: dict[str, Any]
    networks: list[Saved]
    testing: Files
    units: dict[str, Sequence[int]]
    described: dict[str, Any]


def opened(options: argparse.Namespace, device: torch.device) -> Trained:
    """Open what the options of `add_saved` name.

    Raises:
        SystemExit: If something is missing, or they do not belong together.
    """
    report = read_report(options.report, options.variants)
    networks = load(report, options.weights, device)
    training, testing = find_files(options.data, options.limit)
    settings = report["settings"]
    if testing.classes != settings["classes"]:
        raise SystemExit(f"--data: {options.data} has {testing.classes} classes, the networks {settings['classes']}")
    # Channels of noise are those of a batch.
    batch, count = options.batch or settings["batch"], len(testing)
    own = hashlib.sha256(repr((training.identity(), testing.identity())).encode()).hexdigest()[:16]
    described = {name: settings.get(name) for name in _TRAINED} | {
        "report": options.report.name,
        "trained_at": report["environment"]["commit"],
        "weights": _fingerprint(networks, options.weights),
        "files": options.data.name,
        "fingerprint": own,
        "same_files": own == settings["fingerprint"],
        "batch": batch,
    }
    units: dict[str, Sequence[int]] = {
        str(start): range(start, min(start + batch, count)) for start in range(0, count, batch)
    }
    return Trained(settings, networks, testing, units, described)


def read_report(path: Path, variants: Sequence[str] | None = None) -> dict[str, Any]:
    """Read a report of trainings.

    Args:
        path: Of its JSON.
        variants: To keep; None for all.

    Raises:
        SystemExit: If it is none, or has no such variants.
    """
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} cannot be read as a report: {error}") from error
    if not isinstance(report, dict) or report.get("experiment") not in _EXPERIMENTS:
        raise SystemExit(f"{path} is no report of experiments.{' or experiments.'.join(_EXPERIMENTS)}")
    each = report["result"]["each"]
    if variants is not None:
        if unknown := sorted(set(variants) - {one["variant"] for one in each}):
            raise SystemExit(f"--variants: {path} has no {', '.join(unknown)}")
        report["result"]["each"] = [one for one in each if one["variant"] in variants]
    return report


def load(report: dict[str, Any], folder: Path, device: torch.device | str = "cpu") -> list[Saved]:
    """Build every network of a report again, and load what was saved of it.

    Args:
        report: Of the trainings.
        folder: With a file VARIANT-SEED.pt for each.
        device: To compute on.

    Raises:
        SystemExit: If a file is missing, or is not that of its variant and network.
    """
    settings = report["settings"]
    found = []
    for one in report["result"]["each"]:
        own = variant(one["variant"], one["seed"])
        if "static" in one:
            own = own.static(ChannelSet.from_dict(one["static"]))
        elif own.learned:
            raise SystemExit(f"the report does not say which channels {own.name} takes, in 'static'")
        model = build(
            own,
            _entry(own),
            settings["model"],
            settings["classes"],
            one["seed"],
            settings["side"],
            settings.get("layer2_stride", 2),
        )
        _fill(model, folder / f"{own.name}-{one['seed']}.pt", f"{own.name} on {settings['model']}")
        found.append(Saved(own, one["seed"], model.to(device).eval(), one))
    return found


def _fingerprint(saved: Sequence[Saved], folder: Path) -> str:
    """Return a short hash of the files."""
    digest = hashlib.sha256()
    for one in saved:
        digest.update((folder / f"{one.name}.pt").read_bytes())
    return digest.hexdigest()[:16]


def _entry(own: Variant) -> nn.Module:
    """The first layer, whose statistics are still to be loaded."""
    if own.selection is None:
        return PixelEntry(PIXELS[own.name], torch.zeros(3), torch.ones(3))
    if own.halved:
        return HalvedChromaEntry()
    entry = Frontend(own.selection)
    return NoisyEntry(entry, own.noise) if own.noise else entry


_DAMAGED = (
    *(RuntimeError, LookupError, TypeError, ValueError, AttributeError),
    *(UnpicklingError, EOFError, AssertionError, struct.error),
)
"""What `torch.load` and `load_state_dict` raise for files that are damaged, or of another network."""


def _fill(model: Classifier, path: Path, title: str) -> None:
    if not path.exists():
        raise SystemExit(f"--weights: {path.parent} has no {path.name}: the training saves it with --weights")
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except InputError as error:
        raise SystemExit(f"--weights: {path} is not that of {title}: {error}") from error
    except _DAMAGED as error:
        raise SystemExit(f"--weights: {path} is not that of {title}: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first line of load_state_dict names the class alone, the second what is wrong.
    return lines[min(1, len(lines) - 1)][:200] if lines else type(error).__name__


def _scales(settings: dict[str, Any], own: Variant) -> tuple[int, int]:
    """Sides of a variant's images and of those that channels are taken from, over the side of the RGB network's."""
    largest = settings["frequency_side"] // settings["side"]
    large = own.large or (own.selection is not None and not own.halved)
    return (largest if large else 1), largest


def middle(settings: dict[str, Any], own: Variant) -> Transform:
    """Make the preprocess that the trainings were tested with: the short side resized, and the middle cut out."""
    scale, _ = _scales(settings, own)
    return Compose([Resize(scale * settings["short"]), CenterCrop(scale * settings["side"])])


def whole(settings: dict[str, Any], own: Variant, extent: Extent) -> Transform | None:
    """Make the preprocess that leaves whole files as they are, for channels; and makes them as much smaller for RGB.

    Args:
        settings: Of the report.
        own: What is fed.
        extent: Of the files.

    Returns:
        None if nothing is to be done: then the blocks that channels are taken from are the file's own.
    """
    scale, largest = _scales(settings, own)
    if scale == largest:
        return None
    return Resize(tuple(-(-side * scale // largest) for side in extent))
