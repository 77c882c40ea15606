"""Top-1 against bytes, operations and time, and the networks that no other surpasses in both."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.frequency_channels.answers import PREPROCESSES
from experiments.frequency_channels.variants import variant
from experiments.lib.direct_labels import label

__all__ = ["figure", "frontier"]

_COLORS = {"pixels": "0.35", "channels": "#0b6e4f", "gate": "#c1440e"}
_LABELS = {"pixels": "pixels", "channels": "frequency channels", "gate": "channels behind a gate"}
_BYTES = "bytes of the file that is sent, 10³"

_Row = dict[str, Any]
_Marks = tuple[dict[str, tuple[float, float]], list[tuple[float, float]]]


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Find the points that no other one equals or surpasses at the same cost or less.

    Args:
        points: (cost, accuracy).

    Returns:
        Those points, by cost.
    """
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def _kind(name: str) -> str:
    own = variant(name)
    return "gate" if own.gated else "pixels" if own.selection is None else "channels"


def _along(steps: Sequence[tuple[float, float]], count: int = 60) -> list[tuple[float, float]]:
    """Points along a step line, which labels should avoid."""
    found = []
    for (left, low), (right, high) in pairwise(steps):
        shares = [number / count for number in range(count + 1)]
        found += [(left + share * (right - left), low) for share in shares]
        found += [(right, low + share * (high - low)) for share in shares]
    return found


def _panel(axes: Axes, result: _Row, preprocess: str, cost: Callable[[_Row], float]) -> _Marks:
    """Draw dots, means and frontier."""
    points: dict[str, tuple[float, float]] = {}
    dots: list[tuple[float, float]] = []
    for name, row in result["variants"].items():
        own = [line for line in result["each"] if line["variant"] == name]
        places = [(cost(line), 100 * line[preprocess]["sent_top1"]) for line in own]
        dots += places
        color = _COLORS[_kind(name)]
        axes.plot(*zip(*places, strict=True), "o", color=color, markersize=4, alpha=0.45, markeredgewidth=0)
        points[name] = (
            # The same operations of several seeds are one cost.
            round(sum(place[0] for place in places) / len(places), 9),
            100 * row[preprocess]["sent_top1"]["mean"],
        )
        axes.plot(*points[name], "D", color=color, markersize=6, markeredgecolor="white", zorder=3)
    others: list[tuple[float, float]] = []
    for name, row in result["variants"].items() if axes.get_xlabel() == _BYTES else ():
        lower = [
            (own["file"] / 1e3, 100 * own["sent_top1"]["mean"]) for own in row[preprocess].get("qualities", {}).values()
        ]
        others += lower
        style: _Row = {"color": _COLORS[_kind(name)], "linewidth": 0.8, "markerfacecolor": "white", "markersize": 4}
        axes.plot(*zip(points[name], *lower, strict=True), "D-", zorder=2, **style)
    best = frontier([*points.values(), *others])
    axes.plot(*zip(*best, strict=True), color="0.6", linewidth=1.2, drawstyle="steps-post", zorder=1)
    axes.margins(x=0.16, y=0.09)
    axes.set_axisbelow(True)
    axes.grid(color="0.93")
    axes.spines[["top", "right"]].set_visible(False)
    return points, [*dots, *others, *_along(best)]


def figure(report: _Row, path: Path) -> None:
    """Draw top-1 on what is sent against each cost: networks as dots, means as diamonds, the frontier as steps."""
    result, settings = report["result"], report["settings"]
    preprocess = settings["preprocess"][0]
    costs: dict[str, Callable[[_Row], float]] = {
        _BYTES: lambda line: line[preprocess]["file"] / 1e3,
        "operations of the network, 10⁹": lambda line: line["operations"] / 1e9,
    }
    if all(line["time"] is not None for line in result["each"]):
        costs["bytes → logits on one thread, ms"] = lambda line: line["time"]["bytes"]["milliseconds"]
    drawn = Figure(figsize=(4.4 * len(costs), 4.4), layout="constrained")
    panels = drawn.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    marks = []
    for axes, (title, cost) in zip(panels, costs.items(), strict=True):
        axes.set_xlabel(title)
        marks.append(_panel(axes, result, preprocess, cost))
    panels[0].set_ylabel("top-1 on what is sent, %")
    kinds = dict.fromkeys(_kind(name) for name in result["variants"])
    for kind in kinds:
        panels[-1].plot([], [], "D", color=_COLORS[kind], label=f"mean, {_LABELS[kind]}")
    if settings["qualities"]:
        title = f"at quality {' and '.join(map(str, settings['qualities']))}"
        panels[-1].plot([], [], "D-", color="0.35", markerfacecolor="white", markersize=4, linewidth=0.8, label=title)
    panels[-1].plot([], [], color="0.6", linewidth=1.2, label="surpassed by no other mean")
    panels[-1].plot([], [], "o", color="0.35", markersize=4, alpha=0.45, label="each network")
    drawn.legend(
        *panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False, fontsize="small"
    )
    drawn.suptitle(
        f"{settings['model']}, {settings['epochs']} epochs on {settings['data']}: {result['images']:,} test files, "
        f"{PREPROCESSES[preprocess]}",
        fontsize="medium",
    )
    drawn.draw_without_rendering()
    for axes, (points, dots) in zip(panels, marks, strict=True):
        label(axes, points, {name: _COLORS[_kind(name)] for name in points}, dots)
    drawn.savefig(path, dpi=150)
