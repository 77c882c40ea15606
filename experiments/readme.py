"""Write the tables of the README and the documentation from the committed results, or redraw a result's figure.

python -m experiments.readme
python -m experiments.readme results/conversion-mnist.json
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import (
    asm_error,
    decoding,
    equivalence,
    frequency_normalisation,
    generality,
    input_accuracy,
    input_training,
    report,
)
from experiments.frequency_adaptation import results as frequency_adaptation
from experiments.frequency_channels import figures as frequency_figures
from experiments.frequency_channels import results as frequency_channels
from experiments.frequency_costs import figures as frequency_costs_figures
from experiments.frequency_costs import results as frequency_costs
from experiments.frequency_exact import results as frequency_exact
from experiments.frequency_quality import results as frequency_quality
from experiments.lib import arguments, markdown
from experiments.lib.benchmark_tables import (
    codec_table,
    engines_table,
    network_tables,
    regions_table,
    threads_table,
    transforms_table,
)
from experiments.lib.curves import draw_accuracies
from experiments.lib.input_tables import end_to_end_table, input_table, loaders_table, rivals_table
from experiments.lib.summary import summary_table
from experiments.throughput import results as throughput

__all__ = ["DOCUMENTS", "FIGURES", "README", "RESULTS", "ROOT", "Result", "filled", "main"]

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs" / "results").glob("*.md")))
"""Files that contain generated tables."""


@dataclass(frozen=True)
class Result:
    """A table of the README or of the documentation.

    Args:
        table: Function from the reports to Markdown.
        files: Patterns of the JSON files, relative to the repository, in the order in which `table` takes their
            reports.
        commands: Commands that measured them; without any, the table is written without its origins.
    """

    table: Callable[[Sequence[dict[str, Any]]], str]
    files: tuple[str, ...]
    commands: tuple[str, ...] = ()

    def made(self) -> str:
        """Return the table of the committed results and, folded, how they were measured."""
        paths = [path for pattern in self.files for path in sorted(ROOT.glob(pattern))]
        reports = [json.loads(path.read_text()) for path in paths]
        table = self.table(reports)
        return f"{table}\n\n{self._origins(paths, reports)}" if self.commands else table

    def _origins(self, paths: list[Path], reports: list[dict[str, Any]]) -> str:
        names = [f"[{path.stem}](data/{path.name})" for path in paths]
        lines = ["```sh", *self.commands, "```", "", *markdown.origins(names, reports).splitlines()]
        return "\n".join(['??? note "Command, machine, commit"', "", *(f"    {line}".rstrip() for line in lines)])


def _experiment(*names: str) -> tuple[str, ...]:
    return tuple(f"experiments/results/{name}.json" for name in names)


def _benchmark(*names: str) -> tuple[str, ...]:
    return tuple(f"benchmarks/results/{name}.json" for name in names)


def _each(table: Callable[[dict[str, Any]], str]) -> Callable[[Sequence[dict[str, Any]]], str]:
    return lambda reports: "\n\n".join(map(table, reports))


_TRAININGS = _experiment("conversion-*", "jpeg_training-*")
_EQUIVALENCE = (
    "equivalence-digits",
    "equivalence-cifar_resnet20",
    "equivalence-cifar_resnet32",
    "equivalence-imagenette_resnet18",
)
_DIGITS = "python -m experiments.equivalence"
_CIFAR = f"{_DIGITS} --data cifar10-jpeg/test --batch 100"
_RESNET20 = f"{_CIFAR} --model cifar_resnet20 --weights cifar10_resnet20.th"
_RESNET32 = f"{_CIFAR} --model cifar_resnet32 --weights cifar10_resnet32.th"
_RESNET18 = (
    f"{_DIGITS} --data imagenette-160/val --model resnet18 --weights FILE \\",
    "    --output results/equivalence-imagenette_resnet18.json",
)
_THROUGHPUT = "python -m experiments.throughput"
_INPUTS = "python -m benchmarks.inputs --files Imagenette=FOLDER --whole CIFAR-10=FOLDER --photographs ImageNet=FOLDER"
_ACCURACY = "python -m experiments.input_accuracy FOLDER --model resnet18 --weights FILE --resize 146 --crop 128"
_CODEC = "python -m benchmarks.codec --files NAME=FOLDER"
_RESNET50 = "python -m benchmarks.network --model resnet50"
_END_TO_END = "python -m benchmarks.end_to_end FOLDER"
_CONVERSION = "python -m experiments.conversion"
_TRAIN = (f"{_CONVERSION} --data mnist", "python -m experiments.jpeg_training --data mnist")
_SUMMARY = (
    *_experiment("equivalence-imagenette_resnet18", "generality", "input_accuracy-imagenette-160-resnet18"),
    *_benchmark("inputs", "codec", "network-resnet50", "end_to_end"),
    *_experiment("conversion-mnist", "conversion-cifar10-jpeg"),
)

RESULTS = {
    "codec": Result(_each(codec_table), _benchmark("codec"), (_CODEC,)),
    "decoding": Result(
        _each(decoding.table), _experiment("decoding-imagenet-samples"), ("python -m experiments.decoding FOLDER",)
    ),
    "equivalence": Result(
        equivalence.table,
        _experiment(*_EQUIVALENCE),
        (
            f"{_DIGITS} --output results/equivalence-digits.json",
            f"{_RESNET20} --output results/equivalence-cifar_resnet20.json",
            f"{_RESNET32} --output results/equivalence-cifar_resnet32.json",
            *_RESNET18,
        ),
    ),
    "frequencies": Result(
        _each(equivalence.sweep_table),
        _experiment("equivalence-cifar_resnet20-frequencies"),
        (
            f"{_RESNET20} --frequencies 1-15 --dtype float32 \\",
            "    --output results/equivalence-cifar_resnet20-frequencies.json",
        ),
    ),
    "frequency-adaptation": Result(
        _each(frequency_adaptation.table),
        _experiment("frequency_adaptation-*"),
        (
            "python -m experiments.frequency_adaptation --data imagenette-160 --model mobilenet_v2 --weights FILE \\",
            "    --mean .5 .5 .5 --std .5 .5 .5 --same-padding --samples FOLDER --variants 24S \\",
            "    --starts fitted random --seeds 1 --side 128 --short 160 --threads 1",
        ),
    ),
    "frequency-channels": Result(
        _each(frequency_channels.table),
        _experiment("frequency_channels-*-resnet18-*"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset cpu-5 --precision bfloat16 \\",
            "    --output results/frequency_channels-imagenette-160-resnet18-cpu.json",
        ),
    ),
    "frequency-large": Result(
        _each(frequency_channels.table),
        _experiment("frequency_channels-*-resnet10-third"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --limit 3200 \\",
            "    --threads 1 --precision bfloat16 --variants RGB-large RGB 24S \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-third.json",
        ),
    ),
    "frequency-designs": Result(
        _each(frequency_channels.table),
        _experiment("frequency_channels-*-resnet10-designs"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --limit 3200 \\",
            "    --threads 1 --precision bfloat16 --seeds 1 \\",
            "    --variants RGB UpSampling Deconvolution-RFA Late-Concat-RFA Late-Concat-RFA-Thinner \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-designs.json",
        ),
    ),
    "frequency-costs": Result(
        _each(frequency_costs.table),
        _experiment("frequency_costs-*"),
        (
            "python -m experiments.frequency_costs results/frequency_normalisation-imagenette-160-resnet10.json \\",
            "    --weights weights --data imagenette-160 --threads 1 --preprocess test --qualities 20 \\",
            "    --output results/frequency_costs-imagenette-160-resnet10.json",
        ),
    ),
    "frequency-quality": Result(
        _each(frequency_quality.table),
        _experiment("frequency_quality-*"),
        (
            "python -m experiments.frequency_quality results/frequency_normalisation-imagenette-160-resnet10.json \\",
            "    --weights weights --data imagenette-160 --threads 1 \\",
            "    --output results/frequency_quality-imagenette-160-resnet10.json",
        ),
    ),
    "frequency-exact": Result(
        _each(frequency_exact.table),
        _experiment("frequency_exact-*"),
        (
            "python -m experiments.frequency_exact --data imagenette-160/val --variance imagenette-160/train \\",
            "    --model resnet18 --weights FILE --crop 160 --output results/frequency_exact-imagenette-resnet18.json",
        ),
    ),
    "frequency-normalisation": Result(
        _each(frequency_normalisation.table),
        _experiment("frequency_normalisation-*"),
        (
            "torchrun --nproc-per-node 2 -m experiments.frequency_normalisation --data imagenette-160 --threads 1 \\",
            "    --precision bfloat16 --variants 24S DCT-192 learned-24 RGB random-24 24S+noise-168 DCT-192@0 \\",
            "    --weights weights --output results/frequency_normalisation-imagenette-160-resnet10.json",
            "torchrun --nproc-per-node 2 -m experiments.frequency_normalisation --data imagenette-160 --threads 1 \\",
            "    --precision bfloat16 --limit 3200 \\",
            "    --output results/frequency_normalisation-imagenette-160-resnet10-third.json",
        ),
    ),
    "generality": Result(_each(generality.table), _experiment("generality"), ("python -m experiments.generality",)),
    "input-accuracy": Result(
        input_accuracy.table,
        _experiment("input_accuracy-*"),
        (
            _ACCURACY,
            "python -m experiments.input_accuracy FOLDER --model mobilenet_v2 --weights FILE --mean .5 --std .5 \\",
            "    --same-padding",
        ),
    ),
    "input-training": Result(
        _each(input_training.table),
        _experiment("input_training-*"),
        ("python -m experiments.input_training imagenette-160/train imagenette-160/val",),
    ),
    "inputs": Result(_each(input_table), _benchmark("inputs"), (_INPUTS,)),
    "rivals": Result(_each(rivals_table), _benchmark("inputs"), (_INPUTS,)),
    "loaders": Result(_each(loaders_table), _benchmark("loaders"), ("python -m benchmarks.loaders FOLDER",)),
    "end-to-end": Result(_each(end_to_end_table), _benchmark("end_to_end"), (_END_TO_END,)),
    "engines": Result(
        engines_table,
        _benchmark("engines-resnet18", "engines-resnet50", "engines-mobilenet_v2"),
        ("python -m benchmarks.network --engines --threads 1 --model resnet18",),
    ),
    "network": Result(
        lambda reports: network_tables(reports[:-1], reports[-1]),
        _benchmark("network-resnet18", "network-resnet50", "network-resnet18-training", "memory"),
        (
            "python -m benchmarks.network --model resnet18",
            _RESNET50,
            "python -m benchmarks.network --model resnet18 --train",
            "python -m benchmarks.memory",
        ),
    ),
    "methods": Result(report.methods_table, _TRAININGS, _TRAIN),
    "learning": Result(report.learning_table, _TRAININGS, _TRAIN),
    "threads": Result(
        _each(threads_table),
        _benchmark("threads"),
        (
            'chrt -r 1 python -m benchmarks.threads --files "ImageNet=FOLDER" --files "Imagenette=FOLDER" \\',
            '    --whole "CIFAR-10=FOLDER"',
        ),
    ),
    "regions": Result(_each(regions_table), _benchmark("regions"), ("python -m benchmarks.regions --files FOLDER",)),
    "transforms": Result(
        _each(transforms_table), _benchmark("transforms"), ("python -m benchmarks.transforms --threads 1 2",)
    ),
    "readme": Result(summary_table, _SUMMARY),
    "summary": Result(
        summary_table,
        _SUMMARY,
        (
            *_RESNET18,
            "python -m experiments.generality",
            _ACCURACY,
            _INPUTS,
            _CODEC,
            _RESNET50,
            _END_TO_END,
            f"{_CONVERSION} --data mnist",
            f"{_CONVERSION} --data cifar10-jpeg",
        ),
    ),
    "throughput": Result(
        throughput.table,
        _experiment("throughput-*"),
        (
            _THROUGHPUT,
            f"{_THROUGHPUT} --data imagenette-160/val --model resnet18 --limit 500 --mode inference \\",
            "    --output results/throughput-imagenette-resnet18.json",
            f"{_THROUGHPUT} --data imagenette-160/val --model resnet18 --limit 160 --mode training --rounds 3 \\",
            "    --output results/throughput-imagenette-resnet18-training.json",
            f"{_THROUGHPUT} --data cifar10-jpeg/test --model three_block --batch 40 --limit 2000",
        ),
    ),
}
"""Name of a table in the documents → how it is made."""


FIGURES: dict[str, Callable[[dict[str, Any], Path], object]] = {
    "asm_error": asm_error.figure,
    "conversion": draw_accuracies,
    "equivalence": equivalence.figure,
    "frequency_adaptation": frequency_adaptation.figure,
    "frequency_channels": frequency_figures.figures,
    "frequency_costs": frequency_costs_figures.figure,
    "frequency_exact": frequency_exact.figure,
    "frequency_quality": frequency_quality.figure,
    "frequency_normalisation": frequency_normalisation.figure,
    "input_training": input_training.figure,
    "jpeg_training": draw_accuracies,
    "throughput": throughput.figure,
}
"""Experiment → function that draws its figure."""


def filled(text: str) -> str:
    """Return a document's text with every table made from the results.

    Raises:
        ValueError: If a table has no end marker, or its name is unknown.
    """
    closing = "<!-- /table -->"
    first, *rest = text.split("<!-- table: ")
    for part in rest:
        name, found, body = part.partition(" -->")
        _, closed, after = body.partition(closing)
        if not (found and closed and name in RESULTS):
            raise ValueError(f"there is no table {name!r}, or no {closing} after its marker")
        first += f"<!-- table: {name} -->\n\n{RESULTS[name].made()}\n\n{closing}{after}"
    return first


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("experiments.readme", __doc__)
    parser.add_argument("results", type=Path, nargs="*", help="JSON files whose figures are redrawn beside them")
    paths = parser.parse_args(given).results
    for path in paths:
        report = json.loads(path.read_text())
        FIGURES[report["experiment"]](report, path.with_suffix(".png"))
    if not paths:
        for document in DOCUMENTS:
            document.write_text(filled(document.read_text()))


if __name__ == "__main__":
    main()
