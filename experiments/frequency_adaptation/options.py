"""The command line."""

import argparse
from pathlib import Path

from experiments.frequency_adaptation.training import SCOPES
from experiments.frequency_channels.variants import variant
from experiments.lib import arguments
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD
from jpegdomain.errors import InputError

__all__ = ["STARTS", "parser"]

STARTS = ("fitted", "random", "scratch")
_MODELS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2")


def _variant(text: str) -> str:
    try:
        own = variant(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if own.selection is None or own.gated or own.learned or own.noise or own.design != "first-block":
        raise argparse.ArgumentTypeError(
            f"a fixed set of frequency channels, such as 24S, into the first block; got {text!r}"
        )
    return text


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make the command line."""
    parser = arguments.parser("experiments.frequency_adaptation", description)
    positive = arguments.positive
    folder = "each with one subfolder of JPEG files per class"
    parser.add_argument("--data", type=Path, required=True, help=f"folder with train and test (or val), {folder}")
    parser.add_argument("--model", choices=_MODELS, default="resnet18", help="default resnet18")
    parser.add_argument(
        "--weights", required=True, help="file with a state_dict, or 'pretrained' for torchvision's own"
    )
    parser.add_argument(
        "--mean", type=float, nargs=3, default=IMAGENET_MEAN, help="of the RGB input (default ImageNet's)"
    )
    parser.add_argument(
        "--std", type=arguments.share, nargs=3, default=IMAGENET_STD, help="of the RGB input (default ImageNet's)"
    )
    parser.add_argument("--same-padding", action="store_true", help="TensorFlow's padding of strided convolutions")
    parser.add_argument(
        "--samples", type=Path, help="ImageNet files named by class, as a further test of a network on 1,000 classes"
    )
    parser.add_argument(
        "--variants", type=_variant, nargs="+", default=["24S", "DCT-192"], help="sets (default 24S DCT-192)"
    )
    parser.add_argument(
        "--starts",
        choices=STARTS,
        nargs="+",
        default=list(STARTS),
        help="fitted: a first block fitted to the RGB network's; random: a new entrance with random weights;\n"
        "scratch: all weights random, also those of an RGB network (default: all three)",
    )
    parser.add_argument(
        "--train",
        choices=SCOPES,
        default="all",
        help="layers to train: those of stem and first block, or all (default); from scratch always all",
    )
    parser.add_argument("--seeds", type=positive, default=2, help="trainings of each kind (default 2)")
    parser.add_argument("--side", type=positive, default=112, help="side of the RGB network's images (default 112)")
    parser.add_argument(
        "--short", type=positive, default=144, help="short side of test images before the crop (default 144)"
    )
    parser.add_argument(
        "--area",
        type=arguments.share,
        default=0.35,
        help="smallest share of an image that a crop in training takes (default 0.35)",
    )
    parser.add_argument("--limit", type=positive, default=1500, help="train on about this many files (default 1500)")
    parser.add_argument("--tests", type=positive, default=500, help="test on about this many files (default 500)")
    parser.add_argument(
        "--fit",
        type=positive,
        default=256,
        help="training files that channels and first blocks are fitted on (default 256)",
    )
    parser.add_argument("--epochs", type=positive, default=1, help="passes over the training files (default 1)")
    parser.add_argument("--batch", type=positive, default=16, help="images a step (default 16)")
    parser.add_argument(
        "--lr",
        type=arguments.amount,
        default=3e-3,
        help="largest learning rate of layers that start at random (default 0.003)",
    )
    parser.add_argument(
        "--carried",
        type=arguments.amount,
        default=2e-4,
        help="that of layers already trained or fitted (default 0.0002)",
    )
    parser.add_argument("--decay", type=arguments.amount, default=0.01, help="AdamW's weight decay (default 0.01)")
    parser.add_argument("--seed", type=arguments.natural, default=0, help="of the first training (default 0)")
    parser.add_argument("--readers", type=positive, default=1, help="threads that read files ahead (default 1)")
    arguments.add_machine(parser, None, "results/frequency_adaptation-DATA-MODEL.json")
    return parser
