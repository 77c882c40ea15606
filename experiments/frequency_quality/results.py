"""Summary, table and figure of `experiments.frequency_quality`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lib import markdown
from experiments.lib.direct_labels import line_labels
from experiments.lib.intervals import interval, spread
from experiments.lib.paired import difference, difference_cell, points

__all__ = ["AS_THEY_ARE", "figure", "summary", "table"]

AS_THEY_ARE = "as they are"
"""Key of the files that were not changed."""

_PIXELS = ("RGB", "RGB-large", "YCbCr")
_PALETTE = ("#0b6e4f", "#c1440e", "#3c6fb0", "#9457a8", "#c9a227", "#5aa469", "#7b4b2a", "#d1739b")


def summary(parts: Sequence[dict[str, Any]], networks: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Summarise batches of files.

    Args:
        parts: Of each batch the right answers, by quality and network.
        networks: Variant and seed of each.

    Returns:
        'images'; 'bytes' of a file by quality; 'each': network by network, by quality, top1 and, where there is a
        network on RGB of its seed, the difference to it and its standard error; 'variants': the same, by quality the
        spread of top1 and of the differences over seeds.
    """
    parts = [part for part in parts if part["images"]]
    if not parts:
        raise SystemExit("--data: none of the test files has Y, Cb and Cr")
    images, qualities = sum(part["images"] for part in parts), list(parts[0]["right"])
    each = []
    for name, seed in networks:
        line: dict[str, Any] = {"variant": name, "seed": seed, "qualities": {}}
        for quality in qualities:
            rows = [part["right"][quality][f"{name}-{seed}"] for part in parts]
            sums = {key: sum(row[key] for row in rows) for key in rows[0]}
            own = {"top1": sums["right"] / images}
            if "gained" in sums:
                own |= difference(sums["gained"], sums["lost"], images)
            line["qualities"][quality] = own
        each.append(line)
    variants = {}
    for name in dict.fromkeys(name for name, _ in networks):
        lines = [line["qualities"] for line in each if line["variant"] == name]
        variants[name] = {quality: _over_seeds([line[quality] for line in lines]) for quality in qualities}
    sizes = {quality: sum(part["bytes"][quality] for part in parts) / images for quality in qualities}
    return {"images": images, "bytes": sizes, "variants": variants, "each": each}


def _over_seeds(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    found: dict[str, Any] = {"seeds": len(rows), "top1": spread([row["top1"] for row in rows])}
    if all("difference" in row for row in rows):
        found["difference"] = spread([row["difference"] for row in rows])
    return found


def table(report: dict[str, Any]) -> str:
    """Write top-1 by quality, the difference to RGB and how it changes with the quality, and the bytes of the files.

    Returns:
        Markdown: top-1 as mean ± standard deviation over seeds, in percent; mean differences in points with the half
        widths of their 95 % intervals, as by `difference_cell`, and of changes over seeds.
    """
    result, settings = report["result"], report["settings"]
    header = [AS_THEY_ARE, *map(str, settings["qualities"])]
    rows, differences = [], []
    for name, row in result["variants"].items():
        cells = [row[quality] for quality in header]
        many = cells[0]["seeds"] > 1
        top1 = (f"{100 * one['top1']['mean']:.1f}" + (f" ± {100 * one['top1']['std']:.1f}" * many) for one in cells)
        rows.append([name, *top1])
        if name != "RGB" and "difference" in cells[0]:
            lines = [line["qualities"] for line in result["each"] if line["variant"] == name]
            at_first = [line[AS_THEY_ARE] for line in lines]
            changes = (_change([line[quality] for line in lines], at_first) for quality in header[1:])
            differences.append([name, difference_cell(at_first), *changes])
    tables = [markdown.table(["top-1, %, by quality", *header], rows)]
    if differences:
        columns = [f"change at {quality}" for quality in header[1:]]
        tables.append(markdown.table(["top-1 − RGB's", AS_THEY_ARE, *columns], differences))
    sizes = ["bytes of a file", *(f"{result['bytes'][quality]:,.0f}" for quality in header)]
    tables.append(markdown.table(["", *header], [sizes]))
    row = [settings["model"], settings["data"], str(settings["epochs"]), f"{result['images']:,}"]
    row += [settings["precision"], settings["by"]]
    tables.append(markdown.table(["network", "trained on", "epochs", "test files", "precision", "qualities by"], [row]))
    return "\n\n".join(tables)


def _change(there: Sequence[dict[str, Any]], here: Sequence[dict[str, Any]]) -> str:
    """Write the mean change of the difference in points, with more than one seed its 95 % interval."""
    return points(interval([one["difference"] - first["difference"] for one, first in zip(there, here, strict=True)]))


def _panel(axes: Axes, report: dict[str, Any], colors: dict[str, Any], key: str) -> None:
    """Lines of the variants' means over quality, with the range of the seeds behind them."""
    qualities, ends = report["settings"]["qualities"], {}
    for name, row in report["result"]["variants"].items():
        cells = [row[str(quality)].get(key) for quality in qualities]
        if None in cells or (key == "difference" and name == "RGB"):
            continue
        means = [100 * one["mean"] for one in cells]
        style = "--" if name in _PIXELS else "-"
        axes.plot(qualities, means, style, marker="o", markersize=3.5, color=colors[name], linewidth=1.4)
        low, high = ([100 * one[end] for one in cells] for end in ("smallest", "largest"))
        axes.fill_between(qualities, low, high, color=colors[name], alpha=0.1, linewidth=0)
        ends[name] = (qualities[-1], means[-1])
    axes.set_xticks(qualities)
    axes.set_xlabel("quality of the test files")
    axes.set_axisbelow(True)
    axes.grid(color="0.93")
    axes.spines[["top", "right"]].set_visible(False)
    line_labels(axes, ends, colors)


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw top-1 over quality, and its difference to RGB; pixels dashed, bands over all seeds."""
    result, settings = report["result"], report["settings"]
    names = list(result["variants"])
    colors = dict(zip([name for name in names if name in _PIXELS], ("#222222", "#777777", "#aaaaaa"), strict=False))
    others = [name for name in names if name not in _PIXELS]
    colors |= {name: _PALETTE[place % len(_PALETTE)] for place, name in enumerate(others)}
    paired = any("difference" in row[AS_THEY_ARE] for name, row in result["variants"].items() if name != "RGB")
    drawn = Figure(figsize=(12 if paired else 6.4, 4.6), layout="constrained")
    panels = drawn.subplots(1, 2 if paired else 1, squeeze=False)[0]
    _panel(panels[0], report, colors, "top1")
    panels[0].set_ylabel("top-1, %")
    if paired:
        panels[1].axhline(0, color="#222222", linestyle="--", linewidth=1)
        _panel(panels[1], report, colors, "difference")
        panels[1].set_ylabel("top-1 − that of RGB, points")
    drawn.suptitle(
        f"{settings['model']}, {settings['epochs']} epochs on {settings['data']} as it is: {result['images']:,} test "
        f"files, {settings['by']} at other qualities",
        fontsize="medium",
    )
    drawn.savefig(path, dpi=150)
