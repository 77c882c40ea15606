"""How many frequency channels does a pretrained network need that was never trained on them?

    python -m experiments.frequency_exact --data imagenette-160/val --model resnet18 --weights resnet18.pt --crop 160

The network is converted exactly and unmodified; of the channels of Y, Cb and Cr that enter it, some are set to zero
(`jpegdomain.convert(model, channels=…)`). Top-1 and top-5 over the channels kept, for the sets of Xu et al. (CVPR 2020)
and for three orders, and the entropy-coded bytes of the whole files with these channels alone.

Channels of the network's input are not quite the file's: a resize mixes them, and a chroma block of a 4:2:0 file covers
four luma blocks. So some sets are also tested on the truncated files themselves, those whose bytes are counted.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import jpegdomain as jd
from experiments.frequency_exact.results import SHOWN, enough, figure, table
from experiments.lib import arguments
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.images import FileBatches, JpegFiles
from experiments.lib.journal import Journal
from experiments.lib.networks import load_requested, precision
from experiments.lib.paired import counts, difference
from experiments.lib.selections import Selection, selections
from experiments.lib.truncated import truncated
from jpegdomain.decoding import Entry
from jpegdomain.frequency import Bandwidth, ChannelSet, MaskedEntry, bandwidth, fit_statistics
from jpegdomain.preprocess import CenterCrop, Compose, Resize, Transform

__all__ = ["enough", "figure", "main", "table"]

_COUNTED = ("top1", "top5", "gained", "lost")


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.frequency_exact", __doc__)
    parser.add_argument("--data", required=True, help="folder with one subfolder of JPEG files per class")
    parser.add_argument("--limit", type=arguments.positive, help="take about this many images, evenly spread")
    parser.add_argument(
        "--resize", type=arguments.positive, help="resize the short side to this, antialiased (default: none)"
    )
    parser.add_argument("--crop", type=arguments.positive, help="side of the centre crop (default: none)")
    parser.add_argument(
        "--variance", help="folder of the files whose channel variances order the channels (default: --data)"
    )
    arguments.add_model(parser)
    parser.add_argument("--batch", type=arguments.positive, default=40, help="images at a time (default 40)")
    arguments.add_machine(parser, "results/frequency_exact.json")
    parser.set_defaults(model="resnet18", root=None, download=False)
    return parser


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
) -> tuple[dict[str, dict[str, int]], dict[str, Tensor]]:
    """Right answers by setting, their numbers and themselves; files are decoded once, and masked as an activation."""
    plain = converted.jpeg_entry
    activation = Entry(3, plain.mean, plain.std)(batch)
    found: dict[str, dict[str, int]] = {}
    answers: dict[str, Tensor] = {}
    unmodified: Tensor | None = None
    for key, entry in entries.items():
        converted.jpeg_entry = entry
        logits = converted(activation)
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
        right = answers[key] = best[:, 0]
        unmodified = right if unmodified is None else unmodified
        values = right.sum(), best.any(1).sum(), (right & ~unmodified).sum(), (unmodified & ~right).sum()
        found[key] = {name: int(value) for name, value in zip(_COUNTED, values, strict=True)}
    converted.jpeg_entry = plain
    return found, answers


@torch.inference_mode()
def _truncated(
    converted: jd.ConvertedModel,
    sets: dict[str, ChannelSet],
    images: list[jd.JpegImage],
    labels: Tensor,
    answers: dict[str, Tensor],
    preprocess: Transform | None,
) -> dict[str, dict[str, int]]:
    """Right answers on the truncated files by set, beside those on masked channels; of files with Y, Cb and Cr."""
    places = [place for place, image in enumerate(images) if image.color != "rgb"]
    found = {}
    for key, kept in sets.items() if places else ():
        arrived = truncated([images[place] for place in places], kept)
        batch = jd.collate(arrived.images, preprocess=preprocess, device=labels.device)
        right = converted(batch).argmax(1) == labels[places]
        masked = answers[key][places]
        found[key] = counts(right, masked) | {"images": len(places), "masked": int(masked.sum())}
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
        # The same images with and without the other channels.
        paired = difference(sums["gained"], sums["lost"], images)
        rules.setdefault(one.rule, {})[str(len(one.kept))] = {
            "top1": sums["top1"] / images,
            "top5": sums["top5"] / images,
            "top1_difference": paired["difference"],
            "standard_error": paired["standard_error"],
            "scan_share": scan / whole if whole else None,
            "kept": one.kept.to_dict(),
        }
        if arrived := [part["truncated"][one.key] for part in parts if one.key in part["truncated"]]:
            rules[one.rule][str(len(one.kept))]["truncated"] = _arrived(arrived)
    unmodified = rules.pop("all")["192"]
    return {"images": images, "unmodified": {name: unmodified[name] for name in ("top1", "top5")}, "rules": rules}


def _arrived(parts: list[dict[str, int]]) -> dict[str, Any]:
    """Top-1 on truncated files, on masked channels of the same images, and their difference."""
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    images = total["images"]
    top1 = {"top1": total["right"] / images, "masked_top1": total["masked"] / images}
    return {"images": images, **top1, **difference(total["gained"], total["lost"], images)}


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    preprocess = _preprocess(options)
    images = _colour(options, options.data)
    model, described = load_requested(options, images)
    measured = images if options.variance is None else _colour(options, options.variance)
    described |= {"data": _titled(options.data), "resize": options.resize, "crop": options.crop}
    described |= {"variance": _titled(options.variance or options.data), "variance_images": len(measured)}
    described["precision"] = precision(model)
    environment = describe(here.device) | {"processes": here.size}
    journal = Journal(options.output.with_suffix(".partial"), described | decisive(environment), here.rank)
    model = model.to(device=here.device, memory_format=torch.channels_last)
    converted = jd.convert(model, plan="fused", mean=options.mean, std=options.std)
    plain = converted.jpeg_entry
    if plain.channels != 3:
        raise SystemExit(f"--model: {options.model} takes {plain.channels} channels; the sets are of colour images")
    files, others = (FileBatches(each, preprocess, options.batch, here.device) for each in (images, measured))
    bar = tqdm(others.units, desc=f"variance on {measured.name}", unit="batch", disable=not here.first)
    settings = selections(fit_statistics(others.read(unit)[1] for unit in bar).std)
    entries: dict[str, Entry] = {
        one.key: MaskedEntry(one.kept, 3, plain.mean, plain.std, plain.domain) for one in settings
    }
    sets = {one.key: one.kept for one in settings if one.key in SHOWN.values()}
    units = {str(number): unit for number, unit in enumerate(files.units)}

    def work(name: str) -> dict[str, Any]:
        records, batch, labels = files.read(units[name])
        found, answers = _counts(converted, entries, batch, labels)
        arrived = _truncated(converted, sets, records, labels, answers, preprocess)
        return {"counts": found, "truncated": arrived, "scans": _scans(records, settings)}

    parts = here.share(list(units), journal, work, f"batches of {images.name}")
    report = {
        "experiment": "frequency_exact",
        "settings": described,
        "environment": environment,
        "result": _result(list(parts.values()), settings, len(images)),
    }
    here.conclude(journal, partial(publish, report, options.output, table, figure))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)
