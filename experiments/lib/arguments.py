"""Options that the experiments' command lines have in common: numbers, devices, data sets."""

import argparse
import math
import os
from pathlib import Path

import torch

from experiments.lib.images import DATASETS, Images, JpegFiles, LosslessImages

__all__ = [
    "add_data",
    "add_machine",
    "add_model",
    "add_networks",
    "amount",
    "device",
    "frequencies",
    "images",
    "natural",
    "parser",
    "positive",
    "share",
    "split",
]

_TESTS = ("test", "val")


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Make the parser of a module run by ``python -m``; the description keeps its line breaks."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawTextHelpFormatter
    )


def frequencies(text: str) -> list[int]:
    """Read numbers of spatial frequencies.

    Args:
        text: Such as '1-3,15'.

    Returns:
        Such as [1, 2, 3, 15].

    Raises:
        argparse.ArgumentTypeError: If they are not numbers in 1…15.
    """
    numbers: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1 or max(numbers) > 15:
        raise argparse.ArgumentTypeError(f"frequencies must be numbers in 1…15, as in 1-15 or 6,10,15; got {text!r}")
    return sorted(set(numbers))


def positive(text: str) -> int:
    """Read a whole number ≥ 1, or raise `argparse.ArgumentTypeError`."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a whole number ≥ 1 is needed; got {text!r}")
    return int(text)


def natural(text: str) -> int:
    """Read a whole number ≥ 0, or raise `argparse.ArgumentTypeError`."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number ≥ 0 is needed; got {text!r}")
    return int(text)


def amount(text: str) -> float:
    """Read a finite number ≥ 0, or raise `argparse.ArgumentTypeError`."""
    number = _finite(text)
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"a number of at least 0 is needed; got {text!r}")
    return number


def share(text: str) -> float:
    """Read a number above 0 and up to 1, or raise `argparse.ArgumentTypeError`."""
    number = _finite(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"a share above 0 and up to 1 is needed; got {text!r}")
    return number


def _finite(text: str) -> float:
    """A number; NaN, which compares as false, for anything else."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def device(text: str) -> torch.device:
    """Read the name of a device.

    Args:
        text: Such as 'cpu', 'cuda' or 'cuda:1'.

    Raises:
        argparse.ArgumentTypeError: If torch cannot use it here.
    """
    try:
        torch.empty(0, device=text)
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"torch cannot use {text!r} here: {str(error).splitlines()[0]}") from error
    return torch.device(text)


def add_data(parser: argparse._ActionsContainer, default: str | None = None) -> None:
    """Add the options that name a data set.

    Args:
        parser: The parser to add to.
        default: Folder of JPEG files to test on if none is named; None for experiments that also train.
    """
    folder = "one subfolder of JPEG files per class"
    parser.add_argument(
        "--data",
        default=default,
        required=default is None,
        help=(f"folder with train and test (or val), in each {folder}" if default is None else f"folder with {folder}")
        + f",\nor {', '.join(DATASETS)}, encoded without loss",
    )
    parser.add_argument("--root", type=Path, help="folder of the named data set (default: $JPEGDOMAIN_DATA/NAME)")
    parser.add_argument("--download", action="store_true", help="let torchvision fetch the named data set")
    parser.add_argument("--limit", type=positive, help="take about this many images, evenly spread")


def add_model(parser: argparse._ActionsContainer) -> None:
    """Add the options that name a network, without defaults."""
    parser.add_argument(
        "--model", help="embedded (default), three_block, cifar_resnet20, cifar_resnet32, or a torchvision classifier"
    )
    parser.add_argument("--weights", help="file with a state_dict, or 'pretrained' for torchvision's own")
    parser.add_argument(
        "--mean", type=float, nargs="+", help="mean of the model's channels (default: ImageNet's; gray 0)"
    )
    parser.add_argument(
        "--std", type=float, nargs="+", help="std of the model's channels (default: ImageNet's; gray 1)"
    )


def add_machine(parser: argparse.ArgumentParser, output: str | None, named: str = "") -> None:
    """Add the options for the device and the output.

    Args:
        parser: The parser to add to.
        output: Default path of the result, or None if it follows from other options.
        named: How ``--help`` names the path in that case.
    """
    parser.add_argument(
        "--device", type=device, default="cpu", help="device (default cpu); under torchrun, cuda is one GPU per process"
    )
    parser.add_argument(
        "--threads",
        type=positive,
        help="threads of each process; results depend on it in the last bits (default: torch's own, 1 under torchrun)",
    )
    path = None if output is None else Path(output)
    parser.add_argument("--output", type=Path, default=path, help=f"default {output or named}")


def add_networks(parser: argparse.ArgumentParser, networks: int, group: int) -> None:
    """Add the options of networks to train.

    Args:
        parser: The parser to add to.
        networks: Default number of networks; for a curve with several points, per point.
        group: Default number of networks that are trained at once.
    """
    parser.add_argument("--networks", type=positive, default=networks, help=f"networks to train (default {networks})")
    parser.add_argument(
        "--group", type=positive, default=group, help=f"networks trained side by side in one process (default {group})"
    )
    parser.add_argument(
        "--frequencies",
        type=frequencies,
        default=list(range(1, 16)),
        help="numbers of frequencies, as in 1-15 (the default) or 6,10,15",
    )
    parser.add_argument("--channels", type=positive, nargs=3, default=(16, 32, 64), help="channels of the three blocks")
    parser.add_argument("--epochs", type=positive, default=10, help="passes over the training images (default 10)")
    parser.add_argument("--batch", type=positive, default=40, help="images per step (default 40, as in the paper)")
    parser.add_argument("--seed", type=int, default=0, help="network i has seed + i (default 0)")
    parser.add_argument("--weights", type=Path, help="folder to save each trained network's weights in (default: none)")


def images(options: argparse.Namespace, train: bool = False) -> Images:
    """Open the images that the options name.

    Args:
        options: The parsed options of `add_data`.
        train: Whether to open the training split of a named data set instead of the test split.

    Raises:
        SystemExit: If they are not there.
    """
    if options.data not in DATASETS:
        root = Path(options.data)
        if not root.is_dir():
            raise SystemExit(f"--data: {root} is not a folder, and not one of {', '.join(DATASETS)}")
        _folder_alone(options)
        return JpegFiles(root, options.limit)
    root = options.root
    if root is None:
        if "JPEGDOMAIN_DATA" not in os.environ:
            raise SystemExit(f"--data {options.data} needs --root FOLDER, or JPEGDOMAIN_DATA in the environment")
        root = Path(os.environ["JPEGDOMAIN_DATA"]) / options.data
    try:
        return LosslessImages(options.data, root, options.download, options.limit, train)
    except RuntimeError as error:
        raise SystemExit(f"--data {options.data}: {root}: {error}") from error


def _folder_alone(options: argparse.Namespace) -> None:
    if options.root is not None or options.download:
        raise SystemExit(f"--root and --download are for {', '.join(DATASETS)}, not for the folder {options.data}")


def split(options: argparse.Namespace) -> tuple[Images, Images]:
    """Open the images for training and those for testing.

    Args:
        options: The parsed options of `add_data`; a folder has the subfolders train, and test or val.

    Raises:
        SystemExit: If they are not there.
    """
    if options.data in DATASETS:
        return images(options, train=True), images(options)
    root = Path(options.data)
    _folder_alone(options)
    tests = next((name for name in _TESTS if (root / name).is_dir()), None)
    if tests is None or not (root / "train").is_dir():
        raise SystemExit(f"--data: {root} has no folders train and test (or val), and is none of {', '.join(DATASETS)}")
    training, testing = (JpegFiles(root / name, options.limit) for name in ("train", tests))
    if training.classes != testing.classes:
        raise SystemExit(f"--data: {root} has {training.classes} classes in train and {testing.classes} in {tests}")
    return training, testing
