"""Table and figure of `experiments.frequency_exact`."""

from itertools import takewhile
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lib import markdown
from experiments.lib.selections import RULES

__all__ = ["SHOWN", "enough", "figure", "table"]

_STYLES = {
    "square": ("#0b6e4f", "s"),
    "triangle": ("#5aa469", "^"),
    "learned": ("#222222", "*"),
    "zigzag": ("#c1440e", "o"),
    "luma": ("#3c6fb0", "D"),
    "energy": ("#9457a8", "v"),
}
_TICKS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
SHOWN = {"6S": "square-6", "24S": "square-24", "24T": "triangle-24", "24D": "learned-24", "64S": "square-64"}
"""Sets whose bytes the table has, and on whose truncated files the network is tested → their keys."""


def enough(result: dict[str, Any], loss: float = 0.01) -> dict[str, str]:
    """Find how many channels each rule needs to stay within `loss` of all channels' top-1, from there on upwards."""
    needed = {}
    for rule, row in result["rules"].items():
        counts = sorted(map(int, row), reverse=True)
        close = list(takewhile(lambda count, row=row: row[str(count)]["top1_difference"] >= -loss, counts))
        needed[rule] = str(close[-1]) if close else f"> {counts[0]}"
    return needed


def table(report: dict[str, Any]) -> str:
    """Write top-1 by rule over channels kept; of some sets the bytes left, and top-1 on the files of these bytes."""
    result, settings = report["result"], report["settings"]
    counts = sorted({int(count) for row in result["rules"].values() for count in row})
    needed = enough(result)
    rows = [
        [RULES[rule], *(f"{row[str(n)]['top1']:.3f}" if str(n) in row else "" for n in counts), needed[rule]]
        for rule, row in result["rules"].items()
    ]
    tables = [markdown.table(["channels kept", *map(str, counts), "enough for 0.01"], rows)]
    if sets := _sets_table(result):
        tables.append(sets)
    largest = max(one["standard_error"] for row in result["rules"].values() for one in row.values())
    header = ["network", "data", "images", "crop in the middle, px", "precision", "top-1 with all 192 channels"]
    row = [settings["model"], settings["data"], f"{result['images']:,}", str(settings["crop"] or "none")]
    # Reports from before it was in them are of float32, too.
    row += [settings.get("precision", "float32"), f"{result['unmodified']['top1']:.3f}", f"{largest:.3f}"]
    tables.append(markdown.table([*header, "largest standard error"], [row]))
    return "\n\n".join(tables)


def _sets_table(result: dict[str, Any]) -> str:
    """Bytes of some sets and, in results that have it, what is left of top-1 on files of these bytes."""
    found = {}
    for name, key in SHOWN.items():
        rule, _, count = key.partition("-")
        one = result["rules"].get(rule, {}).get(count)
        if one is not None and one["scan_share"] is not None:
            found[name] = one
    if not found:
        return ""
    rows = [["entropy-coded bytes left", *(f"{one['scan_share']:.0%}" for one in found.values())]]
    arrived = [one.get("truncated") for one in found.values()]
    if None not in arrived:
        rows.append(["top-1, other channels set to zero", *(f"{one['masked_top1']:.3f}" for one in arrived)])
        rows.append(["top-1 on the truncated files", *(f"{one['top1']:.3f}" for one in arrived)])
        cells = (f"{one['difference']:+.3f} ± {one['standard_error']:.3f}" for one in arrived)
        rows.append(["difference ± standard error", *cells])
    return markdown.table(["set", *found], rows)


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
