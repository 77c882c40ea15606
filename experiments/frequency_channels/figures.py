"""Figures of the frequency-channel experiment: every network's accuracy, and what the gates kept."""

from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from experiments.frequency_channels.results import other_sides
from jpegdomain.frequency import plot_rates

__all__ = ["COLORS", "figure", "figures", "gates_figure", "kind"]

COLORS = {"pixels": "0.45", "channels": "#0b6e4f", "gate": "#c1440e"}
"""Colour of each `kind` of input."""

_LABELS = {"pixels": "pixels", "channels": "frequency channels", "gate": "frequency channels behind a gate"}


def kind(each: dict[str, Any]) -> str:
    """Tell what a network is fed with: 'pixels', 'channels', or channels behind a 'gate'."""
    if "gate" in each:
        return "gate"
    return "channels" if each["channels"] else "pixels"


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw every network as a dot, and each variant's mean as a bar across them."""
    settings, result = report["settings"], report["result"]
    # A long name needs more room, below its dot.
    each = 0.08 * max(10, *map(len, result["variants"]))
    drawn = Figure(figsize=(max(4.8, 1.5 + each * len(result["variants"])), 4), layout="constrained")
    axes = drawn.add_subplot()
    named: set[str] = set()
    for place, (name, row) in enumerate(result["variants"].items()):
        own = [one for one in result["each"] if one["variant"] == name]
        own_kind = kind(own[0])
        label = None if own_kind in named else _LABELS[own_kind]
        named.add(own_kind)
        axes.plot(
            [place] * len(own), [100 * one["top1"] for one in own], "o", color=COLORS[own_kind], alpha=0.7, label=label
        )
        mean = 100 * row["top1"]["mean"]
        axes.plot([place - 0.3, place + 0.3], [mean, mean], color=COLORS[own_kind], linewidth=2)
    ticks = [f"{name}\n{row['input_size']:.2g}×" for name, row in result["variants"].items()]
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlabel("input and its size relative to RGB")
    axes.set_ylabel("top-1, %; each network, and the mean")
    sizes = f"pixels at {settings['side']} px, others from {other_sides(report)} px"
    axes.set_title(
        f"{settings['model']} on {settings['data']}, {settings['epochs']} epochs;\n{sizes}", fontsize="medium"
    )
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    drawn.savefig(path, dpi=150)


def figures(report: dict[str, Any], path: Path) -> list[Path]:
    """Draw all figures of a report, and return their paths: the accuracies, and beside them the gates' rates if any."""
    figure(report, path)
    gates = path.with_name(f"{path.stem}-gate.png")
    return [path, gates] if gates_figure(report, gates) else [path]


def gates_figure(report: dict[str, Any], path: Path) -> bool:
    """Draw how often the gates kept each channel, on average over the networks: Xu et al.'s figure 5."""
    rates = [one["gate"]["rates"] for one in report["result"]["each"] if "gate" in one]
    if not rates:
        return False
    plot_rates(torch.tensor(rates).mean(0)).savefig(path, dpi=150)
    return True
