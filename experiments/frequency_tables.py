"""The tables of the page on frequency channels, `docs/results/frequency.md`."""

from collections.abc import Callable, Sequence
from typing import Any

from experiments import frequency_normalisation
from experiments.frequency_adaptation import results as frequency_adaptation
from experiments.frequency_channels import results as frequency_channels
from experiments.frequency_channels.joining import joined
from experiments.frequency_costs import results as frequency_costs
from experiments.frequency_exact import results as frequency_exact
from experiments.frequency_quality import results as frequency_quality
from experiments.lib.documents import Result, each, experiments

__all__ = ["FREQUENCY"]

_DESIGNS = ("UpSampling", "Deconvolution-RFA", "Late-Concat-RFA", "Late-Concat-RFA-Thinner")


def _together(*variants: str) -> Callable[[Sequence[dict[str, Any]]], str]:
    """Make a function from several runs to one table of these inputs."""
    return lambda reports: frequency_channels.table(joined(reports, variants))


FREQUENCY = {
    "frequency-adaptation": Result(
        each(frequency_adaptation.table),
        experiments("frequency_adaptation-*"),
        (
            "python -m experiments.frequency_adaptation --data imagenette-160 --model mobilenet_v2 --weights FILE \\",
            "    --mean .5 .5 .5 --std .5 .5 .5 --same-padding --samples FOLDER --variants 24S \\",
            "    --starts fitted random --seeds 5 --side 128 --short 160 --threads 1",
            "python -m experiments.frequency_adaptation --data imagenette-160 --weights FILE --seeds 3 --threads 1",
        ),
    ),
    "frequency-channels": Result(
        each(frequency_channels.table),
        experiments("frequency_channels-*-resnet18-*"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset cpu-5 --precision float32 \\",
            "    --threads 1 --variants RGB DCT-192 24S \\",
            "    --output results/frequency_channels-imagenette-160-resnet18-cpu-5.json",
        ),
    ),
    "frequency-large": Result(
        _together("RGB-large", "RGB", "24S", "luma-24"),
        experiments("frequency_channels-*-resnet10-large", "frequency_normalisation-imagenette-160-resnet10"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --threads 1 \\",
            "    --precision bfloat16 --variants RGB-large luma-24 \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-large.json",
        ),
    ),
    "frequency-transformer": Result(
        each(frequency_channels.table),
        experiments("frequency_channels-*-vit_tiny"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset transformer-10 --limit 3200 \\",
            "    --threads 1 --precision float32 --seeds 1 --variants RGB 24S \\",
            "    --output results/frequency_channels-imagenette-160-vit_tiny.json",
        ),
    ),
    "frequency-designs": Result(
        _together("RGB", "24S", *_DESIGNS),
        experiments("frequency_channels-*-resnet10-third", "frequency_channels-*-resnet10-designs*"),
        (
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --limit 3200 \\",
            "    --threads 1 --precision bfloat16 --variants RGB-large RGB 24S \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-third.json",
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --limit 3200 \\",
            "    --threads 1 --precision bfloat16 --seeds 1 \\",
            "    --variants RGB UpSampling Deconvolution-RFA Late-Concat-RFA Late-Concat-RFA-Thinner \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-designs.json",
            "python -m experiments.frequency_channels --data imagenette-160 --preset ablation-3 --limit 3200 \\",
            "    --threads 1 --precision bfloat16 --seed 1 --seeds 2 \\",
            "    --variants UpSampling Deconvolution-RFA Late-Concat-RFA Late-Concat-RFA-Thinner \\",
            "    --output results/frequency_channels-imagenette-160-resnet10-designs-2.json",
        ),
    ),
    "frequency-costs": Result(
        each(frequency_costs.table),
        experiments("frequency_costs-*"),
        (
            "python -m experiments.frequency_costs results/frequency_normalisation-imagenette-160-resnet10.json \\",
            "    --weights weights --data imagenette-160 --threads 1 --preprocess test --qualities 20 \\",
            "    --output results/frequency_costs-imagenette-160-resnet10.json",
        ),
    ),
    "frequency-quality": Result(
        each(frequency_quality.table),
        experiments("frequency_quality-*"),
        (
            "python -m experiments.frequency_quality results/frequency_normalisation-imagenette-160-resnet10.json \\",
            "    --weights weights --data imagenette-160 --threads 1 \\",
            "    --output results/frequency_quality-imagenette-160-resnet10.json",
        ),
    ),
    "frequency-exact": Result(
        each(frequency_exact.table),
        experiments("frequency_exact-*"),
        (
            "python -m experiments.frequency_exact --data imagenette-160/val --variance imagenette-160/train \\",
            "    --model resnet18 --weights FILE --crop 160 --threads 1 \\",
            "    --output results/frequency_exact-imagenette-resnet18.json",
        ),
    ),
    "frequency-normalisation": Result(
        each(frequency_normalisation.table),
        experiments("frequency_normalisation-*"),
        (
            "torchrun --nproc-per-node 2 -m experiments.frequency_normalisation --data imagenette-160 --threads 1 \\",
            "    --precision bfloat16 --variants 24S DCT-192 learned-24 RGB random-24 24S+noise-168 DCT-192@0 \\",
            "    --weights weights --output results/frequency_normalisation-imagenette-160-resnet10.json",
            "torchrun --nproc-per-node 2 -m experiments.frequency_normalisation --data imagenette-160 --threads 1 \\",
            "    --precision bfloat16 --limit 3200 \\",
            "    --output results/frequency_normalisation-imagenette-160-resnet10-third.json",
        ),
    ),
}
"""Name of a table → how it is made."""
