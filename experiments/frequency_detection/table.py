"""Results beside Xu et al.'s."""

from typing import Any

from experiments.approximation import spread
from experiments.frequency_channels.variants import variant
from experiments.markdown import table

__all__ = ["PAPER", "summary", "table_of"]

PAPER = {
    "RGB": {"box": 0.373, "mask": 0.342},
    "24S": {"box": 0.377, "mask": 0.346},
    "48S": {"box": 0.381, "mask": 0.350},
    "64S": {"box": 0.381, "mask": 0.350},
}
"""Xu et al. (2020), tables 3 and 4: AP of Mask R-CNN with ResNet-50-FPN on COCO's validation images."""


def summary(units: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Describe all networks.

    Args:
        units: Each network's variant, seed and epochs.

    Returns:
        Per variant the spread of the last epoch's AP, and all networks.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for one in units.values():
        last = one["epochs"][-1]
        for kind in ("box", "mask"):
            if kind in last:
                found.setdefault(one["variant"], {}).setdefault(kind, []).append(last[kind]["AP"])
    return {
        "variants": {name: {kind: spread(values) for kind, values in kinds.items()} for name, kinds in found.items()},
        "each": list(units.values()),
    }


def table_of(report: dict[str, Any]) -> str:
    """Write the table.

    Args:
        report: The experiment's.

    Returns:
        Lines of Markdown: AP by variant, and the paper's.
    """
    settings, result = report["settings"], report["result"]
    kinds = ("box", "mask") if settings["model"] == "mask" else ("box",)
    header = ["input", "× RGB's size", "first weights"]
    first = settings["first_weights"]
    for kind in kinds:
        header += [f"{kind} AP", *(["paper"] if settings["model"] == "mask" else [])]
    rows = []
    for name, found in result["variants"].items():
        selection = variant(name).selection
        row = [name, "1" if selection is None else f"{selection.relative_size():.3g}"]
        row.append(first if isinstance(first, str) else first[name])
        for kind in kinds:
            row.append(f"{found[kind]['mean']:.3f}")
            if settings["model"] == "mask":
                row.append(f"{PAPER[name][kind]:.3f}" if name in PAPER else "")
        rows.append([*row, f"{_first_and_last(result, name)}"])
    return table([*header, "loss, first and last epoch"], rows)


def _first_and_last(result: dict[str, Any], name: str) -> str:
    losses = [[epoch["losses"]["total"] for epoch in one["epochs"]] for one in result["each"] if one["variant"] == name]
    first, last = (sum(curve[place] for curve in losses) / len(losses) for place in (0, -1))
    return f"{first:.3f} → {last:.3f}"
