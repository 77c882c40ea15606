"""What the trainings come to: summary, table and figure of accuracies before and after."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from experiments.frequency_adaptation.training import share
from experiments.frequency_channels.results import difference_cell, hours_cell, percent_cell
from experiments.lib import markdown
from experiments.lib.intervals import interval, spread

__all__ = ["figure", "fits", "summary", "table", "table_of"]

_REFERENCE = ("RGB", "kept")
_MOMENTS = ("before", "after")
_STARTS = {
    "kept": "as it was",
    "fitted": "first block fitted",
    "random": "new entrance random",
    "scratch": "all weights random",
}
_COLORS = {"kept": "0.45", "fitted": "#0b6e4f", "random": "#c1440e", "scratch": "#3f5fa8"}
_TITLES = {"top1": "all of the network's classes", "within": "only the folder's classes as answers"}


def _shares(each: Sequence[dict[str, Any]], when: str, top: str) -> list[float]:
    return [one[when][top] / one[when]["files"] for one in each if one[when] is not None]


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the trainings.

    Args:
        each: Training by training: variant, start, seed, before (or None) and after as of `right_answers`, with
            'samples' where they were tested, loss, training_accuracy, seconds, and explained of a fitted start.

    Returns:
        'rows': for each variant and start, the spread over seeds of top-1, over all classes and within the folder's,
        before and after; the samples' with the interval that so few files leave; the difference of top-1 to the RGB
        network with the same training, paired by seed; 'each'.
    """
    rows: list[dict[str, Any]] = []
    reference = {one["seed"]: one for one in each if (one["variant"], one["start"]) == _REFERENCE}
    for variant, start in dict.fromkeys((one["variant"], one["start"]) for one in each):
        own = [one for one in each if (one["variant"], one["start"]) == (variant, start)]
        row: dict[str, Any] = {"variant": variant, "start": start, "seeds": len(own)}
        row["seconds"] = statistics.fmean(one["seconds"] for one in own)
        if "explained" in own[0]:
            row["explained"] = statistics.fmean(one["explained"] for one in own)
            row["block"] = {top: spread(_shares(own, "block", top)) for top in ("top1", "within")}
        for when in _MOMENTS:
            if own[0][when] is None:
                continue
            row[when] = {top: spread(_shares(own, when, top)) for top in ("top1", "within")}
            if "samples" in own[0][when]:
                row[when]["samples"] = {
                    top: _few([one[when]["samples"] for one in own], top) for top in ("top1", "top5")
                }
        if (variant, start) != _REFERENCE:
            pairs = [(one, reference[one["seed"]]) for one in own if one["seed"] in reference]
            differences = [_shares([a], "after", "top1")[0] - _shares([b], "after", "top1")[0] for a, b in pairs]
            row["against RGB"] = interval(differences) | {"seeds": len(differences)}
        rows.append(row)
    return {"rows": rows, "each": each}


def _few(tested: Sequence[dict[str, int]], top: str) -> dict[str, float]:
    """Average over networks; the interval is that of one network, as all were tested on the same few files."""
    return share(round(statistics.fmean(one[top] for one in tested)), tested[0]["files"])


def _percent(row: dict[str, Any], when: str, top: str) -> str:
    return percent_cell(row[when][top], row["seeds"]) if when in row else ""


def _sample(row: dict[str, Any], when: str, top: str) -> str:
    if when not in row:
        return ""
    mean, low, high = (100 * row[when]["samples"][top][key] for key in ("mean", "low", "high"))
    return f"{mean:.0f} ({low:.0f}…{high:.0f})"


def table_of(report: dict[str, Any]) -> str:
    """Write a row for each input and start.

    Returns:
        Markdown: top-1 before and after the training as mean ± standard deviation over seeds, its difference to the RGB
        network's after the same training; of a network on other classes than the folder's also the accuracies with the
        folder's as the only answers, and on the samples with their 95 % intervals.
    """
    rows = report["result"]["rows"]
    header = ["input", "start", "networks", "top-1 before, %", "after, %", "after − RGB's"]
    within = any(row["after"]["within"] != row["after"]["top1"] for row in rows)
    samples = "samples" in rows[0]["after"]
    if within:
        header += ["only the folder's classes, before", "after"]
    if samples:
        header += [f"ImageNet samples, top-{top} {when}" for top in (1, 5) for when in _MOMENTS]
    cells = []
    for row in rows:
        line = [row["variant"], _STARTS[row["start"]], str(row["seeds"])]
        line += [_percent(row, when, "top1") for when in _MOMENTS]
        line.append(difference_cell(row, "RGB"))
        if within:
            line += [_percent(row, when, "within") for when in _MOMENTS]
        if samples:
            line += [_sample(row, when, top) for top in ("top1", "top5") for when in _MOMENTS]
        cells.append(line)
    return markdown.table(header, cells)


def fits(report: dict[str, Any]) -> str:
    """Write a row for each fitted start: the variance that the fit explains, and what new statistics add to it."""
    rows = [
        [
            row["variant"],
            f"{100 * row['explained']:.0f}",
            *(percent_cell(row[when]["top1"], 1) for when in ("block", "before")),
        ]
        for row in report["result"]["rows"]
        if "explained" in row
    ]
    header = ["fitted input", "variance of the first block explained, %", "top-1 of the fit alone, %"]
    return markdown.table([*header, "with batch norms measured again"], rows)


def table(report: dict[str, Any]) -> str:
    """Write the table, and how its networks were trained."""
    settings = report["settings"]
    header = ["network", "weights", "data", "training files", "test files", "epochs", "layers trained"]
    row = [settings[key] for key in ("model", "weights", "data")]
    row += [f"{settings[key]:,}" for key in ("training_images", "test_images", "epochs")]
    row += [settings["train"], *(str(settings[key]) for key in ("side", "frequency_side"))]
    header += ["side of RGB, px", "side that channels are taken from, px", "precision"]
    # Reports from before it was in them are of float32, too.
    row += [settings.get("precision", "float32"), hours_cell(report["result"]["each"])]
    header.append("hours of training, all networks")
    return "\n\n".join([table_of(report), fits(report), markdown.table(header, [row])])


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw each network before and after its training, and the RGB network before it as a line."""
    settings, result = report["settings"], report["result"]
    rows = result["rows"]
    tops = ["top1", "within"] if any(row["after"]["within"] != row["after"]["top1"] for row in rows) else ["top1"]
    drawn = Figure(figsize=(1.5 + (0.8 + len(rows)) * len(tops), 4), layout="constrained")
    for axes, top in zip(drawn.subplots(1, len(tops), sharey=True, squeeze=False)[0], tops, strict=True):
        for place, row in enumerate(rows):
            own = [one for one in result["each"] if (one["variant"], one["start"]) == (row["variant"], row["start"])]
            for when, shift, style in (("before", -0.12, {"mfc": "none"}), ("after", 0.12, {})):
                values = [100 * share for share in _shares(own, when, top)]
                label = f"{when} training" if place == 0 else None
                axes.plot([place + shift] * len(values), values, "o", color=_COLORS[row["start"]], label=label, **style)
        axes.axhline(100 * rows[0]["before"][top]["mean"], color="0.6", linewidth=1, linestyle="--", label="RGB before")
        ticks = ["\n".join([row["variant"], *wrap(_STARTS[row["start"]], 13)]) for row in rows]
        axes.set_xticks(range(len(rows)), ticks, fontsize="small")
        axes.set_title(_TITLES[top] if len(tops) > 1 else "", fontsize="medium")
        axes.set_ylim(0, 100)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        if top == "top1":
            axes.set_ylabel("top-1, %; each network")
            axes.legend(frameon=False, fontsize="small")
    files, epochs = settings["training_images"], settings["epochs"]
    title = f"{settings['model']} trained on RGB, then on {files:,} files of {settings['data']}"
    drawn.suptitle(f"{title}, {epochs} epoch{'' if epochs == 1 else 's'}", fontsize="medium")
    drawn.savefig(path, dpi=150)
