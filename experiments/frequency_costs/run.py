"""Bytes, operations, time and accuracy of trained networks, all on the same images.

    python -m experiments.frequency_channels --data imagenette-160 --preset cpu-5 --weights weights
    python -m experiments.frequency_costs results/frequency_channels-….json --weights weights --data imagenette-160

Takes the networks of a report of `experiments.frequency_channels` or `experiments.frequency_normalisation` as they were
saved, and tests each on the test files as they are and on the truncated files: what is read of a JPEG file from which
only the channels that the network takes were sent (`jpegdomain.frequency.bandwidth.selected`), or with a gate those
that it keeps of the image. The bytes are those of these truncated files; 'all' are those of files with all channels,
coded in the same way, which networks on pixels get. Sending all channels at a lower quality is the other way to send
less: the networks are also tested on files that were decoded, encoded again by libjpeg at some qualities, and then
truncated.

Two preprocesses: 'test' is that of the trainings' tests. Where it resizes the files, a channel that the network takes
is a mixture of several of the file's, and a set with gaps lacks some of them. 'whole' leaves files as they are: then
the luma channels that the network takes of a truncated file are exactly those of the file, and those of chroma, too, if
it is not subsampled. A chroma block of a 4:2:0 file covers four luma blocks, and its frequencies are half as high: of
chroma, a set keeps a quarter of what it has on the luma grid.

Setting other channels to zero in a network's input tests nothing if the network does not take them: the result is that
of 'files as they are'.

Time is that of one image after another, whose bytes are read, resized and classified by one thread in single precision:
rounds over all networks, medians, and ratios to RGB round by round.
"""

import argparse
from functools import partial
from typing import Any

import torch

from experiments.frequency_channels.answers import PREPROCESSES, read
from experiments.frequency_channels.network import TRANSFORMER
from experiments.frequency_channels.saved import add_saved, opened
from experiments.frequency_costs.bytes import measured
from experiments.frequency_costs.figures import figure
from experiments.frequency_costs.latency import latencies
from experiments.frequency_costs.results import summary, table
from experiments.lib import arguments
from experiments.lib.distributed import World, world
from experiments.lib.encoded_again import quality
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal

__all__ = ["main"]

_TIMED = 16
"""Number of files that are timed, one after another."""


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.frequency_costs", __doc__)
    add_saved(parser)
    parser.add_argument(
        "--preprocess", nargs="+", choices=PREPROCESSES, default=[*PREPROCESSES], help="default: test whole"
    )
    parser.add_argument(
        "--qualities",
        type=quality,
        nargs="*",
        default=[20, 10],
        help="that files are encoded at again, with the first preprocess (default 20 10)",
    )
    parser.add_argument("--repeats", type=arguments.positive, default=48, help="rounds of the timing (default 48)")
    arguments.add_machine(parser, "results/frequency_costs.json")
    return parser


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    trained = opened(options, here.device)
    networks, settings = trained.networks, trained.settings
    if settings["model"] == TRANSFORMER and "whole" in options.preprocess:
        raise SystemExit(f"{TRANSFORMER} takes images of one size only: give --preprocess test")
    qualities = sorted(set(options.qualities), reverse=True)
    described = trained.described | {"preprocess": options.preprocess, "qualities": qualities}
    described["repeats"] = options.repeats
    environment = describe(here.device) | {"processes": here.size}
    journal = Journal(options.output.with_suffix(".partial"), described | decisive(environment), here.rank)

    def work(name: str) -> dict[str, Any]:
        return measured(networks, read(trained.testing, trained.units[name]), options.preprocess, qualities, settings)

    parts = here.share(list(trained.units), journal, work, "batches of test files")
    times = None
    if here.first:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        step = -(-len(trained.testing) // _TIMED)
        timed = read(trained.testing, range(0, len(trained.testing), step))
        times = latencies(networks, timed, options.repeats, settings)
        torch.set_num_threads(threads)
    report = {
        "experiment": "frequency_costs",
        "settings": described,
        "environment": environment,
        "result": summary(list(parts.values()), networks, options.preprocess, times or {}),
    }
    here.conclude(journal, partial(publish, report, options.output, table, figure))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)
