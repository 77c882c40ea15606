"""Draw accuracy over channels kept from the JSON of `experiments.frequency_exact`.

python -m experiments.frequency_exact_figure results/frequency_exact.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.frequency_selections import RULES

__all__ = ["draw"]

_STYLES = {
    "square": ("#0b6e4f", "s"),
    "triangle": ("#5aa469", "^"),
    "learned": ("#222222", "*"),
    "zigzag": ("#c1440e", "o"),
    "luma": ("#3c6fb0", "D"),
    "energy": ("#9457a8", "v"),
}
_TICKS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)


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


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw top-1 over channels kept, and over the entropy-coded bytes that are left where they were counted.

    Args:
        report: What the experiment wrote.
        path: Of the image; its suffix decides on the format.
    """
    result, settings = report["result"], report["settings"]
    shares = [one["scan_share"] for row in result["rules"].values() for one in row.values()]
    figure = Figure(figsize=(11 if None not in shares else 6.5, 4.3), layout="constrained")
    panels = figure.subplots(1, 1 if None in shares else 2, sharey=True, squeeze=False)[0]
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
    figure.suptitle(
        f"{settings['model']}, pretrained, not trained on a selection: {result['images']:,} images of "
        f"{settings['data']}{crop}",
        fontsize="medium",
    )
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        draw(json.loads(Path(name).read_text()), Path(name).with_suffix(".png"))
