"""Write one page, with figures, that shows the numbers of Ehrlich & Davis (2019) beside measured ones.

python -m experiments.report
python -m experiments.report --results results
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import asm_error
from experiments.lib import arguments, markdown
from experiments.lib.approximation import METHODS
from experiments.lib.comparison import ahead, enough, numbers
from experiments.lib.curves import draw_accuracies
from experiments.lib.published import FIGURE_4C, TABLE_1
from experiments.throughput import results as throughput

__all__ = ["FIGURES", "PAGE", "RESULTS", "learning_table", "main", "methods_table", "page", "reports_of", "table_1"]

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "results" / "paper.md"
FIGURES = "figures/"
"""Folder of the figures, relative to the documentation's page."""

_CLOSE, _NEAR = 0.01, 0.05
_SHOWN = (1, 3, 5, 7)
_SOURCES = {
    "box": "random 4×4 blocks, box-upscaled, as in the paper",
    "random": "random 8×8 blocks",
    "activations": "inputs of a network's ReLUs",
}

Report = dict[str, Any]


def reports_of(folder: Path, experiment: str, key: str) -> dict[str, Report]:
    """Read the results of one experiment.

    Args:
        folder: Folder of JSON files.
        experiment: Name of the experiment, with which the files' names begin.
        key: Name of a setting; the reports are returned by its values.
    """
    return {report["settings"][key]: report for report in _reports(folder, experiment)}


def _reports(folder: Path, experiment: str) -> list[Report]:
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{experiment}-*.json"))]
    return [report for report in reports if report["experiment"] == experiment]


def _name(data: str) -> str:
    """Return the paper's name for a data set, or for a folder of its images as JPEG files."""
    return data.removesuffix("-jpeg")


def title(data: str) -> str:
    """Return a readable name of a data set.

    Args:
        data: Name of the data set or of its folder, in which -jpeg stands for JPEG files.

    Returns:
        Such as 'CIFAR-10, as JPEG files'.
    """
    name = TABLE_1.get(_name(data), {"title": data})["title"]
    return f"{name}, as JPEG files" if data.endswith("-jpeg") else name


def _runs(reports: Sequence[Report]) -> str:
    """Return how the networks were trained, and where."""
    counts = ("networks", "batch", "epochs", "training_images", "test_images", "seed")
    rows = []
    for report in reports:
        settings = report["settings"]
        channels = "-".join(map(str, settings["channels"]))
        rows.append([title(settings["data"]), channels, *(f"{settings[name]:,}" for name in counts)])
    header = ["data", "channels", "networks per point", "batch", "epochs"]
    header += ["training images", "test images", "first seed"]
    return f"{markdown.table(header, rows)}\n\n{_origins(reports)}"


def _throughput(reports: Sequence[Report]) -> str:
    names = []
    for report in reports:
        settings, modes = report["settings"], " and ".join(report["result"]["modes"])
        names.append(f"{settings['model']}, {settings['data']}, {modes.replace('inference', 'testing')}")
    return f"{throughput.ratios_table(reports)}\n\n{markdown.origins(names, reports)}"


def _origins(reports: Sequence[Report]) -> str:
    settings = [report["settings"] for report in reports]
    return markdown.origins([one["source"] if "source" in one else title(one["data"]) for one in settings], reports)


def table_1(reports: Sequence[Report]) -> str:
    """Write the paper's table 1, with its numbers beside ours."""
    rows = []
    for name, paper in TABLE_1.items():
        found = [report for report in reports if _name(report["settings"]["data"]) == name]
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
    return markdown.table(header, rows)


def _curves(report: dict[str, Any]) -> str:
    """Return the accuracy over frequencies, one row per number."""
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
    return markdown.table(header, rows)


def _trained(report: Report) -> str:
    how = "converted" if report["experiment"] == "conversion" else "trained in the JPEG domain"
    return f"{title(report['settings']['data'])}, {how}"


def methods_table(reports: Sequence[Report]) -> str:
    """Write the numbers of frequencies at which a method is ahead, and how many frequencies are enough.

    Args:
        reports: Of `experiments.conversion` and `experiments.jpeg_training`.
    """
    rows = []
    for report in reports:
        result, leads = report["result"], ahead(report["result"])
        needed = [enough(result, method, _CLOSE) for method in METHODS]
        row = [_trained(report), str(report["settings"]["networks"]), *map(numbers, leads.values())]
        rows.append([*row, *("" if count is None else str(count) for count in needed)])
    header = ["networks", "per point", "ASM ahead at", "APX ahead at", "neither"]
    return markdown.table([*header, *(f"{method.upper()} within {_CLOSE} from" for method in METHODS)], rows)


def learning_table(reports: Sequence[Report]) -> str:
    """Write how much accuracy approximation costs networks that were trained with it, and networks that were not.

    Args:
        reports: Of `experiments.conversion` and `experiments.jpeg_training`; data sets with both are shown.
    """
    rows = []
    for method in METHODS:
        for report in reports:
            settings, lost = report["settings"], _lost(report["result"], method)
            if lost and sum(other["settings"]["data"] == settings["data"] for other in reports) > 1:
                how = [f"{method.upper()}, {_trained(report)}", "-".join(map(str, settings["channels"]))]
                cells = [_fall(lost[n]) if n in lost else "" for n in _SHOWN]
                rows.append([*how, str(settings["epochs"]), *cells, str(enough(report["result"], method, _NEAR))])
    header = ["accuracy lost compared with 15 frequencies", "channels", "epochs", *(f"at {n}" for n in _SHOWN)]
    return markdown.table([*header, f"within {_NEAR} from"], rows)


def _fall(value: float) -> str:
    # Adding 0 makes −0 a 0.
    return f"{round(value, 3) + 0.0:.3f}"


def _lost(result: dict[str, Any], method: str) -> dict[int, float]:
    """Return what each number of frequencies loses compared with 15; empty without 15."""
    means = {int(n): row[method]["mean"] for n, row in result["frequencies"].items() if method in row}
    return {n: means[15] - mean for n, mean in means.items()} if 15 in means else {}


def _short(value: float) -> str:
    return f"{value:.4f}" if value >= 0.01 else f"{value:.2e}"


def _figure_4a(reports: dict[str, Report], folder: Path, figures: str) -> str:
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
        asm_error.figure(report, folder / image)
        measure = "RMSE over the RMS of the exact ReLU" if source == "activations" else "mean of the blocks' RMSEs"
        settings = report["settings"]
        facts = {"blocks": f"{report['result']['blocks']:,}", "error": measure, "intervals": "95 %"}
        if source == "activations":
            facts |= {"network": settings["model"], "images": str(settings["images"])}
        facts["ASM's error is not below APX's at"] = numbers(behind)
        parts += [
            f"### {blocks[0].upper()}{blocks[1:]}",
            markdown.table(list(facts), [list(facts.values())]),
            f"![{blocks}]({figures}{image})",
            markdown.table(["frequencies", "ASM", "APX"], rows),
            _origins([report]),
        ]
    return "\n\n".join(parts)


def _figure(reports: dict[str, Report], folder: Path, figures: str) -> str:
    parts = []
    for data, report in reports.items():
        image = f"{report['experiment']}-{data}.png"
        draw_accuracies(report, folder / image)
        parts.append(
            f"### {title(data)}\n\n![Accuracy over frequencies, {title(data)}]({figures}{image})\n\n{_curves(report)}"
        )
    return "\n\n".join(parts)


def page(folder: Path, figures: str = "") -> str:
    """Write the page and draw its figures.

    Args:
        folder: Folder of the JSON files and of the figures.
        figures: Prefix of the figures' names on the page.
    """
    conversion = reports_of(folder, "conversion", "data")
    training = reports_of(folder, "jpeg_training", "data")
    errors = reports_of(folder, "asm_error", "source")
    return f"""# Ehrlich & Davis (2019), reproduced

This page shows table 1 and figures 4a, 4b, 4c and 5 of *Deep Residual Learning in the JPEG Transform Domain*, with the
paper's numbers beside ours. These commands measure them:

```sh
python -m experiments.conversion --data mnist --root mnist   # table 1 and figure 4b
python -m experiments.asm_error                              # figure 4a
python -m experiments.jpeg_training --data cifar10-jpeg      # figure 4c
python -m experiments.throughput                             # figure 5
python -m experiments.report --results results               # this page, from your own results
```

`--data` takes torchvision's `mnist`, `cifar10` or `cifar100` (`--download` fetches them), or a folder of JPEG files
with the folders `train` and `test`, each with one subfolder per class. An interrupted run continues where it stopped.
`torchrun --nproc-per-node 4 -m experiments.conversion …` divides a run among processes; the results are the same, bit
for bit, if every process has the same `--threads`. By default, 100 networks are trained for table 1 and five for each
point of figure 4c, which takes up to an hour on a large GPU and days without one. The runs shown here have fewer, as
the tables say.

The paper does not give its networks' channels, its epochs or its learning rate; ours are in the tables. Torchvision's
data sets are encoded without loss, as in the paper. CIFAR-10 is used here as JPEG files of quality 75 with 4:2:0
chroma, for training and testing alike. These images have less detail than the originals, so accuracies differ from
those on the original images. ± is one standard deviation over networks.

## Table 1: conversion is exact

{table_1(list(conversion.values()))}

{_runs(list(conversion.values()))}

## Figure 4a: the error of ASM and APX

{_figure_4a(errors, folder, figures)}

## Figure 4b: accuracy of converted networks

A method is ahead at a number of frequencies if zero is outside the 95 % interval of the mean difference there, paired
by network. The last columns give the smallest number of frequencies from which accuracy stays close to that at 15.

{methods_table(list(conversion.values()))}

{_figure(conversion, folder, figures)}

## Figure 4c: networks trained in the JPEG domain, in part

The paper has no numbers for this figure. The authors' values are from an interim revision of their data, probably for
this figure. This is a partial reproduction: the networks are smaller, fewer, and trained for fewer epochs
than those of table 1 above, as the last table says.

{methods_table(list(training.values()))}

The accuracy that networks lose by approximation, if they were trained with it or converted:

{learning_table([*conversion.values(), *training.values()])}

{_figure(training, folder, figures)}

{_runs(list(training.values()))}

## Figure 5: throughput

The paper plots the throughput of both models, in images per second, in training and in testing, for three data sets, on
a Pascal GPU, in batches of 40. It prints no numbers, and concludes that the JPEG model is faster in both. Here the
whole way from a file's bytes to logits or to a training step was measured, also in batches of 40, on a CPU; the spatial
network decodes the files first. The numbers are the throughput of each plan, divided by that of the spatial network.

{_throughput(_reports(folder, "throughput"))}

The paper claims a ratio above 1. In testing this holds for the fused plan; in training it holds for neither plan.
"""


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("experiments.report", __doc__)
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of JSON files and REPORT.md (default: the committed ones and the documentation's page)",
    )
    folder = parser.parse_args(given).results
    if folder is not None and not folder.is_dir():
        raise SystemExit(f"--results: {folder} is not a folder")
    written = PAGE if folder is None else folder / "REPORT.md"
    written.write_text(page(RESULTS, FIGURES) if folder is None else page(folder))
    print(f"wrote {written}")


if __name__ == "__main__":
    main()
