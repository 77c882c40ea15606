"""Draw ASM's and APX's curves over spatial frequencies, as in Ehrlich & Davis's figures 4a, 4b and 4c."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lib.approximation import METHODS

__all__ = ["Curve", "draw_accuracies", "draw_frequencies", "plot_frequencies"]

_TITLES = {
    "conversion": "{networks} spatial networks, converted: {data}",
    "jpeg_training": "trained in the JPEG domain, networks per point: {networks}; {data}",
}
_STYLES = {"asm": ("#0b6e4f", "o"), "apx": ("#c1440e", "s")}


@dataclass(frozen=True)
class Curve:
    """One method's values.

    Args:
        values: By number of frequencies.
        low: Lower end of their spread, or None to show no spread.
        high: Upper end.
    """

    values: Mapping[int, float]
    low: Mapping[int, float] | None = None
    high: Mapping[int, float] | None = None


def plot_frequencies(
    axes: Axes,
    curves: Mapping[str, Curve],
    *,
    title: str,
    ylabel: str,
    reference: tuple[str, float] | None = None,
    top: float | None = None,
) -> None:
    """Draw one panel; a figure of several data sets is made of several.

    Args:
        axes: To draw on.
        curves: By method, 'asm' and 'apx'.
        title: Title of the panel.
        ylabel: What the values are.
        reference: Label and value of a dashed line to compare with.
        top: Upper end of the vertical axis, which starts at 0; None leaves it to the values.
    """
    if reference is not None:
        axes.axhline(reference[1], color="0.4", linestyle="--", label=reference[0])
    for method, curve in curves.items():
        color, marker = _STYLES[method]
        numbers = list(curve.values)
        if curve.low is not None and curve.high is not None:
            low, high = [curve.low[n] for n in numbers], [curve.high[n] for n in numbers]
            axes.fill_between(numbers, low, high, color=color, alpha=0.2, linewidth=0)
        values = list(curve.values.values())
        axes.plot(numbers, values, color=color, marker=marker, markersize=4, label=method.upper())
    axes.set(xlabel="number of spatial frequencies (15 is exact)", ylabel=ylabel)
    axes.set_title(title, fontsize="medium")
    axes.set_ylim(0, top)
    axes.set_xticks(sorted({n for curve in curves.values() for n in curve.values}))
    axes.set_axisbelow(True)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw_frequencies(
    path: Path,
    curves: Mapping[str, Curve],
    *,
    title: str,
    ylabel: str,
    reference: tuple[str, float] | None = None,
    top: float | None = None,
) -> None:
    """Draw a figure of one panel into a file.

    Args:
        path: Path of the image; its suffix selects the format.
        curves: By method, 'asm' and 'apx'.
        title: Title of the figure.
        ylabel: What the values are.
        reference: Label and value of a dashed line to compare with.
        top: Upper end of the vertical axis, which starts at 0; None leaves it to the values.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    plot_frequencies(figure.add_subplot(), curves, title=title, ylabel=ylabel, reference=reference, top=top)
    figure.savefig(path, dpi=150)


def _curves(result: dict[str, Any]) -> dict[str, Curve]:
    """Read the mean over networks, and one standard deviation on either side."""
    made = {}
    for method in METHODS:
        rows = {int(n): row[method] for n, row in result["frequencies"].items() if method in row}
        if not rows:
            continue
        made[method] = Curve(
            {n: row["mean"] for n, row in rows.items()},
            {n: row["mean"] - row["std"] for n, row in rows.items()},
            {n: row["mean"] + row["std"] for n, row in rows.items()},
        )
    return made


def draw_accuracies(report: dict[str, Any], path: Path) -> None:
    """Draw figure 4b or 4c of Ehrlich & Davis (2019) for one data set."""
    accuracy = report["result"].get("accuracy")
    draw_frequencies(
        path,
        _curves(report["result"]),
        title=_TITLES[report["experiment"]].format(**report["settings"]),
        ylabel="top-1 accuracy" + ", mean ± 1 standard deviation" * (report["settings"]["networks"] > 1),
        reference=None if accuracy is None else ("spatial networks", accuracy["spatial"]["mean"]),
    )
