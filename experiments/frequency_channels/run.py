"""Networks on RGB, on YCbCr and on selected frequency channels, trained alike.

    python -m experiments.frequency_channels --data imagenette-160 --preset smoke
    python -m experiments.frequency_channels --data imagenette-160 --preset cpu-5
    torchrun --nproc-per-node 8 -m experiments.frequency_channels --data imagenet --preset standard-90 --device cuda
    torchrun --nproc-per-node 8 -m experiments.frequency_channels --data imagenet --preset mobilenet-150 --device cuda
    torchrun --nproc-per-node 8 -m experiments.frequency_channels ... --processes-per-network 8  # one after the other

Xu et al. (2020), tables 1 and 2. RGB and YCbCr networks take images of --side pixels, the others the frequency channels
of the same crop at twice that side (MobileNetV2: four times), so that their feature maps have the same sizes and about
the same operations; RGB-large takes the pixels of that larger crop. All have the same budget: files, epochs, optimiser,
schedule; and for each seed the same order, crops, and initial weights where they share layers. Channels and pixels
are normalised with statistics of the training files.

'gate-24' takes all 192 channels through a gate that learns which 24 to keep, image by image; 'learned-24' is Xu et
al.'s own procedure: train such a gate, take the 24 channels that it keeps most often on the training files, and train
a network on these from scratch. 'lambda-0.01' has the penalty of their eq. (2) instead of a target. 'random-24',
'luma-24' and '24S+noise-168' are controls. 'UpSampling', 'Deconvolution-RFA' and 'Late-Concat-RFA' are networks by
Gueguen et al. (2018), which take luma and chroma at their own resolutions, of crops of the RGB network's size.
`--preset transformer-10` trains a vision transformer whose patches are blocks.

Several processes share the networks, on the CPU best with one thread each, or train each network together. In training,
every loss, batch norm, gate and random draw is then that of a single process with the same batch. Gradients travel
through main memory, by gloo, which is slow between GPUs and was not tried there. A killed run resumes after its last
whole epoch.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from experiments.frequency_channels.figures import figures
from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import Classifier, build, operations, plain
from experiments.frequency_channels.options import parser
from experiments.frequency_channels.presets import PRESETS, fill_in
from experiments.frequency_channels.recipe import Recipe, resolved
from experiments.frequency_channels.results import claim, summary, table
from experiments.frequency_channels.training import Checkpoints, Tested, Trainer
from experiments.frequency_channels.variants import Variant, variant
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal
from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, image_scale, keep_rates, to_static
from jpegdomain.frequency.statistics import DEFAULT_FLOOR

__all__ = ["carry_out", "main"]

_SETTINGS = ("model", "side", "short", "area", "gate_weight", "layer2_stride", "parts", "seed")


class _Run:
    """One run in one process."""

    def __init__(self, options: argparse.Namespace, here: World) -> None:
        self.options, self.here = options, here
        training, testing = find_files(options.data, options.limit)
        self.classes = training.classes
        # A folder of a few files has smaller batches; of one image, batch norm knows no variance.
        batch = min(options.batch, len(training))
        if batch < 2:
            raise SystemExit("--batch: batch norm needs two images a step or more")
        if batch % options.parts:
            raise SystemExit(f"--parts: a batch of {batch} images cannot be divided into {options.parts} equal parts")
        # Refused now rather than after the statistics.
        here.team.share(range(options.parts))
        self.recipe = Recipe(
            epochs=options.epochs,
            batch=batch,
            nesterov=PRESETS[options.preset]["nesterov"],
            lr=options.lr,
            schedule=options.schedule,
            warmup=options.warmup,
            decay=options.decay,
            smoothing=options.smoothing,
            gate_weight=options.gate_weight,
            precision=resolved(options.precision, here.device),
            optimiser=options.optimiser,
        )
        # Only the kind of network matters, and whether every variant can be built, before the first is trained.
        with torch.device("meta"):
            self.scale = image_scale(plain(options.model, self.classes, options.side))
            for name in options.variants:
                self._check(variant(name))
        self.inputs = Inputs(
            training,
            testing,
            side=options.side,
            short=options.short,
            area=options.area,
            scale=self.scale,
            batch=batch,
            threads=options.readers,
            device=None if here.device.type == "cpu" else here.device,
            quiet=not here.first,
            parts=options.parts,
            team=here.team,
        )
        identity = repr((training.identity(), testing.identity())).encode()
        self.settings: dict[str, Any] = {
            "data": options.data.name,
            "fingerprint": hashlib.sha256(identity).hexdigest()[:16],
            "training_images": len(training),
            "test_images": len(testing),
            "classes": self.classes,
            **{name: getattr(options, name) for name in _SETTINGS},
            "frequency_side": self.scale * options.side,
            "floor": DEFAULT_FLOOR,
            **asdict(self.recipe),
        }
        self.environment = describe(here.device) | {"processes": here.size}
        decided = self.settings | decisive(self.environment)
        folder = options.output.with_suffix(".partial")
        self.journal = Journal(folder, decided, here.rank)
        self.checkpoints = Checkpoints(folder, decided)
        self.trainer = Trainer(self.inputs, self.recipe, self.checkpoints, here.device, quiet=not here.first)

    def _check(self, own: Variant) -> None:
        if self.recipe.optimiser == "adamw" and (own.gated or own.learned):
            raise SystemExit(f"--variants {own.name}: gates are trained by --optimiser sgd only")
        try:
            self._built(own, nn.Identity(), 0)
        except InputError as error:
            raise SystemExit(f"--variants {own.name} with --model {self.options.model}: {error}") from error

    def _built(self, own: Variant, entry: nn.Module, seed: int) -> Classifier:
        options = self.options
        return build(own, entry, options.model, self.classes, seed, options.side, options.layer2_stride, self.here.team)

    def unit(self, name: str) -> list[dict[str, Any]]:
        """Train and test one network, or a gate and then a network on what it learned."""
        for finished in self.journal.results:
            self.checkpoints.drop(finished)
        called, _, number = name.rpartition("-")
        seed = int(number)
        own = variant(called, seed)
        if not own.learned:
            return [self._trained(own, seed)[0]]
        gate = variant(own.gate, seed)
        result, model = self._trained(gate, seed)
        gated = nn.Sequential(model.entry, model.gate)
        # The test files choose nothing.
        learned = to_static(keep_rates(gated, self.inputs.sample(gate)), own.target, own.name)
        return [result, self._trained(own.static(learned), seed)[0] | {"static": learned.to_dict()}]

    def _trained(self, own: Variant, seed: int) -> tuple[dict[str, Any], Classifier]:
        model = self._built(own, self.inputs.entry(own), seed).to(self.here.device)
        counted = operations(model.network, own.channels, self.inputs.image_side(own))
        done = self.trainer.train(model, own, seed)
        tested = self.trainer.test(model, own)
        if self.options.weights is not None and self.here.team.first:
            _keep(self.options.weights / f"{own.name}-{seed}.pt", model)
        result = {
            "variant": own.name,
            "seed": seed,
            "top1": tested.top1,
            "top5": tested.top5,
            "parameters": sum(values.numel() for values in model.network.parameters()),
            "operations": counted,
            "channels": own.channels,
            "input_size": self._input_size(own),
            **done,
        }
        return (result if tested.keep is None else result | self._gated(own, tested)), model

    def _input_size(self, own: Variant) -> float:
        """Numbers that a network takes, relative to RGB at its own size."""
        share = own.numbers_per_block / CHANNELS if own.channels else 1.0
        return share * self.inputs.scale_of(own) ** 2

    def _gated(self, own: Variant, tested: Tested) -> dict[str, Any]:
        """What a gate kept of the test images; the network's input is that large on average."""
        assert tested.keep is not None
        rates = tested.keep.mean(0)
        kept = rates.sum().item()
        selection = to_static(rates, own.target, f"{own.name} learned")
        return {
            "input_size": kept * self.scale**2 / CHANNELS,
            "gate": {
                "kept": kept,
                "std_over_images": tested.keep.sum(1).std(correction=0).item(),
                "rates": [round(rate, 4) for rate in rates.tolist()],
                "static": selection.to_dict(),
            },
        }


def _keep(path: Path, model: Classifier) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    torch.save(model.state_dict(), fresh)
    fresh.replace(path)


def _write(report: dict[str, Any], output: Path) -> None:
    save(report, output)
    drawn = figures(report, output.with_suffix(".png"))
    print(f"{table(report)}\n\n{claim(report['result'])}\n")
    for path in (output, *drawn):
        print(f"wrote {path}")


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    return carry_out("frequency_channels", parser("frequency_channels", __doc__, "smoke").parse_args(given), _write)


def carry_out(
    experiment: str, options: argparse.Namespace, write: Callable[[dict[str, Any], Path], None]
) -> dict[str, Any]:
    """Train and test the networks that a command line names.

    Args:
        experiment: Its name, in the report and in the default output's.
        options: Of `parser`.
        write: A function of the report and the path of its JSON that writes files and prints.

    Returns:
        The report.
    """
    fill_in(options)
    if options.output is None:
        options.output = Path(f"results/{experiment}-{options.data.name}-{options.model}-{options.preset}.json")
    with world(options.device, options.threads, options.processes_per_network) as here:
        run = _Run(options, here)
        # Seed by seed, so that an interrupted run has whole tables first.
        seeds = range(options.seed, options.seed + options.seeds)
        units = [f"{name}-{seed}" for seed in seeds for name in _trained_by_themselves(options.variants)]
        each = here.share(units, run.journal, run.unit, "networks")
        report = {
            "experiment": experiment,
            "settings": run.settings | {"preset": options.preset, "seeds": options.seeds},
            "environment": run.environment,
            "result": summary([one for unit in each.values() for one in unit]),
        }
        here.conclude(run.journal, lambda: write(report, options.output))
        return report


def _trained_by_themselves(names: Sequence[str]) -> list[str]:
    """Leave out the gates that are trained, and reported, with a learned set."""
    own = {name: variant(name) for name in names}
    gates = {one.gate for one in own.values() if one.learned}
    return [name for name in own if name not in gates]
