"""Train three-block networks in the JPEG domain, with ASM or APX at each number of frequencies.

Ehrlich & Davis (2019), figure 4c: do the weights learn to cope with the approximation?

    python -m experiments.jpeg_training --data mnist --root FOLDER --networks 5
    torchrun --nproc-per-node 4 -m experiments.jpeg_training --data cifar10-jpeg --device cuda

Network i has the same initial weights, and the same order of images, as network i of `experiments.conversion`. An
interrupted run resumes where it stopped: finished groups of networks are kept beside the result.
"""

import argparse
from functools import partial
from typing import Any

import torch

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.approximation import METHODS, accuracy_table
from experiments.lib.distributed import world
from experiments.lib.intervals import spread
from experiments.lib.labelled import Labelled
from experiments.lib.training_run import TrainingRun, slices

__all__ = ["main", "summary"]


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.jpeg_training", __doc__)
    arguments.add_data(parser)
    arguments.add_networks(parser, networks=5, group=15)
    parser.add_argument("--methods", choices=METHODS, nargs="+", default=METHODS, help="methods (default both)")
    parser.add_argument(
        "--plan",
        choices=("fused", "transform"),
        default="fused",
        help="train with J̃J cancelled between layers, the same steps in half the time (default),\n"
        "or with activations in the transform domain; networks are tested in the transform domain",
    )
    arguments.add_machine(parser, None, named="results/jpeg_training-DATA.json")
    return parser


@torch.inference_mode()
def _accuracy(network: jd.ConvertedModel, test: Labelled) -> float:
    predicted = torch.cat([network(part).argmax(1) for part in test.parts()])
    return (predicted == test.labels).double().mean().item()


def _pairs(options: argparse.Namespace) -> list[tuple[int, int]]:
    """Return seed and frequencies of every network of one method; more networks only make the list longer."""
    return [(options.seed + number, n) for number in range(options.networks) for n in options.frequencies]


def _group(run: TrainingRun, unit: str) -> list[dict[str, Any]]:
    method, numbers = unit.split(":")
    first, last = map(int, numbers.split("-"))
    pairs = _pairs(run.options)[first : last + 1]
    seeds = [seed for seed, _ in pairs]
    names = [f"{method}-{n}-{seed}" for seed, n in pairs]
    networks = run.networks(seeds)
    trained, converted = (
        [
            jd.convert(network, relu=method, frequencies=n, plan=plan)
            for network, (_, n) in zip(networks, pairs, strict=True)
        ]
        for plan in (run.options.plan, "transform")
    )
    losses = run.train(trained, seeds, names)
    for network, other in zip(converted, trained, strict=True):
        network.load_state_dict(other.state_dict())
        network.eval()
    return [
        {"seed": seed, "method": method, "frequencies": n, "loss": loss, "accuracy": _accuracy(network, run.testing)}
        for (seed, n), network, loss in zip(pairs, converted, losses, strict=True)
    ]


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the results of all networks."""
    found: dict[str, dict[str, list[float]]] = {}
    for one in each:
        found.setdefault(str(one["frequencies"]), {}).setdefault(one["method"], []).append(one["accuracy"])
    return {
        "frequencies": {
            n: {method: spread(accuracies) for method, accuracies in row.items()} for n, row in found.items()
        },
        "each": each,
    }


def _table(report: dict[str, Any]) -> str:
    settings = report["settings"]
    title = (
        f"{settings['networks']} three-block networks per point, trained in the JPEG domain on {settings['data']}; "
        f"accuracy on {settings['test_images']} test images"
    )
    return f"{title}\n\n{accuracy_table(report['result'])}"


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        run = TrainingRun("jpeg_training", options, here, decoded=False, more=("plan",))
        parts = slices(len(_pairs(options)), options.group)
        units = [f"{method}:{part[0]}-{part[-1]}" for part in parts for method in options.methods]
        return run.carry_out(units, partial(_group, run), summary, _table)


if __name__ == "__main__":
    main()
