"""The results of `experiments.frequency_exact` as tables, and in a sentence."""

from typing import Any

from experiments.frequency_selections import RULES
from experiments.markdown import table, where

__all__ = ["enough", "exact_table", "printed"]


def _counts(result: dict[str, Any]) -> list[int]:
    return sorted({int(count) for row in result["rules"].values() for count in row})


def printed(report: dict[str, Any]) -> str:
    """Write the table for a terminal.

    Args:
        report: What the experiment wrote.

    Returns:
        Lines: top-1, top-5 and the share of the entropy-coded bytes by rule and channels kept.
    """
    settings, result = report["settings"], report["result"]
    unmodified = result["unmodified"]
    lines = [
        f"{settings['model']} on {result['images']} images of {settings['data']}, converted exactly",
        f"  all 192 channels: top-1 {unmodified['top1']:.4f}, top-5 {unmodified['top5']:.4f}",
        "",
        "  rule       channels    top-1   against all 192      top-5   bytes of the scans",
    ]
    for rule, row in result["rules"].items():
        for count, one in row.items():
            share = "–" if one["scan_share"] is None else f"{one['scan_share']:.1%}"
            lines.append(
                f"  {rule:<10} {count:>8}   {one['top1']:.4f}  {one['top1_difference']:>+8.4f} ± "
                f"{one['standard_error']:.4f}   {one['top5']:.4f}   {share:>8}"
            )
    return "\n".join([*lines, "", enough(result)])


def enough(result: dict[str, Any], loss: float = 0.01) -> str:
    """Say how many channels each rule needs.

    Args:
        result: Of a report.
        loss: Of top-1 against all channels that still counts as close.

    Returns:
        A sentence.
    """
    needed = []
    for rule, row in result["rules"].items():
        counts = sorted((int(count) for count in row), reverse=True)
        close = []
        # From all channels downwards, as long as it holds.
        for count in counts:
            if row[str(count)]["top1_difference"] < -loss:
                break
            close.append(count)
        needed.append(f"{RULES[rule]}: {min(close) if close else f'more than {counts[0]}'}")
    return f"Within {loss:g} of all 192 channels' top-1, as measured, from so many channels on: {'; '.join(needed)}."


def exact_table(report: dict[str, Any]) -> str:
    """Write top-1 by rule over channels kept, for the README.

    Args:
        report: What the experiment wrote.

    Returns:
        Markdown.
    """
    result, settings = report["result"], report["settings"]
    counts = _counts(result)
    rows = [
        [RULES[rule], *(f"{row[str(n)]['top1']:.3f}" if str(n) in row else "" for n in counts)]
        for rule, row in result["rules"].items()
    ]
    largest = max(one["standard_error"] for row in result["rules"].values() for one in row.values())
    crop = "" if settings["crop"] is None else f", the {settings['crop']}×{settings['crop']} in the middle"
    shares = [f"{name} {_share(result, name)}" for name in ("6S", "24S", "24T", "24D", "64S") if _share(result, name)]
    scans = f" Of the files' entropy-coded bytes {', '.join(shares)} are left." if shares else ""
    left = table(["channels kept", *map(str, counts)], rows)
    return (
        f"{left}\n\n{settings['model']}, {result['images']:,} images of {settings['data']}{crop}: top-1 with all 192 "
        f"channels {result['unmodified']['top1']:.3f}; standard errors of the paired differences are up to "
        f"{largest:.3f}. {enough(result)}{scans} {where(report)}"
    )


def _share(result: dict[str, Any], name: str) -> str:
    rule = {"S": "square", "T": "triangle", "D": "learned"}[name[-1]]
    row = result["rules"].get(rule, {}).get(name[:-1])
    return "" if row is None or row["scan_share"] is None else f"{row['scan_share']:.0%}"
