"""The command line of experiments that train variants."""

import argparse
from pathlib import Path

import torchvision

from experiments.frequency_channels.network import SMALL, TRANSFORMER
from experiments.frequency_channels.presets import PRESETS
from experiments.frequency_channels.recipe import OPTIMISERS, PRECISIONS, SCHEDULES
from experiments.frequency_channels.variants import variant
from experiments.lib import arguments
from jpegdomain.errors import InputError

__all__ = ["parser"]

_MODELS = ("resnet", "resnext", "wide_resnet", "mobilenet_v2")
_KNOWN = f"a ResNet of torchvision, {SMALL}, mobilenet_v2, or {TRANSFORMER}"


def _model(text: str) -> str:
    known = text in torchvision.models.list_models(torchvision.models) and text.startswith(_MODELS)
    if not known and text not in {SMALL, TRANSFORMER}:
        raise argparse.ArgumentTypeError(f"{_KNOWN}; got {text!r}")
    return text


def _variant(text: str) -> str:
    try:
        return variant(text).name
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser(experiment: str, description: str | None, preset: str) -> argparse.ArgumentParser:
    """Make the command line of an experiment that trains variants.

    Args:
        experiment: Its name.
        description: Of what it does.
        preset: That it has by default.
    """
    parser = arguments.parser(f"experiments.{experiment}", description)
    positive = arguments.positive
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with train and test (or val), each with one subfolder of JPEG files per class",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default=preset,
        help=f"sets the defaults of all options below up to --smoothing (default {preset})",
    )
    parser.add_argument("--model", type=_model, help=_KNOWN)
    parser.add_argument(
        "--variants",
        type=_variant,
        nargs="+",
        help="RGB, DCT-192, 24S, gate-24, learned-24, DCT-192@0, Late-Concat-RFA, …",
    )
    parser.add_argument("--seeds", type=positive, help="networks per variant")
    parser.add_argument("--side", type=positive, help="side of the RGB network's images")
    parser.add_argument("--short", type=positive, help="short side of test images at that scale, before the crop")
    parser.add_argument(
        "--area", type=arguments.share, help="smallest share of an image's area that a crop in training takes"
    )
    parser.add_argument("--limit", type=positive, help="train on, and test on, about this many files, evenly spread")
    parser.add_argument("--epochs", type=positive, help="passes over the training files")
    parser.add_argument("--batch", type=positive, help="images a step")
    parser.add_argument("--lr", type=arguments.amount, help="largest learning rate, for 256 images a step")
    parser.add_argument("--optimiser", choices=OPTIMISERS, help="SGD with momentum, or AdamW for transformers")
    parser.add_argument("--schedule", choices=SCHEDULES, help="learning-rate schedule")
    parser.add_argument("--warmup", type=arguments.amount, help="epochs in which the learning rate rises")
    parser.add_argument("--decay", type=arguments.amount, help="weight decay")
    parser.add_argument("--smoothing", type=arguments.amount, help="label smoothing")
    parser.add_argument(
        "--gate-weight", type=arguments.amount, default=0.05, help="weight of a gate's penalty (default 0.05)"
    )
    parser.add_argument(
        "--layer2-stride",
        type=int,
        choices=(1, 2),
        default=2,
        help="of ResNets on channels: 2 as in the paper (default), 1 as in its released code, about 3 × the operations",
    )
    parser.add_argument(
        "--seed", type=arguments.natural, default=0, help="the i-th network of a variant has seed + i (default 0)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="default: bfloat16 where it is fast")
    parser.add_argument("--readers", type=positive, default=1, help="threads that read files ahead (default 1)")
    parser.add_argument(
        "--processes-per-network",
        type=positive,
        default=1,
        help="of torchrun's processes, how many train each network together (default 1)",
    )
    parser.add_argument(
        "--parts",
        type=positive,
        help="parts of a batch that draw crops independently: a multiple of --processes-per-network (default: that "
        "number); to resume with another number of processes, give the value of the interrupted run",
    )
    parser.add_argument("--weights", type=Path, help="folder to save each trained network in (default: none)")
    arguments.add_machine(parser, None, f"results/{experiment}-DATA-MODEL-PRESET.json")
    return parser
