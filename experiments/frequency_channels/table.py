"""The table of `experiments.frequency_channels`, beside Xu et al.'s."""

from typing import Any

from experiments.markdown import table
from experiments.published import XU_TABLE_1, XU_TABLE_2

__all__ = ["published_row", "table_of"]


def published_row(model: str, variant: str) -> dict[str, float] | None:
    """Find a variant in Xu et al.'s tables.

    Args:
        model: A torchvision classifier's name.
        variant: Its name.

    Returns:
        top1, top5 and input_size of ResNet-50 or MobileNetV2; None where the paper has no such row.
    """
    return (XU_TABLE_2 if model.startswith("mobilenet") else XU_TABLE_1).get(variant)


def _percent(spread: dict[str, Any], seeds: int) -> str:
    mean = f"{100 * spread['mean']:.1f}"
    return mean if seeds == 1 else f"{mean} ± {100 * spread['std']:.1f}"


def _difference(row: dict[str, Any], reference: str) -> str:
    difference = row.get(f"against {reference}")
    if difference is None:
        return ""
    mean, half = 100 * difference["mean"], difference["half_width"]
    return f"{mean:+.1f}" + ("" if half is None else f" ± {100 * half:.1f}")


def table_of(report: dict[str, Any]) -> str:
    """Write a row for each variant.

    Args:
        report: What the experiment wrote.

    Returns:
        Markdown: input size relative to RGB, top-1 and top-5 as mean ± standard deviation over seeds, the differences
        in top-1 to RGB and to DCT-192 with the half width of their 95 % intervals, and the paper's numbers.
    """
    model = report["settings"]["model"]
    paper = "MobileNetV2" if model.startswith("mobilenet") else "ResNet-50"
    rows = []
    for name, row in report["result"]["variants"].items():
        theirs = published_row(model, name)
        kept = f" (kept {row['kept']['mean']:.1f})" if "kept" in row else ""
        cells = [f"{name}{kept}", str(row["seeds"]), f"{row['input_size']:.2f}"]
        cells += [_percent(row[top], row["seeds"]) for top in ("top1", "top5")]
        cells += [_difference(row, reference) for reference in ("RGB", "DCT-192")]
        cells += [f"{theirs[top]:.1f}" if theirs else "" for top in ("top1", "top5")]
        rows.append(cells)
    header = ["input", "seeds", "size relative to RGB", "top-1, %", "top-5, %", "top-1 − RGB's", "top-1 − DCT-192's"]
    return table([*header, f"paper, {paper}, top-1", "top-5"], rows)
