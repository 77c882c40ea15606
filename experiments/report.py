"""Write one page, with figures, that sets Ehrlich & Davis's (2019) numbers beside those in the committed results.

    python -m experiments.report

Every sentence that compares is made from the numbers.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from experiments import accuracy_figure, asm_error
from experiments.approximation import METHODS
from experiments.comparison import ahead, enough, numbers, paired
from experiments.markdown import table, where
from experiments.published import FIGURE_4C, TABLE_1

__all__ = ["RESULTS", "learning", "main", "page", "reports_of", "table_1", "title", "verdict"]

RESULTS = Path(__file__).parent / "results"
_CLOSE, _NEAR = 0.01, 0.05
_SIGNS = (("asm", 1), ("apx", -1))
_SHOWN = (1, 3, 5, 7)
_SOURCES = {
    "box": "random 4×4 blocks, box-upscaled: the paper's",
    "random": "random 8×8 blocks",
    "activations": "what the ReLUs of a network are given",
}

Reports = dict[str, dict[str, Any]]


def reports_of(folder: Path, experiment: str, key: str) -> Reports:
    """Read the results of one experiment.

    Args:
        folder: Of JSON files.
        experiment: Its name, with which the files' names begin.
        key: One of its settings.

    Returns:
        The reports by the value of that setting.
    """
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{experiment}-*.json"))]
    return {report["settings"][key]: report for report in reports if report["experiment"] == experiment}


def _name(data: str) -> str:
    """The paper's name for a data set, or for a folder of its images as JPEG files."""
    return data.removesuffix("-jpeg")


def title(data: str) -> str:
    """Name a data set for people.

    Args:
        data: Its name or its folder's, where -jpeg stands for JPEG files.

    Returns:
        Such as 'CIFAR-10, as JPEG files'.
    """
    name = TABLE_1.get(_name(data), {"title": data})["title"]
    return f"{name}, as JPEG files" if data.endswith("-jpeg") else name


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _how(report: dict[str, Any]) -> str:
    settings = report["settings"]
    channels = "-".join(map(str, settings["channels"]))
    return (
        f"{title(settings['data'])}: {_counted(settings['networks'], 'network')} a point, {channels} channels, Adam's "
        f"defaults, batches of {settings['batch']}, {_counted(settings['epochs'], 'epoch')} of "
        f"{settings['training_images']:,} images, tested on {settings['test_images']:,}, seeds from "
        f"{settings['seed']} on. {where(report)}"
    )


def table_1(reports: Reports) -> str:
    """Write the paper's table 1, its numbers beside ours.

    Args:
        reports: Of `experiments.conversion`, by data set.

    Returns:
        Markdown.
    """
    rows = []
    for name, paper in TABLE_1.items():
        found = [report for data, report in reports.items() if _name(data) == name]
        published = [f"{paper['spatial']:.3f}", f"{paper['converted']:.3f}", f"{paper['deviation']:.1e}"]
        for report in found:
            result = report["result"]
            own = [f"{result['accuracy'][side]['mean']:.4f}" for side in ("spatial", "converted")]
            own.append(f"{result['accuracy_deviation']['mean']:.1g}")
            answers = report["settings"]["networks"] * report["settings"]["test_images"]
            rows.append(
                [title(report["settings"]["data"]), str(report["settings"]["networks"])]
                + [cell for both in zip(own, published, strict=True) for cell in both]
                + [f"{result['different']} of {answers:,} ({result['different_beyond_ties']})"]
                + [f"{result['largest_deviation'] / result['largest_logit']:.1e}"]
            )
        if not found:
            rows.append([paper["title"], "not measured", *(cell for both in published for cell in ("", both)), "", ""])
    header = ["data", "networks", "spatial", "paper", "converted", "paper", "mean difference", "paper"]
    header += ["other top-1 (no ties)", "largest Δlogit, relative"]
    return table(header, rows)


def _curves(report: dict[str, Any]) -> str:
    """Accuracy over frequencies, one row per number."""
    result = report["result"]
    interim = FIGURE_4C.get(_name(report["settings"]["data"]), {}) if report["experiment"] == "jpeg_training" else {}
    header = ["frequencies", "ASM", "APX"] + (["authors' ASM", "authors' APX"] if interim else [])
    rows = []
    for n, row in result["frequencies"].items():
        found = [row.get(method) for method in METHODS]
        cells = ["" if one is None else f"{one['mean']:.4f}" for one in found]
        if report["settings"]["networks"] > 1:
            cells = [cell and f"{cell} ± {one['std']:.4f}" for cell, one in zip(cells, found, strict=True)]
        published = [interim[method].get(int(n)) for method in interim]
        rows.append([n, *cells, *("" if value is None else f"{value:.3f}" for value in published)])
    return table(header, rows)


def verdict(report: dict[str, Any]) -> str:
    """Say which method is ahead, and how many frequencies are enough.

    Args:
        report: Of `experiments.conversion` or `experiments.jpeg_training`.

    Returns:
        Sentences.
    """
    result = report["result"]
    networks = max(map(len, paired(result).values()))
    sentences = []
    if networks > 1:
        leads = ahead(result)
        sentences = [
            f"ASM is ahead at {numbers(leads['asm'])}, APX at {numbers(leads['apx'])}, and neither beyond chance at "
            f"{numbers(leads['neither'])} (paired by network, 95 % intervals, each number by itself)."
        ]
    elif networks == 1:
        higher = {method: [n for n, (one,) in paired(result).items() if sign * one > 0] for method, sign in _SIGNS}
        sentences = [
            f"One network a point cannot tell a method's lead from chance: ASM's is the better one at "
            f"{numbers(higher['asm'])}, APX's at {numbers(higher['apx'])}."
        ]
    needed = {method.upper(): enough(result, method, _CLOSE) for method in METHODS}
    if report["settings"]["networks"] > 1 and all(needed.values()):
        each = " and ".join(f"{method} {count}" for method, count in needed.items())
        sentences.append(f"To stay within {_CLOSE:.2f} of 15 frequencies, {each} frequencies are needed.")
    return " ".join(sentences)


def learning(conversion: dict[str, Any], training: dict[str, Any]) -> str:
    """Say what weights that learnt with an approximation lose by it, beside those that did not.

    Args:
        conversion: Report of networks that did not.
        training: Report of networks that did, on the same data.

    Returns:
        A sentence; none without 15 frequencies to compare with.
    """
    parts = []
    for method in METHODS:
        lost = [_lost(report["result"], method) for report in (training, conversion)]
        shown = [n for n in _SHOWN if n in lost[0] and n in lost[1]]
        cells = ", ".join(f"{_fall(lost[0][n])} instead of {_fall(lost[1][n])} at {n}" for n in shown)
        if shown:
            needed = [enough(report["result"], method, _NEAR) for report in (training, conversion)]
            parts.append(f"{method.upper()} {cells}, so that {needed[0]} instead of {needed[1]} are enough for {_NEAR}")
    if not parts:
        return ""
    names = ("channels", "epochs", "training_images")
    other = [name for name in names if conversion["settings"][name] != training["settings"][name]]
    caution = f" (The networks differ in {' and '.join(other)} too.)".replace("_", " ") if other else ""
    return f"Accuracy lost against 15 frequencies, trained instead of converted: {'; '.join(parts)}.{caution}"


def _fall(value: float) -> str:
    # Adding 0 makes −0 a 0.
    return f"{round(value, 3) + 0.0:.3f}"


def _lost(result: dict[str, Any], method: str) -> dict[int, float]:
    """What each number of frequencies loses against 15; empty without 15."""
    means = {int(n): row[method]["mean"] for n, row in result["frequencies"].items() if method in row}
    return {n: means[15] - mean for n, mean in means.items()} if 15 in means else {}


def _short(value: float) -> str:
    return f"{value:.4f}" if value >= 0.01 else f"{value:.2e}"


def _figure_4a(reports: Reports, folder: Path) -> str:
    parts = []
    for source, blocks in _SOURCES.items():
        if source not in reports:
            continue
        report = reports[source]
        quantity = "relative_rmse" if source == "activations" else "block_rmse"
        rows, behind = [], []
        for n, row in report["result"]["frequencies"].items():
            asm, apx = (row[method][quantity] for method in METHODS)
            rows.append([n, *(f"{_short(one['value'])} ± {(one['high'] - one['low']) / 2:.0e}" for one in (asm, apx))])
            if int(n) < 15 and asm["high"] >= apx["low"]:
                behind.append(int(n))
        image = f"asm_error-{source}.png"
        asm_error.draw(report, folder / image)
        measure = "RMSE over the RMS of the exact ReLU" if source == "activations" else "mean of the blocks' RMSEs"
        said = (
            "ASM's error is below APX's at every number of frequencies from 1 to 14, as in the paper."
            if not behind
            else f"ASM's error is not below APX's at {numbers(behind)}."
        )
        settings = report["settings"]
        of = f" of {settings['model']} on {settings['images']} images" if source == "activations" else ""
        parts.append(
            f"### {blocks[0].upper()}{blocks[1:]}\n\n{report['result']['blocks']:,} blocks{of}; {measure}, with 95 % "
            f"intervals. {said}\n\n![{blocks}]({image})\n\n{table(['frequencies', 'ASM', 'APX'], rows)}\n\n"
            f"{where(report)}"
        )
    return "\n\n".join(parts)


def _figure(reports: Reports, folder: Path, others: Reports | None = None) -> str:
    parts = []
    for data, report in reports.items():
        image = f"{report['experiment']}-{data}.png"
        accuracy_figure.draw(report, folder / image)
        said = verdict(report)
        if others and data in others:
            said += f" {learning(others[data], report)}"
        parts.append(
            f"### {title(data)}\n\n{said}\n\n![Accuracy over frequencies, {title(data)}]({image})\n\n"
            f"{_curves(report)}\n\n{_how(report)}"
        )
    return "\n\n".join(parts)


def page(folder: Path) -> str:
    """Write the page and draw its figures.

    Args:
        folder: Of the results; the figures are drawn into it.

    Returns:
        Markdown.
    """
    conversion = reports_of(folder, "conversion", "data")
    training = reports_of(folder, "jpeg_training", "data")
    errors = reports_of(folder, "asm_error", "source")
    how = "\n".join(f"- {_how(report)}" for report in conversion.values())
    return f"""# Ehrlich & Davis (2019), reproduced

*Deep Residual Learning in the JPEG Transform Domain*, table 1 and figures 4a, 4b and 4c, with the paper's numbers
beside ours. `python -m experiments.report` writes this page from the JSON files in this folder, the sentences that
compare included.

The paper does not give its networks' channels, its epochs or its learning rate; ours are stated. Data sets of
torchvision are encoded without loss, as in the paper. CIFAR-10 is here as JPEG files of quality 75 with 4:2:0 chroma,
for training and testing alike: less is left in such an image than in the original, and accuracies are not those of the
original images. ± is one standard deviation over networks.

## Table 1: conversion is exact

{table_1(conversion)}

{how}

## Figure 4a: the error of ASM and APX

{_figure_4a(errors, folder)}

## Figure 4b: accuracy of converted networks

{_figure(conversion, folder)}

## Figure 4c: networks trained in the JPEG domain

The paper prints this figure without numbers. The authors' values are from an interim revision of their data, probably
of this figure.

{_figure(training, folder, conversion)}
"""


def main(given: list[str] | None = None) -> None:
    """Run from the command line.

    Args:
        given: Arguments as typed; those of the process if None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of JSON files (default: the committed)")
    folder = parser.parse_args(given).results
    if not folder.is_dir():
        raise SystemExit(f"--results: {folder} is no folder")
    (folder / "REPORT.md").write_text(page(folder))
    print(f"wrote {folder / 'REPORT.md'}")


if __name__ == "__main__":
    main()
