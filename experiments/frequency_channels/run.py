"""Networks on RGB, on YCbCr and on selected frequency channels, trained alike.

    python -m experiments.frequency_channels --data imagenette-160 --preset smoke
    python -m experiments.frequency_channels --data imagenette-160 --preset cpu
    torchrun --nproc-per-node 8 -m experiments.frequency_channels --data imagenet --preset full --device cuda
    python -m experiments.frequency_channels --data imagenet --preset full --model mobilenet_v2 --device cuda

Xu et al. (2020), tables 1 and 2. RGB and YCbCr networks take images of --side pixels, the others the frequency channels
of the same crop at twice that side (MobileNetV2: four times), so that their feature maps have the same sizes. All have
the same budget: files, epochs, optimiser, schedule; and by seed the same order, crops, and first weights as far as they
have them in common. Channels and pixels are normalised with statistics of the training files. 'gate-24' takes all 192
channels through a gate that learns which 24 to keep.

Several processes share the networks, on the CPU best with one thread each. An interrupted run resumes after the last
epoch that it finished.
"""

import argparse
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchvision

from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import Classifier, Variant, build, variant
from experiments.frequency_channels.recipe import PRECISIONS, PRESETS, SCHEDULES, Recipe, fill_in, resolved
from experiments.frequency_channels.results import claim, figure, gates_figure, summary, table_of
from experiments.frequency_channels.training import Checkpoints, Tested, Trainer
from experiments.lib import arguments
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.journal import Journal
from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, image_scale, to_static

__all__ = ["main"]

_SETTINGS = ("model", "side", "short", "area", "gate_weight", "seed")
_MODELS = ("resnet", "resnext", "wide_resnet", "mobilenet_v2")


def _model(text: str) -> str:
    if text not in torchvision.models.list_models(torchvision.models) or not text.startswith(_MODELS):
        raise argparse.ArgumentTypeError(f"a ResNet of torchvision, or mobilenet_v2; got {text!r}")
    return text


def _variant(text: str) -> str:
    try:
        return variant(text).name
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"a share above 0 and up to 1 is needed; got {text!r}")
    return number


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number from 0 on is needed; got {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.frequency_channels", __doc__)
    positive = arguments.positive
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with train and test (or val), in each one subfolder of JPEG files per class",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="smoke",
        help="of all options below up to --smoothing: smoke (default, a minute), cpu (two cores), full (the paper's)",
    )
    parser.add_argument("--model", type=_model, help="a ResNet of torchvision, or mobilenet_v2")
    parser.add_argument("--variants", type=_variant, nargs="+", help="RGB, YCbCr, DCT-192, 24S, 24T, 24D, …, gate-24")
    parser.add_argument("--seeds", type=positive, help="networks per variant")
    parser.add_argument("--side", type=positive, help="side of the RGB network's images")
    parser.add_argument("--short", type=positive, help="short side of test images at that scale, before the crop")
    parser.add_argument("--area", type=_share, help="smallest share of an image's area that a crop in training takes")
    parser.add_argument("--limit", type=positive, help="train on, and test on, about this many files, evenly spread")
    parser.add_argument("--epochs", type=positive, help="passes over the training files")
    parser.add_argument("--batch", type=positive, help="images a step")
    parser.add_argument("--lr", type=_amount, help="largest learning rate, for 256 images a step")
    parser.add_argument("--schedule", choices=SCHEDULES, help="learning-rate schedule")
    parser.add_argument("--warmup", type=_amount, help="epochs in which the learning rate rises")
    parser.add_argument("--decay", type=_amount, help="weight decay")
    parser.add_argument("--smoothing", type=_amount, help="label smoothing")
    parser.add_argument("--gate-weight", type=_amount, default=10.0, help="weight of a gate's penalty (default 10)")
    parser.add_argument(
        "--seed", type=arguments.natural, default=0, help="the i-th network of a variant has seed + i (default 0)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="default: bfloat16 where it is fast")
    parser.add_argument("--readers", type=positive, default=1, help="threads that read files ahead (default 1)")
    parser.add_argument("--weights", type=Path, help="folder to save each trained network in (default: none)")
    arguments.add_machine(parser, None, "results/frequency_channels-DATA-MODEL-PRESET.json")
    return parser


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
        )
        # Only the kind of network matters.
        with torch.device("meta"):
            self.scale = image_scale(torchvision.models.get_model(options.model, weights=None))
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
            **asdict(self.recipe),
        }
        self.environment = describe(here.device) | {"processes": here.size}
        decided = self.settings | decisive(self.environment)
        folder = options.output.with_suffix(".partial")
        self.journal = Journal(folder, decided, here.rank)
        self.checkpoints = Checkpoints(folder, decided)
        self.trainer = Trainer(self.inputs, self.recipe, self.checkpoints, here.device, quiet=not here.first)

    def unit(self, name: str) -> dict[str, Any]:
        """Train and test one network."""
        for finished in self.journal.results:
            self.checkpoints.drop(finished)
        called, _, number = name.rpartition("-")
        own, seed = variant(called), int(number)
        model = build(own, self.inputs.entry(own), self.options.model, self.classes, seed).to(self.here.device)
        done = self.trainer.train(model, own, seed)
        tested = self.trainer.test(model, own)
        if self.options.weights is not None:
            _keep(self.options.weights / f"{name}.pt", model)
        channels = 0 if own.selection is None else len(own.selection)
        result = {
            "variant": own.name,
            "seed": seed,
            "top1": tested.top1,
            "top5": tested.top5,
            "parameters": sum(values.numel() for values in model.network.parameters()),
            "channels": channels,
            "input_size": 1.0 if own.selection is None else own.selection.relative_size(self.scale),
            **done,
        }
        return result if tested.keep is None else result | self._gated(own, tested)

    def _gated(self, own: Variant, tested: Tested) -> dict[str, Any]:
        """What a gate kept of the test images; the network's input is that large on average."""
        assert tested.keep is not None
        assert own.target is not None
        rates = tested.keep.mean(0)
        kept = rates.sum().item()
        selection = to_static(rates, own.target, f"{own.target} learned")
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
    image, gates = output.with_suffix(".png"), output.with_name(f"{output.stem}-gate.png")
    figure(report, image)
    drawn = [image, gates] if gates_figure(report, gates) else [image]
    print(f"{table_of(report)}\n\n{claim(report['result'])}\n")
    for path in (output, *drawn):
        print(f"wrote {path}")


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    fill_in(options)
    if options.output is None:
        options.output = Path(f"results/frequency_channels-{options.data.name}-{options.model}-{options.preset}.json")
    with world(options.device, options.threads) as here:
        run = _Run(options, here)
        # Seed by seed, so that an interrupted run has whole tables first.
        seeds = range(options.seed, options.seed + options.seeds)
        units = [f"{name}-{seed}" for seed in seeds for name in dict.fromkeys(options.variants)]
        each = here.share(units, run.journal, run.unit, "networks")
        report = {
            "experiment": "frequency_channels",
            "settings": run.settings | {"preset": options.preset, "seeds": options.seeds},
            "environment": run.environment,
            "result": summary(list(each.values())),
        }
        here.conclude(run.journal, lambda: _write(report, options.output))
        return report
