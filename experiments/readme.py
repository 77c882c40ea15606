"""Write the tables of the README and the documentation from the committed results, or redraw a result's figure.

python -m experiments.readme
python -m experiments.readme results/conversion-mnist.json
"""

import json
from collections.abc import Callable
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
from experiments.frequency_costs import figures as frequency_costs_figures
from experiments.frequency_exact import results as frequency_exact
from experiments.frequency_quality import results as frequency_quality
from experiments.frequency_tables import FREQUENCY
from experiments.lib import arguments
from experiments.lib.benchmark_tables import (
    codec_table,
    engines_table,
    network_tables,
    regions_table,
    threads_table,
    transforms_table,
)
from experiments.lib.curves import draw_accuracies
from experiments.lib.documents import ROOT, Result, benchmarks, each, experiments
from experiments.lib.input_tables import end_to_end_table, input_table, loaders_table, rivals_table
from experiments.lib.summary import summary_table
from experiments.throughput import results as throughput

__all__ = ["DOCUMENTS", "FIGURES", "README", "RESULTS", "filled", "main"]

README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs" / "results").glob("*.md")))
"""Files that contain generated tables."""


_TRAININGS = experiments("conversion-*", "jpeg_training-*")
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
    *experiments("equivalence-imagenette_resnet18", "generality", "input_accuracy-imagenette-160-resnet18"),
    *benchmarks("inputs", "codec", "network-resnet50", "end_to_end"),
    *experiments("conversion-mnist", "conversion-cifar10-jpeg"),
)

RESULTS = {
    "codec": Result(each(codec_table), benchmarks("codec"), (_CODEC,)),
    "decoding": Result(
        each(decoding.table), experiments("decoding-imagenet-samples"), ("python -m experiments.decoding FOLDER",)
    ),
    "equivalence": Result(
        equivalence.table,
        experiments(*_EQUIVALENCE),
        (
            f"{_DIGITS} --output results/equivalence-digits.json",
            f"{_RESNET20} --output results/equivalence-cifar_resnet20.json",
            f"{_RESNET32} --output results/equivalence-cifar_resnet32.json",
            *_RESNET18,
        ),
    ),
    "frequencies": Result(
        each(equivalence.sweep_table),
        experiments("equivalence-cifar_resnet20-frequencies"),
        (
            f"{_RESNET20} --frequencies 1-15 --dtype float32 \\",
            "    --output results/equivalence-cifar_resnet20-frequencies.json",
        ),
    ),
    **FREQUENCY,
    "generality": Result(each(generality.table), experiments("generality"), ("python -m experiments.generality",)),
    "input-accuracy": Result(
        input_accuracy.table,
        experiments("input_accuracy-*"),
        (
            _ACCURACY,
            "python -m experiments.input_accuracy FOLDER --model mobilenet_v2 --weights FILE --mean .5 --std .5 \\",
            "    --same-padding",
        ),
    ),
    "input-training": Result(
        each(input_training.table),
        experiments("input_training-*"),
        ("python -m experiments.input_training imagenette-160/train imagenette-160/val",),
    ),
    "inputs": Result(each(input_table), benchmarks("inputs"), (_INPUTS,)),
    "rivals": Result(each(rivals_table), benchmarks("inputs"), (_INPUTS,)),
    "loaders": Result(each(loaders_table), benchmarks("loaders"), ("python -m benchmarks.loaders FOLDER",)),
    "end-to-end": Result(each(end_to_end_table), benchmarks("end_to_end"), (_END_TO_END,)),
    "engines": Result(
        engines_table,
        benchmarks("engines-resnet18", "engines-resnet50", "engines-mobilenet_v2"),
        ("python -m benchmarks.network --engines --threads 1 --model resnet18",),
    ),
    "network": Result(
        lambda reports: network_tables(reports[:-1], reports[-1]),
        benchmarks("network-resnet18", "network-resnet50", "network-resnet18-training", "memory"),
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
        each(threads_table),
        benchmarks("threads"),
        (
            'chrt -r 1 python -m benchmarks.threads --files "ImageNet=FOLDER" --files "Imagenette=FOLDER" \\',
            '    --whole "CIFAR-10=FOLDER"',
        ),
    ),
    "regions": Result(each(regions_table), benchmarks("regions"), ("python -m benchmarks.regions --files FOLDER",)),
    "transforms": Result(
        each(transforms_table), benchmarks("transforms"), ("python -m benchmarks.transforms --threads 1 2",)
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
        experiments("throughput-*"),
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
