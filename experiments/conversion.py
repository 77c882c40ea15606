"""Train spatial three-block networks, convert each, and compare: Ehrlich & Davis (2019), table 1 and figure 4b.

    python -m experiments.conversion --data mnist --root FOLDER --networks 100
    torchrun --nproc-per-node 4 -m experiments.conversion --data cifar10-jpeg --device cuda

An interrupted run resumes where it stopped: finished groups of networks are kept beside the result.
"""

import argparse
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.approximation import METHODS, accuracy_table, set_approximation
from experiments.lib.distributed import world
from experiments.lib.intervals import spread
from experiments.lib.labelled import Labelled
from experiments.lib.training_run import TrainingRun, slices
from jpegdomain.tolerances import TOLERANCE

__all__ = ["compare", "main"]


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.conversion", __doc__)
    arguments.add_data(parser)
    arguments.add_networks(parser, networks=100, group=10)
    arguments.add_machine(parser, None, named="results/conversion-DATA.json")
    return parser


def _tied(logits: Tensor) -> Tensor:
    """True where an image's two largest logits are equal to floating-point error."""
    first, second = logits.topk(2, dim=1).values.unbind(1)
    return first - second <= TOLERANCE[logits.dtype] * logits.abs().amax(1)


@torch.inference_mode()
def compare(network: nn.Module, test: Labelled, frequencies: list[int]) -> dict[str, Any]:
    """Compare a network with its conversion on a test set.

    Returns:
        Plain values: both accuracies, how many top-1 answers differ and how many of these are not ties, the largest
        |Δlogit| and |logit|, and the accuracies of the sweep.
    """
    converted = jd.convert(network)
    sweep = [(method, n) for n in frequencies for method in METHODS]
    right = dict.fromkeys(["spatial", "converted", *sweep], 0)
    different = beyond_ties = 0
    deviation = magnitude = 0.0
    for activation, pixels, labels in zip(
        test.parts(), test.decoded().parts(), test.labels.split(len(test.parts()[0])), strict=True
    ):
        set_approximation(converted, "asm", 15)
        spatial, exact = network(pixels), converted(activation)
        right["spatial"] += int((spatial.argmax(1) == labels).sum())
        right["converted"] += int((exact.argmax(1) == labels).sum())
        differs = spatial.argmax(1) != exact.argmax(1)
        different += int(differs.sum())
        beyond_ties += int((differs & ~_tied(spatial)).sum())
        deviation = max(deviation, (spatial - exact).abs().max().item())
        magnitude = max(magnitude, spatial.abs().max().item())
        for method, n in sweep:
            set_approximation(converted, method, n)
            right[method, n] += int((converted(activation).argmax(1) == labels).sum())
    accuracy = {name: count / len(test) for name, count in right.items()}
    return {
        "spatial": accuracy["spatial"],
        "converted": accuracy["converted"],
        "different": different,
        "different_beyond_ties": beyond_ties,
        "deviation": deviation,
        "magnitude": magnitude,
        "frequencies": {str(n): {method: accuracy[method, n] for method in METHODS} for n in frequencies},
    }


def _group(run: TrainingRun, unit: str) -> list[dict[str, Any]]:
    first, last = map(int, unit.split("-"))
    seeds = [run.options.seed + number for number in range(first, last + 1)]
    networks = run.networks(seeds)
    losses = run.train(networks, seeds, [f"spatial-{seed}" for seed in seeds])
    return [
        {"seed": seed, "loss": loss, **compare(network, run.testing, run.options.frequencies)}
        for seed, network, loss in zip(seeds, networks, losses, strict=True)
    ]


def _summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "accuracy": {side: spread([one[side] for one in each]) for side in ("spatial", "converted")},
        "accuracy_deviation": spread([abs(one["spatial"] - one["converted"]) for one in each]),
        "different": sum(one["different"] for one in each),
        "different_beyond_ties": sum(one["different_beyond_ties"] for one in each),
        "largest_deviation": max(one["deviation"] for one in each),
        "largest_logit": max(one["magnitude"] for one in each),
        "frequencies": {
            n: {method: spread([one["frequencies"][n][method] for one in each]) for method in METHODS}
            for n in each[0]["frequencies"]
        },
        "each": each,
    }


def _table(report: dict[str, Any]) -> str:
    settings, result = report["settings"], report["result"]
    lines = [
        f"{settings['networks']} three-block networks on {settings['data']}, {settings['test_images']} test images"
    ]
    for side in ("spatial", "converted"):
        accuracy = result["accuracy"][side]
        lines.append(f"  accuracy, {side:<11} {accuracy['mean']:.4f} ± {accuracy['std']:.4f}")
    lines += [
        f"  mean |difference|     {result['accuracy_deviation']['mean']:.2g}",
        f"  other top-1           {result['different']} answers, {result['different_beyond_ties']} of them no ties",
        f"  largest |Δlogit|      {result['largest_deviation']:.2g} (largest logit {result['largest_logit']:.3g})",
        "",
        accuracy_table(result),
    ]
    return "\n".join(lines)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        run = TrainingRun("conversion", options, here, decoded=True)
        units = [f"{part[0]}-{part[-1]}" for part in slices(options.networks, options.group)]
        return run.carry_out(units, partial(_group, run), _summary, _table)


if __name__ == "__main__":
    main()
