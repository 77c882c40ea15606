"""What experiments that train three-block networks share: data, settings, groups of networks, and the result file."""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from experiments.lib import arguments
from experiments.lib.curves import draw_accuracies
from experiments.lib.distributed import World
from experiments.lib.ensemble import seeded, train
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal
from experiments.lib.labelled import load_all
from jpegdomain.models import three_block_net

__all__ = ["TrainingRun", "slices"]

_SETTINGS = ("group", "channels", "epochs", "batch", "seed", "frequencies")


class TrainingRun:
    """One run of such an experiment in one process.

    Args:
        experiment: Name of the experiment.
        options: The parsed options of `arguments.add_data`, ``add_networks`` and ``add_machine``.
        here: This process, among those that share the run.
        decoded: Whether the networks are trained on pixels.
        more: Other options of the experiment on which its results depend.
    """

    def __init__(
        self, experiment: str, options: argparse.Namespace, here: World, decoded: bool, more: Sequence[str] = ()
    ) -> None:
        self.experiment, self.options, self.here = experiment, options, here
        with here.one_first():
            training, testing = arguments.split(options)
        if len(training) < options.batch:
            raise SystemExit(f"--batch: there are only {len(training)} training images")
        if options.output is None:
            options.output = Path("results") / f"{experiment}-{Path(options.data).name}.json"
        self.build = partial(three_block_net, training.channels, training.classes, tuple(options.channels))
        identity = repr((training.identity(), testing.identity())).encode()
        self.settings: dict[str, Any] = {
            "data": Path(options.data).name,
            "fingerprint": hashlib.sha256(identity).hexdigest()[:16],
            "training_images": len(training),
            "test_images": len(testing),
            **{name: getattr(options, name) for name in (*_SETTINGS, *more)},
        }
        self.environment = describe(here.device) | {"processes": here.size}
        folder = options.output.with_suffix(".partial")
        self.journal = Journal(folder, self.settings | decisive(self.environment), here.rank)
        self.training, self.testing = (
            load_all(images, torch.float32, here.device, quiet=not here.first) for images in (training, testing)
        )
        if decoded:
            self.training = self.training.decoded()

    def networks(self, seeds: Sequence[int]) -> list[nn.Module]:
        """Build spatial networks with random weights.

        Returns:
            Spatial networks on this process's device.
        """
        return [seeded(self.build, seed).to(self.here.device) for seed in seeds]

    def train(self, networks: Sequence[nn.Module], seeds: Sequence[int], names: Sequence[str]) -> list[float]:
        """Train networks side by side, and save their weights if requested.

        Returns:
            Each network's mean loss over the last epoch.
        """
        losses = train(
            networks,
            seeds,
            self.training,
            epochs=self.options.epochs,
            batch=self.options.batch,
            description=f"{names[0]} … {names[-1]}",
            quiet=not self.here.first,
        )
        if self.options.weights is not None:
            for network, name in zip(networks, names, strict=True):
                _save(self.options.weights, name, network)
        return losses

    def carry_out(
        self,
        units: Sequence[str],
        work: Callable[[str], list[dict[str, Any]]],
        summary: Callable[[list[dict[str, Any]]], dict[str, Any]],
        table: Callable[[dict[str, Any]], str],
    ) -> dict[str, Any]:
        """Train and test all groups of networks, then write the result and its figure and print its table.

        Args:
            units: Names of the groups of networks.
            work: Function from the name of a group to the results of its networks.
            summary: Function from the results of all networks to the experiment's result.
            table: Function from the whole report to the printed table.
        """
        groups = self.here.share(units, self.journal, work, "groups of networks")
        report = {
            "experiment": self.experiment,
            "settings": self.settings | {"networks": self.options.networks},
            "environment": self.environment,
            "result": summary([one for group in groups.values() for one in group]),
        }
        self.here.conclude(self.journal, partial(publish, report, self.options.output, table, draw_accuracies))
        return report


def _save(folder: Path, name: str, network: nn.Module) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{name}.new"
    torch.save({key: value.cpu() for key, value in network.state_dict().items()}, fresh)
    fresh.replace(folder / f"{name}.pt")


def slices(count: int, size: int) -> list[range]:
    """Split a number of networks into groups."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
