"""The command line of the detection experiment."""

import argparse
from pathlib import Path

from experiments.frequency_channels.recipe import PRECISIONS
from experiments.frequency_channels.variants import variant
from experiments.frequency_detection.network import PRETRAINED
from experiments.lib import arguments
from jpegdomain.errors import InputError

__all__ = ["alike", "micro", "parser"]

_BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2")


def _variant(text: str) -> str:
    try:
        own = variant(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if own.large:
        raise argparse.ArgumentTypeError(
            "all variants find objects in the same frame: for RGB on larger images, run RGB by itself with twice "
            f"--min-size and --max-size; got {text!r}"
        )
    plain = own.selection is not None and not (own.gated or own.learned or own.noise or own.halved)
    if own.normalisation is not None or not (plain or own.name == "RGB"):
        raise argparse.ArgumentTypeError(
            f"RGB, a published set such as 24S, luma-N for the first N of luma, or random-N; got {text!r}"
        )
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


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make the command line."""
    parser = arguments.parser("experiments.frequency_detection", description)
    positive = arguments.positive
    parser.add_argument("--images", type=Path, nargs=2, required=True, help="folders of JPEG files: train, val")
    parser.add_argument("--annotations", type=Path, nargs=2, required=True, help="COCO's JSON files: train, val")
    parser.add_argument("--limit", type=positive, help="train on, and test on, about this many images, evenly spread")
    parser.add_argument(
        "--model", choices=("mask", "faster"), default="mask", help="Mask or Faster R-CNN (default mask)"
    )
    parser.add_argument(
        "--variants",
        type=_variant,
        nargs="+",
        default=["RGB", "24S", "48S", "64S"],
        help="RGB, published sets, luma-N, random-N (default RGB 24S 48S 64S)",
    )
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
        help="epochs after which the learning rate falls to a tenth (default 16 22 of 26, else in proportion)",
    )
    parser.add_argument("--batch", type=positive, default=16, help="images a step (default 16)")
    parser.add_argument(
        "--micro-batch",
        type=positive,
        help="images of a step that the network sees at once, in all processes that train it; losses and batch "
        "norms are averaged over them (default 2 for each process); to resume with another number of processes, give "
        "the value of the interrupted run",
    )
    parser.add_argument(
        "--processes-per-network",
        type=positive,
        default=1,
        help="of torchrun's processes, how many train each network together (default 1)",
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


def alike(options: argparse.Namespace) -> dict[str, str]:
    """Initial weights by variant: for all or none, since comparing random with trained ones would tell nothing."""
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


def micro(options: argparse.Namespace) -> int:
    """Images of a micro-batch: a number that can be divided among a network's processes, like that of a step."""
    together = options.processes_per_network
    micro: int = min(options.micro_batch or 2 * together, options.batch)
    if micro % together or options.batch % together:
        raise SystemExit(
            f"--processes-per-network: steps of {options.batch} images in micro-batches of {micro} cannot be divided "
            f"among {together} processes equally: give multiples of {together} as --batch and --micro-batch"
        )
    return micro
