"""Trained networks on test files of other qualities than they were trained on.

    python -m experiments.frequency_channels --data imagenette-160 --preset cpu-5 --weights weights
    python -m experiments.frequency_quality results/frequency_channels-….json --weights weights --data imagenette-160

Takes the networks of a report of `experiments.frequency_channels` or `experiments.frequency_normalisation` as they were
saved. The test files are decoded to pixels and encoded again by Pillow (libjpeg) with the tables of each quality and
their own sampling, as users save pictures again; with --by requantised, their coefficients are quantised again by the
same tables instead, without a detour through pixels. Nothing is written to disk. Top-1 by quality, its spread over
seeds, and the difference from the network on RGB of the same seed, paired by image.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

import jpegdomain as jd
from experiments.frequency_channels.answers import File, answers, read
from experiments.frequency_channels.saved import Saved, add_saved, opened
from experiments.frequency_quality.results import AS_THEY_ARE, figure, summary, table
from experiments.lib import arguments
from experiments.lib.distributed import World, world
from experiments.lib.encoded_again import BY, quality
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal
from experiments.lib.paired import counts

__all__ = ["figure", "main", "table"]

QUALITIES = (20, 35, 50, 65, 75, 85, 95)


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.frequency_quality", __doc__)
    add_saved(parser)
    parser.add_argument(
        "--qualities", type=quality, nargs="+", default=[*QUALITIES], help="default 20 35 50 65 75 85 95"
    )
    parser.add_argument("--by", choices=BY, default="encoded", help="how files reach these qualities (default encoded)")
    arguments.add_machine(parser, "results/frequency_quality.json")
    return parser


def _tested(
    networks: Sequence[Saved], files: Sequence[File], qualities: Sequence[int], by: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """Right answers by quality and network, and how they differ from RGB's; bytes by quality."""
    found: dict[str, Any] = {"images": len(files), "bytes": {}, "right": {}}
    if not files:
        return found
    labels = torch.tensor([file.label for file in files], device=next(networks[0].model.parameters()).device)
    for number in (None, *qualities):
        key = AS_THEY_ARE if number is None else str(number)
        data = [file.data if number is None else BY[by](file.data, number) for file in files]
        images = [jd.read_jpeg(one) for one in data]
        right = {one.name: answers(one, images, labels, "test", settings)[0] for one in networks}
        rows = {}
        for one in networks:
            own, reference = right[one.name], right.get(f"RGB-{one.seed}")
            rows[one.name] = {"right": int(own.sum())} if reference is None else counts(own, reference)
        found["bytes"][key], found["right"][key] = sum(map(len, data)), rows
    return found


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    trained = opened(options, here.device)
    qualities = sorted(set(options.qualities))
    described = trained.described | {"qualities": qualities, "by": options.by}
    environment = describe(here.device) | {"processes": here.size}
    journal = Journal(options.output.with_suffix(".partial"), described | decisive(environment), here.rank)

    def work(name: str) -> dict[str, Any]:
        files = read(trained.testing, trained.units[name])
        return _tested(trained.networks, files, qualities, options.by, trained.settings)

    parts = here.share(list(trained.units), journal, work, "batches of test files")
    report = {
        "experiment": "frequency_quality",
        "settings": described,
        "environment": environment,
        "result": summary(list(parts.values()), [(one.variant.name, one.seed) for one in trained.networks]),
    }
    here.conclude(journal, partial(publish, report, options.output, table, figure))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)
