"""Draw where each side's time goes: stacked bars, as Ehrlich & Davis's figure 5 would be with its parts apart."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.throughput.timing import STAGES

__all__ = ["draw_throughput"]

_COLORS = {"decoding": "#c1440e", "preprocessing": "#e3b23c", "network": "#0b6e4f"}
_LABELS = {
    "decoding": "decoding (pixels; for JPEG plans entropy decoding alone)",
    "preprocessing": "preprocessing (for JPEG plans with IDCT, chroma, colour)",
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
    axes.set_ylabel("ms an image, stages timed apart")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def draw_throughput(path: Path, result: dict[str, Any], title: str) -> None:
    """Draw one panel for each mode.

    Args:
        path: Of the image; its suffix decides on the format.
        result: Of `experiments.throughput`.
        title: Of the figure.
    """
    modes = result["modes"]
    figure = Figure(figsize=(1 + 4 * len(modes), 4.6), layout="constrained")
    for axes, (mode, sides) in zip(figure.subplots(1, len(modes), squeeze=False)[0], modes.items(), strict=True):
        _panel(axes, mode, sides)
    figure.suptitle(title, fontsize="medium")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)
