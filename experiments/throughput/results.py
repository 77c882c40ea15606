"""The figure of `experiments.throughput`, which is figure 5 of Ehrlich & Davis divided into stages, and its tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lib import markdown
from experiments.throughput.timing import STAGES

__all__ = ["figure", "ratios_table", "table"]

_COLORS = {"decoding": "#c1440e", "preprocessing": "#e3b23c", "network": "#0b6e4f"}
_LABELS = {
    "decoding": "decoding (JPEG plans: only entropy decoding)",
    "preprocessing": "preprocessing (JPEG plans: with IDCT, chroma, colour)",
    "network": "network",
}
_NAMES = {"spatial": "spatial", "fused": "JPEG,\nfused plan", "transform": "JPEG,\ntransform plan"}


def _panel(axes: Axes, title: str, sides: dict[str, Any]) -> None:
    names = list(sides)
    bottom = [0.0] * len(names)
    for stage in STAGES:
        heights = [sides[name]["ms_per_image"][stage]["median"] for name in names]
        axes.bar(
            range(len(names)), heights, 0.6, bottom=bottom, color=_COLORS[stage], label=_LABELS[stage], linewidth=0
        )
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    for place, (name, top) in enumerate(zip(names, bottom, strict=True)):
        speed = sides[name]["images_per_second"]["median"]
        ratio = sides[name]["throughput_ratio"]["median"]
        times = "" if name == "spatial" else f"\n{ratio:.2f}×"
        axes.annotate(
            f"{speed:,.0f}/s{times}", (place, top), (0, 3), textcoords="offset points", ha="center", fontsize="small"
        )
    axes.set_xticks(range(len(names)), [_NAMES[name] for name in names])
    axes.set_ylim(0, 1.2 * max(bottom))
    axes.set_title(title, fontsize="medium")
    axes.set_ylabel("ms per image, stages timed separately")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw one panel for each mode."""
    settings, result = report["settings"], report["result"]
    modes = result["modes"]
    drawn = Figure(figsize=(1 + 4 * len(modes), 4.6), layout="constrained")
    for axes, (mode, sides) in zip(drawn.subplots(1, len(modes), squeeze=False)[0], modes.items(), strict=True):
        _panel(axes, mode, sides)
    title = f"{settings['model']} on {result['images']} files of {settings['data']}"
    drawn.suptitle(f"{title}, {report['environment']['processor']}", fontsize="medium")
    handles, labels = drawn.axes[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", frameon=False, fontsize="small")
    drawn.savefig(path, dpi=150)


def ratios_table(reports: Sequence[dict[str, Any]]) -> str:
    """Write the throughput of each plan, divided by that of the network that decodes first.

    Returns:
        Markdown: medians with the range over rounds, one row for each data set and mode.
    """
    rows = []
    for report in reports:
        settings, result = report["settings"], report["result"]
        for mode, sides in result["modes"].items():
            found = [sides[plan]["throughput_ratio"] if plan in sides else None for plan in ("fused", "transform")]
            cells = [
                f"{one['median']:.2f} ({one['smallest']:.2f}…{one['largest']:.2f})" if one else "" for one in found
            ]
            rows.append([settings["model"], settings["data"], "testing" if mode == "inference" else mode, *cells])
    return markdown.table(["network", "files", "mode", "fused plan, ×", "transform plan, ×"], rows)


def table(reports: Sequence[dict[str, Any]]) -> str:
    """Write the times from bytes to logits, side by side.

    Returns:
        Markdown: one row for each side, mode and data set, and whether the logits are the same.
    """
    names = {"spatial": "pixels first", "fused": "JPEG, fused plan", "transform": "JPEG, transform plan"}
    rows, checks = [], []
    for report in reports:
        settings, result = report["settings"], report["result"]
        data = f"{settings['model']}, {result['images']:,} of {settings['data']}"
        for mode, sides in result["modes"].items():
            for side, measured in sides.items():
                ratio = measured["throughput_ratio"]
                bounds = f"{ratio['median']:.2f} ({ratio['smallest']:.2f}…{ratio['largest']:.2f})"
                times = [f"{measured['ms_per_image'][part]['median']:.3f}" for part in (*STAGES, "together")]
                speed = f"{measured['images_per_second']['median']:,.0f}"
                rows.append([f"{data}, {mode}", names[side], *times, speed, "1" if side == "spatial" else bounds])
        check = result["check"]
        deviation = max(check["relative_deviation"].values())
        checks.append([data, f"{check['same_top1_of_plans']:.2%} of {check['files']:,}", f"{deviation:.1e}"])
    header = [
        "network, files",
        "side",
        *(f"{stage}, ms" for stage in STAGES),
        "together, ms",
        "images/s",
        "× pixels first",
    ]
    same = markdown.table(["network, files", "same top-1 of both plans", "largest Δlogit, relative"], checks)
    return f"{markdown.table(header, rows)}\n\n{same}"
