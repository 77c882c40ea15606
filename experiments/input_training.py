"""The same training on this library's exact pixels and on torchvision's: loss curves and accuracies side by side.

    python -m experiments.input_training TRAIN TEST --size 64 --epochs 2 --seeds 3

TRAIN and TEST have a subfolder for each class. A resnet18 is trained from scratch by SGD for each seed, once on each
side's pixels, with the same initial weights, the same order of files, and the same random crops and flips. torchvision
decodes, crops and resizes as uint8. An interrupted run resumes where it stopped.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.figure
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.models import resnet18
from torchvision.transforms import v2
from tqdm import tqdm

import jpegdomain as jd
from experiments.input_accuracy import labelled_files
from experiments.lib import arguments, markdown
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["figure", "main", "pipelines", "sides", "table"]

Side = Callable[[Sequence[bytes], Any], Tensor]

_SHOWN = 10
"""Number of steps averaged in one point of a loss curve."""


def pipelines(size: int) -> dict[str, Any]:
    """Return torchvision's pipelines for training and testing."""
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    crop = [v2.RandomResizedCrop(size, scale=(0.35, 1.0), antialias=True), v2.RandomHorizontalFlip()]
    return {
        "train": v2.Compose([*crop, *end]),
        "test": v2.Compose([v2.Resize(size * 8 // 7, antialias=True), v2.CenterCrop(size), *end]),
    }


def _ours(files: Sequence[bytes], pipeline: Any) -> Tensor:
    return jd.read_pixels(files, preprocess=pipeline)


def _torchvisions(files: Sequence[bytes], pipeline: Any) -> Tensor:
    tensors = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    return torch.stack([pipeline(decode_jpeg(one, ImageReadMode.RGB)) for one in tensors])


sides: dict[str, Side] = {"jpegdomain": _ours, "torchvision": _torchvisions}
"""Name → function that makes pixels from files by a pipeline; it draws from torch's global generator."""

_Files = tuple[list[bytes], Tensor]


def _trained(side: Side, seed: int, data: dict[str, _Files], size: int, epochs: int, batch: int) -> dict[str, Any]:
    """Train one network; return its loss curve and its accuracy after each epoch."""
    made = pipelines(size)
    torch.manual_seed(seed)
    network = resnet18(num_classes=int(data["train"][1].max()) + 1)
    optimiser = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
    files, labels = data["train"]
    steps = len(files) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=epochs * steps)
    losses: list[float] = []
    accuracies = []
    for epoch in range(epochs):
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(1000 * seed + epoch)).tolist()
        network.train()
        for step in tqdm(range(steps), unit="step", leave=False):
            chosen = order[step * batch : (step + 1) * batch]
            torch.manual_seed(10_000_000 * seed + 100_000 * epoch + step)
            pixels = side([files[i] for i in chosen], made["train"])
            loss = F.cross_entropy(network(pixels), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        accuracies.append(_accuracy(network.eval(), side, data["test"], made["test"], batch))
    curve = [statistics.fmean(losses[at : at + _SHOWN]) for at in range(0, len(losses), _SHOWN)]
    return {"loss": curve, "top1": accuracies}


def _accuracy(network: torch.nn.Module, side: Side, data: _Files, pipeline: Any, batch: int) -> float:
    files, labels = data
    right = 0
    with torch.inference_mode():
        for at in range(0, len(files), batch):
            answers = network(side(files[at : at + batch], pipeline)).argmax(1)
            right += int((answers == labels[at : at + batch]).sum())
    return right / len(files)


def table(report: dict[str, Any]) -> str:
    """Write the final accuracies for the documentation: of each seed, and their mean."""
    runs = report["result"]["runs"]
    seeds = sorted({run["seed"] for run in runs})
    rows = []
    for side in sides:
        final = [run["top1"][-1] for seed in seeds for run in runs if run["side"] == side and run["seed"] == seed]
        loss = statistics.fmean(run["loss"][-1] for run in runs if run["side"] == side)
        rows.append([side, *(f"{value:.1%}" for value in final), f"{statistics.fmean(final):.1%}", f"{loss:.3f}"])
    return markdown.table(["pixels", *(f"top-1, seed {seed}" for seed in seeds), "mean", "last training loss"], rows)


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw the loss curves, one panel for each seed."""
    runs = report["result"]["runs"]
    seeds = sorted({run["seed"] for run in runs})
    drawing = matplotlib.figure.Figure(figsize=(3.2 * len(seeds), 2.8), layout="constrained")
    axes = drawing.subplots(1, len(seeds), sharey=True, squeeze=False)[0]
    for seed, axis in zip(seeds, axes, strict=True):
        for side, style in zip(sides, ("-", "--"), strict=True):
            (curve,) = (run["loss"] for run in runs if run["side"] == side and run["seed"] == seed)
            axis.plot([_SHOWN * (at + 0.5) for at in range(len(curve))], curve, style, label=side, linewidth=1.2)
        axis.set_title(f"seed {seed}", fontsize=10)
        axis.set_xlabel("step")
    axes[0].set_ylabel("training loss")
    axes[0].legend(frameon=False)
    drawing.savefig(path, dpi=150)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    parser = arguments.parser("experiments.input_training", __doc__)
    parser.add_argument("train", type=Path, help="labelled JPEG files to train on")
    parser.add_argument("test", type=Path, help="labelled JPEG files to test on")
    parser.add_argument("--size", type=arguments.positive, default=64, help="height and width (default 64)")
    parser.add_argument("--epochs", type=arguments.positive, default=2, help="default 2")
    parser.add_argument("--batch", type=arguments.positive, default=64, help="default 64")
    parser.add_argument("--seeds", type=arguments.positive, default=3, help="number of seeds (default 3)")
    parser.add_argument("--output", type=Path, help="default results/input_training-FOLDER.json")
    options = parser.parse_args(given)
    data = {}
    for part in ("train", "test"):
        paths, labels, _ = labelled_files(getattr(options, part))
        data[part] = [path.read_bytes() for path in paths], torch.tensor(labels)
    name = options.train.parent.name
    output = options.output or Path(f"results/input_training-{name}.json")
    settings = {key: getattr(options, key) for key in ("size", "epochs", "batch", "seeds")}
    settings |= {"data": name, "training_files": len(data["train"][0]), "test_files": len(data["test"][0])}
    environment = describe()
    journal = Journal(output.with_suffix(".partial"), settings | decisive(environment))
    runs = []
    for seed in range(options.seeds):
        for side, make in sides.items():
            unit = f"{side} {seed}"
            if unit not in journal.results:
                journal.record(unit, _trained(make, seed, data, options.size, options.epochs, options.batch))
            runs.append({"side": side, "seed": seed, **journal.results[unit]})
            print(f"{side}, seed {seed}: top-1 {runs[-1]['top1'][-1]:.1%}")
    report = {
        "experiment": "input_training",
        "settings": settings,
        "environment": environment,
        "result": {"runs": runs},
    }
    save(report, output)
    figure(report, output.with_suffix(".png"))
    journal.remove()
    print(table(report))
    return report


if __name__ == "__main__":
    main()
