"""How many frequency channels does a pretrained network need that was never trained on them?

    python -m experiments.frequency_exact --data imagenette-160/val --model resnet18 --weights resnet18.pt --crop 160

The network is converted exactly and unmodified; of the channels of Y, Cb and Cr that enter it, some are set to zero
(`jpegdomain.convert(model, channels=…)`). Top-1 and top-5 over the channels kept, for the sets of Xu et al. (CVPR 2020)
and for three orders, and the entropy-coded bytes of the whole files with these channels alone.
"""

import argparse
import math
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib import arguments, markdown
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.images import FileBatches, JpegFiles
from experiments.lib.journal import Journal
from experiments.lib.networks import load_requested
from experiments.lib.selections import RULES, Selection, selections
from jpegdomain.decoding import Entry
from jpegdomain.frequency import Bandwidth, MaskedEntry, bandwidth, fit_statistics
from jpegdomain.preprocess import CenterCrop, Compose, Resize, Transform

__all__ = ["enough", "figure", "main", "table"]

_STYLES = {
    "square": ("#0b6e4f", "s"),
    "triangle": ("#5aa469", "^"),
    "learned": ("#222222", "*"),
    "zigzag": ("#c1440e", "o"),
    "luma": ("#3c6fb0", "D"),
    "energy": ("#9457a8", "v"),
}
_TICKS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
_SHOWN = ("6S", "24S", "24T", "24D", "64S")
"""Sets whose share of the bytes the table has."""
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


def enough(result: dict[str, Any], loss: float = 0.01) -> dict[str, str]:
    """Find how many channels each rule needs to stay within `loss` of all channels' top-1, from there on upwards."""
    needed = {}
    for rule, row in result["rules"].items():
        counts = sorted(map(int, row), reverse=True)
        close = list(takewhile(lambda count, row=row: row[str(count)]["top1_difference"] >= -loss, counts))
        needed[rule] = str(close[-1]) if close else f"> {counts[0]}"
    return needed


def table(report: dict[str, Any]) -> str:
    """Write top-1 by rule over channels kept, and the bytes left."""
    result, settings = report["result"], report["settings"]
    counts = sorted({int(count) for row in result["rules"].values() for count in row})
    needed = enough(result)
    rows = [
        [RULES[rule], *(f"{row[str(n)]['top1']:.3f}" if str(n) in row else "" for n in counts), needed[rule]]
        for rule, row in result["rules"].items()
    ]
    tables = [markdown.table(["channels kept", *map(str, counts), "enough for 0.01"], rows)]
    shares = {name: share for name in _SHOWN if (share := _share(result, name)) is not None}
    if shares:
        tables.append(
            markdown.table(["set", *shares], [["entropy-coded bytes left", *(f"{one:.0%}" for one in shares.values())]])
        )
    largest = max(one["standard_error"] for row in result["rules"].values() for one in row.values())
    header = ["network", "data", "images", "crop in the middle, px", "top-1 with all 192 channels"]
    row = [settings["model"], settings["data"], f"{result['images']:,}", str(settings["crop"] or "none")]
    row += [f"{result['unmodified']['top1']:.3f}", f"{largest:.3f}"]
    tables.append(markdown.table([*header, "largest standard error"], [row]))
    return "\n\n".join(tables)


def _share(result: dict[str, Any], name: str) -> float | None:
    rule = {"S": "square", "T": "triangle", "D": "learned"}[name[-1]]
    row = result["rules"].get(rule, {}).get(name[:-1])
    return None if row is None else row["scan_share"]


def _panel(axes: Axes, result: dict[str, Any], across: str) -> None:
    """Top-1 over channels kept, or over the share of the entropy-coded bytes."""
    unmodified = result["unmodified"]["top1"]
    axes.axhline(unmodified, color="0.4", linestyle="--", linewidth=1, label="all 192 channels")
    end = 192 if across == "channels" else 1.0
    for rule, row in result["rules"].items():
        colour, marker = _STYLES[rule]
        places = [float(count) if across == "channels" else one["scan_share"] for count, one in row.items()]
        values = [one["top1"] for one in row.values()]
        alone = rule == "learned"
        if not alone:
            # Every rule ends with all channels.
            places, values = [*places, end], [*values, unmodified]
        axes.plot(
            places,
            values,
            color=colour,
            marker=marker,
            markersize=11 if alone else 5,
            linestyle="none" if alone else "-",
            linewidth=1.2,
            label=RULES[rule],
            zorder=3 if alone else 2,
        )
    axes.plot([end], [unmodified], color="0.2", marker="o", markersize=6, linestyle="none", zorder=3)
    axes.set_ylim(0, 1)
    axes.set_axisbelow(True)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw top-1 over channels kept, and over the entropy-coded bytes left, if they were counted."""
    result, settings = report["result"], report["settings"]
    shares = [one["scan_share"] for row in result["rules"].values() for one in row.values()]
    drawn = Figure(figsize=(11 if None not in shares else 6.5, 4.3), layout="constrained")
    panels = drawn.subplots(1, 1 if None in shares else 2, sharey=True, squeeze=False)[0]
    _panel(panels[0], result, "channels")
    panels[0].set_xscale("log", base=2)
    panels[0].set_xticks(_TICKS, [str(tick) for tick in _TICKS])
    panels[0].minorticks_off()
    panels[0].set(xlabel="frequency channels kept of 192", ylabel="top-1 accuracy")
    panels[0].legend(frameon=False, fontsize="small", loc="lower right")
    if len(panels) > 1:
        _panel(panels[1], result, "bytes")
        panels[1].set(xlabel="entropy-coded bytes left, share of the file's", xlim=(0, 1.03))
    crop = "" if settings["crop"] is None else f", middle {settings['crop']}×{settings['crop']}"
    drawn.suptitle(
        f"{settings['model']}, pretrained, not trained on a selection: {result['images']:,} images of "
        f"{settings['data']}{crop}",
        fontsize="medium",
    )
    drawn.savefig(path, dpi=150)


def _write(report: dict[str, Any], output: Path) -> None:
    save(report, output)
    print(table(report))
    image = output.with_suffix(".png")
    figure(report, image)
    print(f"\nwrote {output} and {image}")


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
    files, others = (FileBatches(each, preprocess, options.batch, here.device) for each in (images, measured))
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
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)


if __name__ == "__main__":
    main()
