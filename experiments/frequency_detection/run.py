r"""Mask R-CNN and Faster R-CNN on RGB and on frequency channels, trained alike on a data set in COCO's format.

    python -m experiments.frequency_detection --images coco/train2017 coco/val2017 \
        --annotations coco/annotations/instances_{train,val}2017.json --device cuda \
        --variants RGB 24S --backbone-weights RGB=weights/RGB-0.pt 24S=weights/24S-0.pt
    torchrun --nproc-per-node 4 -m experiments.frequency_detection ...  # the networks shared among four GPUs
    python -m experiments.frequency_detection ... --small --min-size 128 --max-size 192 --epochs 2  # to try it out

Xu et al. (2020), tables 3 and 4. The frequency networks take the channels of the files' own coefficients, of images at
twice the RGB network's size; boxes, masks and anchors are the same. The recipe is that of torchvision's detection
reference. All networks have the same budget, and by seed the same order, flips and first weights as far as they have
them in common. Backbones start from the weights that `experiments.frequency_channels --weights FOLDER` wrote, or at
random, all of them alike; 'pretrained' is torchvision's network on RGB, of which surgery carries over what it can.

An interrupted run resumes after the last epoch that it finished.
"""

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from experiments.frequency_channels.recipe import PRECISIONS, resolved
from experiments.frequency_channels.training import Checkpoints
from experiments.frequency_channels.variants import variant
from experiments.frequency_detection.coco import CocoImages, Items
from experiments.frequency_detection.network import PRETRAINED, Design, build, fit
from experiments.frequency_detection.results import summary, table_of
from experiments.frequency_detection.training import Recipe, Trainer
from experiments.lib import arguments
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelStatistics

__all__ = ["main"]

_BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2")
_STATISTICS = "statistics"


def _variant(text: str) -> str:
    try:
        own = variant(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if own.target is not None or (own.selection is None and own.name != "RGB"):
        raise argparse.ArgumentTypeError(f"RGB, or a published set such as 24S; got {text!r}")
    return own.name


def _weights(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if path != PRETRAINED and not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"VARIANT=FILE, or VARIANT={PRETRAINED}; got {text!r}, which names no file")
    return _variant(name), path


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed; got {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.frequency_detection", __doc__)
    positive = arguments.positive
    parser.add_argument("--images", type=Path, nargs=2, required=True, help="folders of JPEG files: train, val")
    parser.add_argument("--annotations", type=Path, nargs=2, required=True, help="COCO's JSON files: train, val")
    parser.add_argument("--limit", type=positive, help="train on, and test on, about this many images, evenly spread")
    parser.add_argument(
        "--model", choices=("mask", "faster"), default="mask", help="Mask or Faster R-CNN (default mask)"
    )
    parser.add_argument("--variants", type=_variant, nargs="+", default=["RGB", "24S", "48S", "64S"])
    parser.add_argument("--backbone", choices=_BACKBONES, default="resnet50", help="backbone (default resnet50)")
    parser.add_argument(
        "--backbone-weights",
        type=_weights,
        nargs="+",
        default=[],
        metavar="VARIANT=FILE",
        help="state dicts of classifiers on the same input, or 'pretrained'; default: random weights",
    )
    parser.add_argument("--min-size", type=positive, default=800, help="short side of RGB images (default 800)")
    parser.add_argument("--max-size", type=positive, default=1333, help="their long side at most (default 1333)")
    parser.add_argument("--small", action="store_true", help="small heads and an eighth of the samples, to try it out")
    parser.add_argument("--epochs", type=positive, default=26, help="passes over the training images (default 26)")
    parser.add_argument(
        "--milestones",
        type=positive,
        nargs="+",
        help="epochs after which the learning rate falls to a tenth (default 16 22 of 26, in proportion of others)",
    )
    parser.add_argument("--batch", type=positive, default=16, help="images a step (default 16)")
    parser.add_argument(
        "--micro-batch", type=positive, default=2, help="images of a step in memory at once (default 2)"
    )
    parser.add_argument("--lr", type=_rate, default=0.02, help="learning rate for 16 images a step (default 0.02)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="precision of the backbone (default: bfloat16 where it is fast)",
    )
    parser.add_argument("--fitted", type=positive, default=1000, help="images to fit statistics on (default 1000)")
    parser.add_argument("--seeds", type=positive, default=1, help="networks per variant (default 1)")
    parser.add_argument(
        "--seed", type=arguments.natural, default=0, help="the i-th network of a variant has seed + i (default 0)"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read files ahead (default 0)")
    parser.add_argument("--weights", type=Path, help="folder to save each trained network in (default: none)")
    arguments.add_machine(parser, None, "results/frequency_detection-MODEL.json")
    return parser


def _alike(options: argparse.Namespace) -> dict[str, str]:
    """First weights by variant: of all or of none, since random ones against trained ones would tell nothing."""
    weights = dict(options.backbone_weights)
    unknown = [name for name in weights if name not in options.variants]
    if unknown:
        raise SystemExit(f"--backbone-weights: {', '.join(unknown)} not among --variants {' '.join(options.variants)}")
    missing = [name for name in dict.fromkeys(options.variants) if name not in weights]
    if weights and missing:
        raise SystemExit(
            f"--backbone-weights: none for {', '.join(missing)}: like is compared with like, so name weights for all "
            "--variants or for none"
        )
    return weights


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
            raise SystemExit("--annotations: the two files have other categories")
        milestones = options.milestones or [round(options.epochs * share / 26) for share in (16, 22)]
        recipe = Recipe(options.epochs, milestones, options.batch, options.micro_batch, options.lr)
        self.weights = _alike(options)
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
        self.trainer = Trainer(recipe, self.checkpoints, here.device, options.workers, quiet=not here.first)

    def statistics(self, _: str) -> dict[str, Any]:
        """Fit what all frequency networks are normalised with."""
        return fit(self.design, self.training, self.options.fitted, quiet=not self.here.first).to_dict()

    def unit(self, name: str) -> dict[str, Any]:
        """Train and evaluate one network."""
        for finished in self.journal.results:
            self.checkpoints.drop(finished)
        called, _, number = name.rpartition("-")
        own, seed = variant(called), int(number)
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
        if self.options.weights is not None:
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
    options = _parser().parse_args(given)
    if options.output is None:
        options.output = Path(f"results/frequency_detection-{options.model}.json")
    with world(options.device, options.threads) as here:
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
            print(f"{table_of(report)}\n\nwrote {options.output}")

        here.conclude(run.journal, write)
        return report
