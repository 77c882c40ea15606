"""Write the README's tables from the committed results, or draw the figure of a result again.

python -m experiments.readme
python -m experiments.readme results/conversion-mnist.json
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import asm_error, decoding, equivalence, frequency_exact, generality, report
from experiments.frequency_channels import results as frequency_channels
from experiments.lib import arguments
from experiments.lib.benchmark_tables import codec_table, input_table, network_tables
from experiments.lib.curves import draw_accuracies
from experiments.throughput import results as throughput

__all__ = ["FIGURES", "README", "RESULTS", "Result", "filled", "main"]

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


@dataclass(frozen=True)
class Result:
    """A table of the README.

    Args:
        table: From the reports to Markdown.
        files: Patterns of the JSON files below the repository, in the order in which `table` takes their reports.
    """

    table: Callable[[Sequence[dict[str, Any]]], str]
    files: tuple[str, ...]

    def made(self) -> str:
        """The table of the committed results."""
        paths = [path for pattern in self.files for path in sorted(ROOT.glob(pattern))]
        return self.table([json.loads(path.read_text()) for path in paths])


def _experiment(*names: str) -> tuple[str, ...]:
    return tuple(f"experiments/results/{name}.json" for name in names)


def _benchmark(*names: str) -> tuple[str, ...]:
    return tuple(f"benchmarks/results/{name}.json" for name in names)


def _each(table: Callable[[dict[str, Any]], str]) -> Callable[[Sequence[dict[str, Any]]], str]:
    return lambda reports: "\n\n".join(map(table, reports))


_TRAININGS = _experiment("conversion-*", "jpeg_training-*")

RESULTS = {
    "codec": Result(_each(codec_table), _benchmark("codec")),
    "decoding": Result(_each(decoding.table), _experiment("decoding-imagenet-samples")),
    "equivalence": Result(
        equivalence.table,
        _experiment(
            "equivalence-digits",
            "equivalence-cifar_resnet20",
            "equivalence-cifar_resnet32",
            "equivalence-imagenette_resnet18",
        ),
    ),
    "frequencies": Result(_each(equivalence.sweep_table), _experiment("equivalence-cifar_resnet20-frequencies")),
    "frequency-channels": Result(_each(frequency_channels.table), _experiment("frequency_channels-*")),
    "frequency-exact": Result(_each(frequency_exact.table), _experiment("frequency_exact-*")),
    "generality": Result(_each(generality.table), _experiment("generality")),
    "inputs": Result(_each(input_table), _benchmark("inputs")),
    "network": Result(
        lambda reports: network_tables(reports[:-1], reports[-1]),
        _benchmark("network-resnet18", "network-resnet50", "network-resnet18-training", "memory"),
    ),
    "reproduction": Result(report.table_1, _experiment("conversion-*")),
    "methods": Result(report.methods_table, _TRAININGS),
    "learning": Result(report.learning_table, _TRAININGS),
    "throughput": Result(throughput.table, _experiment("throughput-*")),
}
"""Name of a table's place in the README → how it is made."""


FIGURES: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "asm_error": asm_error.figure,
    "conversion": draw_accuracies,
    "equivalence": equivalence.figure,
    "frequency_channels": frequency_channels.figure,
    "frequency_exact": frequency_exact.figure,
    "jpeg_training": draw_accuracies,
    "throughput": throughput.figure,
}
"""Experiment → how its figure is drawn."""


def filled(text: str) -> str:
    """Return the README's text with every table made from the results.

    Raises:
        ValueError: If a table has no place.
    """
    for name, result in RESULTS.items():
        opening, closing = f"<!-- table: {name} -->", "<!-- /table -->"
        before, found, rest = text.partition(opening)
        _, closed, after = rest.partition(closing)
        if not (found and closed):
            raise ValueError(f"the README has no place {opening} … {closing}")
        text = f"{before}{opening}\n{result.made()}\n{closing}{after}"
    return text


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("experiments.readme", __doc__)
    parser.add_argument("results", type=Path, nargs="*", help="JSON files whose figures are drawn, beside them")
    paths = parser.parse_args(given).results
    for path in paths:
        report = json.loads(path.read_text())
        FIGURES[report["experiment"]](report, path.with_suffix(".png"))
    if not paths:
        README.write_text(filled(README.read_text()))


if __name__ == "__main__":
    main()
