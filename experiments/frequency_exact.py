"""How many frequency channels does a pretrained network need that was never trained on them?

    python -m experiments.frequency_exact --data imagenette-160/val --model resnet18 --weights resnet18.pt --crop 160

The network is converted exactly and unmodified; of the channels of Y, Cb and Cr that enter it, some are set to zero
(`jpegdomain.convert(model, channels=…)`). Top-1 and top-5 over the channels kept, for the sets of Xu et al. (CVPR 2020)
and for three orders, and the entropy-coded bytes of the whole files with these channels alone.
"""

import argparse
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import jpegdomain as jd
from experiments import arguments
from experiments.distributed import World, world
from experiments.environment import decisive, describe
from experiments.frequency_exact_figure import draw
from experiments.frequency_exact_table import printed
from experiments.frequency_selections import Selection, selections
from experiments.images import JpegFiles
from experiments.journal import Journal
from experiments.networks import load_requested
from jpegdomain.decoding import Entry
from jpegdomain.frequency import Bandwidth, MaskedEntry, bandwidth, fit_statistics
from jpegdomain.preprocess import CenterCrop, Compose, Resize, Transform

__all__ = ["main"]

_COUNTED = ("top1", "top5", "gained", "lost")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.frequency_exact", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder with one subfolder of JPEG files per class")
    parser.add_argument("--limit", type=arguments.positive, help="take about this many images, evenly spread")
    parser.add_argument("--resize", type=arguments.positive, help="short side, antialiased (default: none)")
    parser.add_argument("--crop", type=arguments.positive, help="side of the square in the middle (default: none)")
    parser.add_argument(
        "--variance", help="folder, as --data, whose channels' variance gives an order; default: --data"
    )
    arguments.add_model(parser)
    parser.add_argument("--batch", type=arguments.positive, default=40, help="images at a time (default 40)")
    arguments.add_machine(parser, "results/frequency_exact.json")
    parser.set_defaults(model="resnet18", root=None, download=False)
    return parser


class _Files:
    """A folder's files in batches that enter a network together."""

    def __init__(self, files: JpegFiles, preprocess: Transform | None, batch: int, device: torch.device) -> None:
        self._files, self._preprocess, self._device = files, preprocess, device
        numbers = range(len(files))
        # What a crop leaves is of one size.
        self.units = (
            files.units(batch)
            if preprocess is None
            else [list(numbers[start : start + batch]) for start in range(0, len(files), batch)]
        )

    def read(self, unit: list[int]) -> tuple[list[jd.JpegImage], jd.JpegBatch, Tensor]:
        paths, labels = zip(*(self._files.samples[number] for number in unit), strict=True)
        images = jd.read_jpegs(paths)
        batch = jd.collate(images, preprocess=self._preprocess, device=self._device)
        return images, batch, torch.tensor(labels, device=self._device)


def _preprocess(options: argparse.Namespace) -> Transform | None:
    if options.resize is not None and options.crop is None:
        raise SystemExit("--resize leaves images of different shapes: add --crop")
    steps: list[Transform] = [] if options.resize is None else [Resize(options.resize)]
    steps += [] if options.crop is None else [CenterCrop(options.crop)]
    return Compose(steps) if steps else None


def _colour(options: argparse.Namespace, folder: str) -> JpegFiles:
    files = arguments.images(argparse.Namespace(**{**vars(options), "data": folder}))
    if not isinstance(files, JpegFiles) or files.channels != 3:
        raise SystemExit(f"{folder}: the sets are of Y, Cb and Cr, so it takes a folder of JPEG files in colour")
    return files


def _titled(folder: str) -> str:
    """A folder and the one it is in: 'val' alone names nothing."""
    return "/".join(Path(folder).resolve().parts[-2:])


@torch.inference_mode()
def _counts(
    converted: jd.ConvertedModel, entries: dict[str, Entry], batch: jd.JpegBatch, labels: Tensor
) -> dict[str, dict[str, int]]:
    """Right answers by setting; the files are decoded once, and masked as an activation."""
    plain = converted.jpeg_entry
    activation = Entry(3, plain.mean, plain.std)(batch)
    found: dict[str, dict[str, int]] = {}
    unmodified: Tensor | None = None
    for key, entry in entries.items():
        converted.jpeg_entry = entry
        logits = converted(activation)
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
        right = best[:, 0]
        unmodified = right if unmodified is None else unmodified
        values = right.sum(), best.any(1).sum(), (right & ~unmodified).sum(), (unmodified & ~right).sum()
        found[key] = {name: int(value) for name, value in zip(_COUNTED, values, strict=True)}
    converted.jpeg_entry = plain
    return found


def _scans(images: list[jd.JpegImage], settings: list[Selection]) -> dict[str, list[int]]:
    """Entropy-coded bytes by setting, of what is kept and of all; of files that keep to Y, Cb and Cr."""
    images = [image for image in images if image.color != "rgb"]
    totals = {}
    for one in settings:
        parts = [bandwidth(image, one.kept) for image in images]
        total = Bandwidth.total(parts) if parts else None
        totals[one.key] = [0, 0] if total is None else [total.scan, total.all_scan]
    return totals


def _result(parts: list[dict[str, Any]], settings: list[Selection], images: int) -> dict[str, Any]:
    rules: dict[str, dict[str, Any]] = {}
    for one in settings:
        sums = {name: sum(part["counts"][one.key][name] for part in parts) for name in _COUNTED}
        scan, whole = (sum(part["scans"][one.key][place] for part in parts) for place in (0, 1))
        gained, lost = sums["gained"], sums["lost"]
        # Paired: the same images with and without the other channels.
        error = math.sqrt(max(0.0, gained + lost - (gained - lost) ** 2 / images)) / images
        rules.setdefault(one.rule, {})[str(len(one.kept))] = {
            "top1": sums["top1"] / images,
            "top5": sums["top5"] / images,
            "top1_difference": (gained - lost) / images,
            "standard_error": error,
            "scan_share": scan / whole if whole else None,
            "kept": one.kept.to_dict(),
        }
    unmodified = rules.pop("all")["192"]
    return {"images": images, "unmodified": {name: unmodified[name] for name in ("top1", "top5")}, "rules": rules}


def _write(report: dict[str, Any], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=2) + "\n")
    print(printed(report))
    figure = output.with_suffix(".png")
    draw(report, figure)
    print(f"\nwrote {output} and {figure}")


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    preprocess = _preprocess(options)
    images = _colour(options, options.data)
    model, described = load_requested(options, images)
    measured = images if options.variance is None else _colour(options, options.variance)
    described |= {"data": _titled(options.data), "resize": options.resize, "crop": options.crop}
    described |= {"variance": _titled(options.variance or options.data), "variance_images": len(measured)}
    environment = describe(here.device) | {"processes": here.size}
    journal = Journal(options.output.with_suffix(".partial"), described | decisive(environment), here.rank)
    model = model.to(device=here.device, memory_format=torch.channels_last)
    converted = jd.convert(model, plan="fused", mean=options.mean, std=options.std)
    plain = converted.jpeg_entry
    if plain.channels != 3:
        raise SystemExit(f"--model: {options.model} takes {plain.channels} channels; the sets are of colour images")
    files, others = (_Files(each, preprocess, options.batch, here.device) for each in (images, measured))
    bar = tqdm(others.units, desc=f"variance on {measured.name}", unit="batch", disable=not here.first)
    settings = selections(fit_statistics(others.read(unit)[1] for unit in bar).std)
    entries: dict[str, Entry] = {
        one.key: MaskedEntry(one.kept, 3, plain.mean, plain.std, plain.domain) for one in settings
    }
    units = {str(number): unit for number, unit in enumerate(files.units)}

    def work(name: str) -> dict[str, Any]:
        records, batch, labels = files.read(units[name])
        return {"counts": _counts(converted, entries, batch, labels), "scans": _scans(records, settings)}

    parts = here.share(list(units), journal, work, f"batches of {images.name}")
    report = {
        "experiment": "frequency_exact",
        "settings": described,
        "environment": environment,
        "result": _result(list(parts.values()), settings, len(images)),
    }
    here.conclude(journal, partial(_write, report, options.output))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line.

    Args:
        given: Arguments as typed; those of the process if None.

    Returns:
        What was written to the JSON file.
    """
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)


if __name__ == "__main__":
    main()
