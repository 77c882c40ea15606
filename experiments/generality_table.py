"""The README's table of models that convert, one row a family."""

import re
from collections import Counter, defaultdict
from typing import Any

from experiments.markdown import table, where

__all__ = ["generality_table"]

_FAMILIES = {"wide_resnet": "Wide ResNet", "resnext": "ResNeXt", "resnet": "ResNet", "vgg": "VGG", "regnet": "RegNet"}


def _family(name: str) -> str:
    start = re.match(r"(wide_resnet|[a-z]+)", name)
    return start[0] if start else name


def generality_table(report: dict[str, Any]) -> str:
    """Write which models convert.

    Args:
        report: Of `experiments.generality`, both plans.

    Returns:
        Markdown: for each family the models, their largest deviations and the islands of the transform plan.
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in sorted(report["result"]):
        families[_family(name)].append(name)
    rows, converted = [], Counter[str]()
    for family, names in families.items():
        row = [_FAMILIES.get(family, family), str(len(names))]
        islands: Counter[str] = Counter()
        for plan in ("transform", "fused"):
            results = [report["result"][name][plan] for name in names]
            converted[plan] += sum(bool(one.get("passes")) for one in results)
            row.append(f"{max(one['relative_deviation'] for one in results):.0e}" if results else "")
            if plan == "transform":
                for one in results:
                    islands.update(one["islands"].keys())
        rows.append([*row, ", ".join(sorted(islands)) or "none"])
    total = len(report["result"])
    said = " and ".join(f"{count} of {total} in the {plan} plan" for plan, count in converted.items())
    header = ["family", "models", "largest Δlogit, transform", "largest Δlogit, fused", "islands of the transform plan"]
    return (
        f"torchvision's CNN classifiers: {said} convert and pass `jd.verify` in {report['settings']['dtype']} at 1e-9, "
        f"with random weights (batch norms calibrated and perturbed).\n\n{table(header, rows)}\n\n"
        f"`python -m experiments.generality` measures this. {where(report)}"
    )
