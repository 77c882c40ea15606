"""What the trainings of all variants and seeds come to: summary, table beside Xu et al.'s, figures."""

import statistics
from collections.abc import Sequence
from typing import Any

from experiments.frequency_channels.variants import DESIGNS
from experiments.lib import markdown
from experiments.lib.intervals import interval, spread
from experiments.lib.paired import points
from experiments.lib.published import XU_TABLE_1, XU_TABLE_2

__all__ = [
    "claim",
    "difference_cell",
    "difference_columns",
    "hours_cell",
    "other_sides",
    "percent_cell",
    "published_row",
    "summary",
    "table",
    "table_of",
    "training_table",
]

_REFERENCES = ("RGB", "DCT-192", "24S", "learned-24")
"""Inputs that the others are compared with, seed by seed."""

_LOSS = 0.01
"""Of top-1, that still counts as none."""


def _accuracies(each: Sequence[dict[str, Any]], variant: str, top: str) -> dict[int, float]:
    return {one["seed"]: one[top] for one in each if one["variant"] == variant}


def _differences(each: Sequence[dict[str, Any]], variant: str, reference: str, top: str) -> list[float]:
    """Seed by seed: the same order and crops of the files, and the same first weights where the networks agree."""
    own, theirs = _accuracies(each, variant, top), _accuracies(each, reference, top)
    return [own[seed] - theirs[seed] for seed in sorted(own) if seed in theirs]


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise all variants.

    Args:
        each: Training by training: variant, seed, top1, top5, input_size, parameters, seconds, epochs, and gate where
            there is one.

    Returns:
        'variants': by name the spread over seeds of top-1, top-5 and the training accuracy of the last epoch, their
        means' intervals, and the differences in top-1 to RGB, DCT-192, 24S and learned-24, paired by seed; 'each'.
    """
    variants: dict[str, Any] = {}
    for name in dict.fromkeys(one["variant"] for one in each):
        own = [one for one in each if one["variant"] == name]
        row: dict[str, Any] = {
            "seeds": len(own),
            "input_size": statistics.fmean(one["input_size"] for one in own),
            "parameters": own[0]["parameters"],
            "operations": own[0].get("operations"),
            "training_accuracy": spread([one["epochs"][-1]["training_accuracy"] for one in own]),
            "seconds": statistics.fmean(one["seconds"] for one in own),
        }
        for top in ("top1", "top5"):
            values = list(_accuracies(each, name, top).values())
            row[top] = spread(values) | {"half_width": interval(values)["half_width"]}
        for reference in _REFERENCES:
            differences = _differences(each, name, reference, "top1")
            if reference != name and differences:
                row[f"against {reference}"] = interval(differences) | {"seeds": len(differences)}
        if all("gate" in one for one in own):
            row["kept"] = spread([one["gate"]["kept"] for one in own])
        variants[name] = row
    return {"variants": variants, "each": each}


def _sorted_by_difference(result: dict[str, Any], reference: str, names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"above": [], "below": [], "open": []}
    for name in names:
        difference = result["variants"][name].get(f"against {reference}")
        if difference is None or difference["half_width"] is None:
            continue
        mean, half = difference["mean"], difference["half_width"]
        found["open" if abs(mean) <= half else "above" if mean > 0 else "below"].append(name)
    return found


def _keeps_all(difference: dict[str, Any] | None) -> bool:
    """True if a loss against all channels of more than `_LOSS` is excluded."""
    if difference is None or difference["half_width"] is None:
        return False
    return bool(difference["mean"] - difference["half_width"] > -_LOSS)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"


def _points(difference: dict[str, Any]) -> str:
    mean, half = 100 * difference["mean"], difference["half_width"]
    return f"{mean:+.1f}" + ("" if half is None else f" ({mean - 100 * half:+.1f}…{mean + 100 * half:+.1f})")


def claim(result: dict[str, Any]) -> str:
    """Test the paper's claim here: frequency channels beat RGB, and few of them lose nothing.

    Of a set it holds if it is better than RGB beyond chance, and the 95 % interval of its difference to all 192
    channels ends less than a point below zero; it fails if the set is worse than either beyond chance. Chance is that
    of the seeds: a difference counts if zero lies outside the interval of its mean. All networks are tested on the
    same files.
    """
    rows = result["variants"]
    frequency = [name for name in rows if name not in {"RGB", "YCbCr"}]
    few = [name for name in frequency if name != "DCT-192"]
    paired = [name for name in frequency if "against RGB" in rows[name]]
    if not paired:
        return "Nothing was trained that could be compared with RGB."
    numbers = ", ".join(f"{name} {_points(rows[name]['against RGB'])}" for name in paired)
    if all(rows[name]["against RGB"]["half_width"] is None for name in paired):
        return f"Top-1 against RGB, in points, one seed, which says nothing about chance: {numbers}."
    rgb = _sorted_by_difference(result, "RGB", frequency)
    parts = [
        f"Better than RGB, beyond chance: {_listed(rgb['above'])}; worse: {_listed(rgb['below'])}; open: "
        f"{_listed(rgb['open'])} (top-1 in points, mean and 95 % interval of differences paired by seed: {numbers})."
    ]
    every = _sorted_by_difference(result, "DCT-192", few)
    if any(every.values()):
        numbers = ", ".join(
            f"{name} {_points(rows[name]['against DCT-192'])}" for name in few if "against DCT-192" in rows[name]
        )
        parts.append(
            f"Fewer channels lose against all 192, beyond chance: {_listed(every['below'])}; gain: "
            f"{_listed(every['above'])}; open: {_listed(every['open'])} ({numbers})."
        )
    if few and "DCT-192" not in rows:
        parts.append("Whether fewer channels lose anything was not measured: DCT-192 was not trained.")
    elif few:
        failing = [name for name in few if name in {*rgb["below"], *every["below"]}]
        better = [name for name in few if name in rgb["above"] and _keeps_all(rows[name].get("against DCT-192"))]
        parts.append(
            f"That fewer channels are better than RGB, and lose less than {100 * _LOSS:g} point against all 192: "
            f"holds for {_listed(better)}, fails for {_listed(failing)}, is not decided for "
            f"{_listed([name for name in few if name not in {*better, *failing}])}."
        )
        if "DCT-192" in rgb["below"]:
            parts.append("To lose nothing against all 192 says little here: they are worse than RGB themselves.")
    return " ".join(parts)


def published_row(model: str, variant: str) -> dict[str, float] | None:
    """Find a variant in Xu et al.'s tables.

    Args:
        model: A torchvision classifier's name.
        variant: Its name.

    Returns:
        top1, top5 and input_size of ResNet-50 or MobileNetV2; None where the paper lacks the row.
    """
    return (XU_TABLE_2 if model.startswith("mobilenet") else XU_TABLE_1).get(variant)


def percent_cell(spread: dict[str, Any], seeds: int) -> str:
    """Write a share in percent, with its standard deviation over seeds."""
    mean = f"{100 * spread['mean']:.1f}"
    return mean if seeds == 1 else f"{mean} ± {100 * spread['std']:.1f}"


def _operations(row: dict[str, Any]) -> str:
    # Results from before they were counted have none.
    count = row.get("operations")
    return "" if count is None else f"{count / 1e9:.2f}"


def difference_cell(row: dict[str, Any], reference: str) -> str:
    """Write a difference in points with the half width of its 95 % interval; nothing where it was not measured."""
    difference = row.get(f"against {reference}")
    return "" if difference is None else points(difference)


def difference_columns(variants: dict[str, Any]) -> dict[str, list[str]]:
    """Make the columns of differences in top-1: a header and a cell for each variant, for each measured reference."""
    return {
        f"top-1 − {reference}'s": [difference_cell(row, reference) for row in variants.values()]
        for reference in _REFERENCES
        if any(f"against {reference}" in row for row in variants.values())
    }


def table_of(report: dict[str, Any]) -> str:
    """Write a row for each variant.

    Returns:
        Markdown: input size relative to RGB, operations of the network for an image, top-1 and top-5 as mean ± standard
        deviation over seeds, the differences in top-1 to the references with the half width of their 95 % intervals,
        and the paper's numbers.
    """
    model, variants = report["settings"]["model"], report["result"]["variants"]
    differences = difference_columns(variants)
    rows = []
    for place, (name, row) in enumerate(variants.items()):
        kept = f" (kept {row['kept']['mean']:.1f})" if "kept" in row else ""
        cells = [f"{name}{kept}", str(row["seeds"]), f"{row['input_size']:.2f}", _operations(row)]
        cells += [percent_cell(row[top], row["seeds"]) for top in ("top1", "top5")]
        cells += [column[place] for column in differences.values()]
        theirs = published_row(model, name)
        rows.append(cells + [f"{theirs[top]:.1f}" if theirs else "" for top in ("top1", "top5")])
    header = ["input", "seeds", "size relative to RGB", "operations, 10⁹", "top-1, %", "top-5, %", *differences]
    paper = "MobileNetV2" if model.startswith("mobilenet") else "ResNet-50"
    return markdown.table([*header, f"paper, {paper}, top-1", "top-5"], rows)


def table(report: dict[str, Any]) -> str:
    """Write the table, and how its networks were trained."""
    return f"{table_of(report)}\n\n{training_table(report)}"


def other_sides(report: dict[str, Any]) -> str:
    """Write the sides of the images that inputs other than RGB and YCbCr are taken from, in pixels."""
    settings, names = report["settings"], report["result"]["variants"].keys() - {"RGB", "YCbCr"}
    return " and ".join(str(side) for side in sorted({_side(settings, name) for name in names}))


def _side(settings: dict[str, Any], name: str) -> int:
    side: int = settings["side" if name in DESIGNS else "frequency_side"]
    return side


def hours_cell(each: Sequence[dict[str, Any]]) -> str:
    """Write the hours that trainings took together, without their tests."""
    return f"{sum(one['seconds'] for one in each) / 3600:.2f}"


def training_table(report: dict[str, Any]) -> str:
    """Write how the networks were trained: data, epochs, the sides of the images that they take, precision, hours."""
    settings = report["settings"]
    header = ["network", "data", "training files", "test files", "epochs", "side of RGB and YCbCr, px"]
    row = [settings["model"], settings["data"]]
    row += [f"{settings[key]:,}" for key in ("training_images", "test_images", "epochs", "side")]
    row += [other_sides(report), settings["precision"], hours_cell(report["result"]["each"])]
    header += ["side of the other inputs' images, px", "precision", "hours of training, all networks"]
    return markdown.table(header, [row])
