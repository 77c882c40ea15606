"""A network's answers on this library's exact pixels, beside those on pixels from torchvision's decoder and transforms.

    python -m experiments.input_accuracy FOLDER --model resnet18 --weights FILE --resize 146 --crop 128
    python -m experiments.input_accuracy FOLDER --model mobilenet_v2 --weights FILE --mean .5 --std .5 --same-padding

The folder has a subfolder for each class, in the order of the network's classes; or it has files whose names end in the
name of an ImageNet class, such as n01728572_thunder_snake.JPEG. torchvision's side is its decoder, Resize and
CenterCrop on uint8, which round; ours is the same without any rounding.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib import arguments, markdown
from experiments.lib.environment import describe, save
from experiments.lib.networks import load_network
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD, to_pixels
from jpegdomain.preprocess import CenterCrop, Compose, Resize

__all__ = ["compare", "labelled_files", "main", "same_padding", "table"]

_SUFFIXES = {".jpg", ".jpeg"}


def labelled_files(folder: Path) -> tuple[list[Path], list[int], int]:
    """Find the files in a folder and their classes.

    Returns:
        The paths, their classes, and the number of classes.

    Raises:
        ValueError: If a file's name does not end in the name of an ImageNet class.
    """
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if classes:
        return paths, [classes.index(path.relative_to(folder).parts[0]) for path in paths], len(classes)
    names = [name.lower() for name in ResNet18_Weights.DEFAULT.meta["categories"]]
    labels = []
    for path in paths:
        name = path.stem.partition("_")[2].replace("_", " ").lower()
        if name not in names:
            raise ValueError(f"{path.name}: ImageNet has no class called {name!r}")
        labels.append(names.index(name))
    return paths, labels, len(names)


def same_padding(network: nn.Module) -> nn.Module:
    """Pad convolutions of stride 2 at the bottom and right, as TensorFlow's 'same' does for even sizes."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and child.stride == (2, 2) and child.kernel_size == (3, 3):
                child.padding = (0, 0)
                setattr(module, name, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), child))
    return network


class _Sides:
    """The same files as normalised pixels, computed in two ways."""

    def __init__(self, resize: int | None, crop: int, mean: Sequence[float], std: Sequence[float]) -> None:
        steps = [] if resize is None else [Resize(resize)]
        self.preprocess = Compose([*steps, CenterCrop(crop)])
        theirs = [] if resize is None else [v2.Resize(resize, antialias=True)]
        self.geometry = v2.Compose([*theirs, v2.CenterCrop(crop)])
        self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    def ours(self, paths: Sequence[Path]) -> Tensor:
        batch = jd.collate(jd.read_jpegs(paths), preprocess=self.preprocess)
        return to_pixels(batch, "rgb", 1 / (255 * self.std), -self.mean / self.std)

    def torchvisions(self, paths: Sequence[Path]) -> Tensor:
        images = [self.geometry(decode_jpeg(read_file(str(path)), ImageReadMode.RGB)) for path in paths]
        scaled = torch.stack(images).to(torch.float32) / 255
        return (scaled - self.mean.view(3, 1, 1)) / self.std.view(3, 1, 1)


def compare(network: nn.Module, sides: _Sides, paths: Sequence[Path], labels: Sequence[int]) -> dict[str, Any]:
    """Compare a network's answers.

    Returns:
        Right answers of either side, differing answers, and how far apart the pixels and the logits are.
    """

    def answers() -> Iterator[tuple[Tensor, Tensor, float]]:
        for at in tqdm(range(0, len(paths), 20), unit="batch", leave=False):
            pixels = [side(paths[at : at + 20]) for side in (sides.ours, sides.torchvisions)]
            levels = ((pixels[0] - pixels[1]).abs() * 255 * sides.std.view(3, 1, 1)).mean().item()
            with torch.inference_mode():
                yield (*(network(side) for side in pixels), levels)

    ours, theirs, levels = zip(*answers(), strict=True)
    one, other = torch.cat(ours), torch.cat(theirs)
    right = torch.tensor(labels)
    return {
        "files": len(paths),
        "right": {
            "jpegdomain": (one.argmax(1) == right).sum().item(),
            "torchvision": (other.argmax(1) == right).sum().item(),
        },
        "other_answers": (one.argmax(1) != other.argmax(1)).sum().item(),
        "mean_levels": sum(levels) / len(levels),
        "logits": {
            "mean_difference": (one - other).abs().mean().item(),
            "largest_difference": (one - other).abs().max().item(),
            "standard_deviation": other.std().item(),
        },
    }


def table(reports: Sequence[dict[str, Any]]) -> str:
    """Write the comparisons for the documentation."""
    rows = []
    for report in reports:
        settings, result = report["settings"], report["result"]
        right = result["right"]
        rows.append(
            [
                f"{settings['model']}, {settings['data']}",
                str(result["files"]),
                *(f"{right[side]} ({right[side] / result['files']:.1%})" for side in ("jpegdomain", "torchvision")),
                str(result["other_answers"]),
                f"{result['logits']['mean_difference'] / result['logits']['standard_deviation']:.3f}",
                f"{result['mean_levels']:.2f}",
            ]
        )
    header = [
        "network, files",
        "files",
        "right, ours",
        "right, torchvision",
        "other top-1",
        "mean Δlogit / σ",
        "mean Δ, levels",
    ]
    return markdown.table(header, rows)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    parser = arguments.parser("experiments.input_accuracy", __doc__)
    parser.add_argument("folder", type=Path, help="labelled JPEG files")
    parser.add_argument("--model", default="resnet18", help="a torchvision classifier (default resnet18)")
    parser.add_argument("--weights", help="a file with a state_dict, or 'pretrained'")
    parser.add_argument("--resize", type=arguments.natural, default=256, help="shorter side, 0 for none (default 256)")
    parser.add_argument("--crop", type=arguments.positive, default=224, help="height and width (default 224)")
    parser.add_argument("--mean", type=float, nargs="+", default=list(IMAGENET_MEAN), help="default ImageNet's")
    parser.add_argument("--std", type=float, nargs="+", default=list(IMAGENET_STD), help="default ImageNet's")
    parser.add_argument("--same-padding", action="store_true", help="TensorFlow's padding of strided convolutions")
    parser.add_argument("--output", type=Path, help="default results/input_accuracy-FOLDER-MODEL.json")
    options = parser.parse_args(given)
    paths, labels, classes = labelled_files(options.folder)
    network = load_network(options.model, options.weights, classes, 3).float()
    if options.same_padding:
        same_padding(network)
    mean, std = (values * (3 // len(values)) for values in (options.mean, options.std))
    result = compare(network, _Sides(options.resize or None, options.crop, mean, std), paths, labels)
    name = options.folder.parent.name if options.folder.name in {"val", "test", "train"} else options.folder.name
    settings = {
        "model": options.model,
        "weights": options.weights and Path(options.weights).name,
        "data": name,
        "resize": options.resize,
        "crop": options.crop,
        "mean": mean,
        "std": std,
        "same_padding": options.same_padding,
    }
    report = {"experiment": "input_accuracy", "settings": settings, "environment": describe(), "result": result}
    print(table([report]))
    save(report, options.output or Path(f"results/input_accuracy-{name}-{options.model}.json"))
    return report


if __name__ == "__main__":
    main()
