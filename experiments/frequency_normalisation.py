"""What frequency channels are divided by, and what empty channels cost.

    python -m experiments.frequency_normalisation --data imagenette-160
    torchrun --nproc-per-node 2 -m experiments.frequency_normalisation --data imagenette-160 --threads 1

Most of the 192 frequency channels are nearly empty: their standard deviations run from hundreds of levels to
thousandths. Divided by these, the empty ones become noise as strong as the image. Networks on all channels with
several floors of the divisor stand here beside 24 channels, beside the same 24 with channels of white noise, beside 24
drawn at random, and beside the 24 that a gate learned. All are trained as in `experiments.frequency_channels`, with the
same options; 'DCT-192@8' divides by 8 levels or more.
"""

from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.frequency_channels.figures import COLORS, kind
from experiments.frequency_channels.options import parser
from experiments.frequency_channels.results import difference_columns, percent_cell, training_table
from experiments.frequency_channels.run import carry_out
from experiments.lib import markdown
from experiments.lib.environment import publish

__all__ = ["figure", "main", "table"]


def table_of(report: dict[str, Any]) -> str:
    """Write a row for each input: accuracies, mean ± standard deviation over seeds, and differences paired by seed."""
    variants = report["result"]["variants"]
    differences = difference_columns(variants)
    rows = []
    for place, (name, row) in enumerate(variants.items()):
        accuracies = [percent_cell(row[key], row["seeds"]) for key in ("training_accuracy", "top1")]
        rows.append([name, str(row["seeds"]), *accuracies, *(column[place] for column in differences.values())])
    return markdown.table(["input", "seeds", "training accuracy, %", "top-1, %", *differences], rows)


def table(report: dict[str, Any]) -> str:
    """Write the table, and how its networks were trained."""
    return f"{table_of(report)}\n\n{training_table(report)}"


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw each network's top-1 as a dot and each input's mean as a line, the best input on top."""
    settings, result = report["settings"], report["result"]
    names = sorted(result["variants"], key=lambda name: result["variants"][name]["top1"]["mean"])
    drawn = Figure(figsize=(7, 1.2 + 0.32 * len(names)), layout="constrained")
    axes = drawn.add_subplot()
    for place, name in enumerate(names):
        own = [one for one in result["each"] if one["variant"] == name]
        values, color = [100 * one["top1"] for one in own], COLORS[kind(own[0])]
        axes.plot(values, [place] * len(values), "o", color=color, alpha=0.7)
        mean = 100 * result["variants"][name]["top1"]["mean"]
        axes.plot([mean, mean], [place - 0.3, place + 0.3], color=color, linewidth=2)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("top-1, %; each network, and the mean")
    axes.set_title(f"{settings['model']} on {settings['data']}, {settings['epochs']} epochs", fontsize="medium")
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    drawn.savefig(path, dpi=150)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    experiment = "frequency_normalisation"
    options = parser(experiment, __doc__, "ablation-3").parse_args(given)
    return carry_out(experiment, options, partial(publish, table=table, figure=figure))


if __name__ == "__main__":
    main()
