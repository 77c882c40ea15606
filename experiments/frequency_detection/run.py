r"""Mask R-CNN and Faster R-CNN on RGB and on frequency channels, trained alike on a data set in COCO's format.

    python -m experiments.frequency_detection --images coco/train2017 coco/val2017 \
        --annotations coco/annotations/instances_{train,val}2017.json --device cuda \
        --variants RGB 24S --backbone-weights RGB=weights/RGB-0.pt 24S=weights/24S-0.pt
    torchrun --nproc-per-node 4 -m experiments.frequency_detection ...  # the networks shared among four GPUs
    torchrun --nproc-per-node 8 -m experiments.frequency_detection ... --processes-per-network 8  # one after the other
    python -m experiments.frequency_detection ... --small --min-size 128 --max-size 192 --epochs 2  # to try it out

Xu et al. (2020), tables 3 and 4. The frequency networks take the channels of the files' own coefficients, of images at
twice the RGB network's size; boxes, masks and anchors are the same. The recipe is that of torchvision's detection
reference. All networks have the same budget, and for each seed the same order, flips and initial weights where they
share layers. Backbones start from the weights that `experiments.frequency_channels --weights FOLDER` wrote, or at
random, all of them alike; 'pretrained' is torchvision's network on RGB, of which surgery carries over what it can.

An interrupted run resumes after the last epoch that it finished.
"""

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from experiments.frequency_channels.recipe import resolved
from experiments.frequency_channels.training import Checkpoints
from experiments.frequency_channels.variants import variant
from experiments.frequency_detection.coco import CocoImages, Items
from experiments.frequency_detection.network import PRETRAINED, Design, build, fit
from experiments.frequency_detection.options import alike, micro, parser
from experiments.frequency_detection.results import summary, table
from experiments.frequency_detection.training import Recipe, Trainer
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal
from jpegdomain.frequency import ChannelStatistics

__all__ = ["main"]

_STATISTICS = "statistics"


class _Run:
    """One run in one process."""

    def __init__(self, options: argparse.Namespace, here: World) -> None:
        self.options, self.here = options, here
        precision = resolved(options.precision, here.device)
        self.design = Design(
            options.model, options.backbone, options.min_size, options.max_size, options.small, precision
        )
        self.training, self.testing = (
            CocoImages(images, annotations, options.limit, annotated)
            for images, annotations, annotated in zip(options.images, options.annotations, (True, False), strict=True)
        )
        if self.training.categories != self.testing.categories:
            raise SystemExit("--annotations: the two files have different categories")
        milestones = options.milestones or [round(options.epochs * share / 26) for share in (16, 22)]
        recipe = Recipe(options.epochs, milestones, options.batch, options.micro_batch, options.lr)
        self.weights = alike(options)
        identity = repr((self.training.identity(), self.testing.identity())).encode()
        self.settings: dict[str, Any] = {
            "fingerprint": hashlib.sha256(identity).hexdigest()[:16],
            "training_images": len(self.training),
            "test_images": len(self.testing),
            "categories": len(self.training.categories),
            **asdict(self.design),
            **asdict(recipe),
            "fitted": options.fitted,
            "first_weights": {name: _digest(path) for name, path in self.weights.items()} or "random",
        }
        self.environment = describe(here.device) | {"processes": here.size}
        decided = self.settings | decisive(self.environment)
        folder = options.output.with_suffix(".partial")
        self.journal = Journal(folder, decided, here.rank)
        self.checkpoints = Checkpoints(folder, decided)
        self.trainer = Trainer(recipe, self.checkpoints, here.device, options.workers, not here.first, here.team)

    def statistics(self, _: str) -> dict[str, Any]:
        """Fit the statistics that all frequency networks are normalised with."""
        return fit(self.design, self.training, self.options.fitted, quiet=not self.here.first).to_dict()

    def unit(self, name: str) -> dict[str, Any]:
        """Train and evaluate one network."""
        for finished in self.journal.results:
            self.checkpoints.drop(finished)
        called, _, number = name.rpartition("-")
        seed = int(number)
        own = variant(called, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build(
                self.design,
                len(self.training.categories),
                own.selection,
                ChannelStatistics.from_dict(self.journal.results[_STATISTICS]),
                self.weights.get(own.name),
            )
        training, testing = (
            Items(images, own.selection is None, self.design.masks) for images in (self.training, self.testing)
        )
        epochs = self.trainer.train(name, model, seed, training, testing)
        if self.options.weights is not None and self.here.team.first:
            self.options.weights.mkdir(parents=True, exist_ok=True)
            fresh = self.options.weights / f"{name}.new"
            torch.save(model.state_dict(), fresh)
            fresh.replace(self.options.weights / f"{name}.pt")
        parameters = sum(values.numel() for values in model.parameters())
        return {"variant": own.name, "seed": seed, "parameters": parameters, "epochs": epochs}


def _digest(path: str) -> str:
    return path if path == PRETRAINED else f"file {hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]}"


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = parser(__doc__).parse_args(given)
    if options.output is None:
        options.output = Path(f"results/frequency_detection-{options.model}.json")
    options.micro_batch = micro(options)
    with world(options.device, options.threads, options.processes_per_network) as here:
        run = _Run(options, here)
        fitted = here.share([_STATISTICS], run.journal, run.statistics, "statistics")
        run.journal.results.update(fitted)
        # Seed by seed, so that an interrupted run has whole tables first.
        seeds = range(options.seed, options.seed + options.seeds)
        units = [f"{name}-{seed}" for seed in seeds for name in dict.fromkeys(options.variants)]
        report = {
            "experiment": "frequency_detection",
            "settings": run.settings,
            "environment": run.environment,
            "result": summary(here.share(units, run.journal, run.unit, "networks")),
        }

        def write() -> None:
            save(report, options.output)
            print(f"{table(report)}\n\nwrote {options.output}")

        here.conclude(run.journal, write)
        return report
