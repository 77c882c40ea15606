"""A network trained on RGB continues with frequency channels: what it loses at the stem, and regains by training.

    python -m experiments.frequency_adaptation --data imagenette-160 --model resnet18 --weights FILE
    python -m experiments.frequency_adaptation --data imagenette-160 --model mobilenet_v2 --weights FILE
        --mean .5 .5 .5 --std .5 .5 .5 --same-padding --samples imagenet-samples --variants 24S
    torchrun --nproc-per-node 2 -m experiments.frequency_adaptation ... --threads 1

The stem of the network is replaced by channels of the same crop at twice its side (MobileNetV2: four times). The new
entrance starts at random, or the first block is fitted: ridge regressions on some training images, whose labels are not
used, make it do, as nearly as it can, what the old stem and block did, and the statistics of all batch norms are
measured again on the same images. Each network is tested as it starts and after a short training on the folder's
classes, in which batch norms that were trained or fitted keep their statistics, beside the RGB network with the same
training and beside networks whose weights are all random at first. For each seed, all see the same files, order and
crops.

A network on ImageNet's 1,000 classes takes Imagenette's folders as ten of them; it is tested over all 1,000 and with
the ten as the only answers. An interrupted run resumes after the last training that it finished.
"""

import argparse
import copy
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

import jpegdomain as jd
from experiments.frequency_adaptation.classes import network_classes
from experiments.frequency_adaptation.fitting import fit_start
from experiments.frequency_adaptation.loading import find_samples, load_pretrained
from experiments.frequency_adaptation.norms import unfold_norms
from experiments.frequency_adaptation.options import parser
from experiments.frequency_adaptation.results import figure, summary, table
from experiments.frequency_adaptation.training import Training, right_answers
from experiments.frequency_channels.entries import PixelEntry
from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import Classifier, build
from experiments.frequency_channels.variants import Variant, variant
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal
from experiments.lib.networks import precision
from jpegdomain.frequency import adapt, image_scale

__all__ = ["main"]

_SETTINGS = (
    "model", "mean", "std", "same_padding", "side", "short", "area", "fit", "epochs", "batch", "lr", "carried", "decay",
    "train",
)  # fmt: skip
_RGB = variant("RGB")


class _Run:
    """One run in one process."""

    def __init__(self, options: argparse.Namespace, here: World) -> None:
        self.options, self.here = options, here
        network, count = load_pretrained(options)
        self.rgb = network.to(here.device)
        self.count, self.scale = count, image_scale(network)
        training, fitting = (find_files(options.data, limit)[0] for limit in (options.limit, options.fit))
        testing = find_files(options.data, options.tests)[1]
        folders = jd.JpegFolder(options.data / "train").classes
        self.classes = network_classes(folders, count).to(here.device)
        self.inputs = self._inputs(training, testing)
        self.fitting = self._inputs(fitting, testing)
        identity: list[Any] = [one.identity() for one in (training, fitting, testing)]
        self.samples: Inputs | None = None
        if options.samples is not None:
            if count != 1000:
                raise SystemExit(f"--samples: these are files of ImageNet's 1,000 classes, but the network has {count}")
            paths, labels = find_samples(options.samples)
            self.samples = self._inputs(training, jd.JpegDataset(paths, labels))
            identity.append([(path.name, path.stat().st_size) for path in paths])
        fingerprint = hashlib.sha256(repr(identity).encode())
        if options.weights != "pretrained":
            fingerprint.update(Path(options.weights).read_bytes())
        values = vars(options)
        self.training = Training(
            **{name: values[name] for name in ("epochs", "lr", "carried", "decay")}, scope=options.train
        )
        self.settings: dict[str, Any] = {
            "data": options.data.name,
            "weights": Path(options.weights).name,
            "fingerprint": fingerprint.hexdigest()[:16],
            "training_images": len(training),
            "test_images": len(testing),
            "classes": count,
            "frequency_side": self.scale * options.side,
            "precision": precision(self.rgb),
            **{name: values[name] for name in _SETTINGS},
        }
        self.environment = describe(here.device) | {"processes": here.size}
        decided = self.settings | decisive(self.environment)
        self.journal = Journal(options.output.with_suffix(".partial"), decided, here.rank)
        self._fitted: dict[Variant, tuple[nn.Module, dict[str, Any]]] = {}
        self._entries: dict[Variant, nn.Module] = {}
        self._tested: dict[tuple[Variant, str], dict[str, Any]] = {}
        unfold_norms(self.rgb, self._pixels())

    def _inputs(self, training: Any, testing: Any) -> Inputs:
        options, device = self.options, self.here.device
        batch = min(options.batch, len(training))
        if batch < 2:
            raise SystemExit("--batch, --limit, --fit: batch norm needs two images a step or more")
        return Inputs(
            training,
            testing,
            side=options.side,
            short=options.short,
            area=options.area,
            scale=self.scale,
            batch=batch,
            threads=options.readers,
            device=None if device.type == "cpu" else device,
            quiet=not self.here.first,
        )

    def _pixels(self) -> list[Tensor]:
        entry = self._entry(_RGB)
        return [entry(batch) for [(batch, _)] in self.fitting.train(_RGB, 0)]

    def unit(self, name: str) -> dict[str, Any]:
        """Test, train and test one network."""
        called, start, number = name.split(":")
        seed = int(number)
        own = variant(called, seed)
        model, fit = self._model(own, start, seed)
        before = None
        if start == "random":
            before = self._test(model, own)
        elif start != "scratch":
            # It is the same for each seed.
            if (own, start) not in self._tested:
                self._tested[own, start] = self._test(model, own)
            before = self._tested[own, start]
        trained = self.training.train(model, start, self.inputs, own, seed, self.classes, not self.here.first)
        result = {"variant": called, "start": start, "seed": seed, "before": before, "after": self._test(model, own)}
        return result | trained | fit

    def _model(self, own: Variant, start: str, seed: int) -> tuple[Classifier, dict[str, Any]]:
        entry = self._entry(own)
        fit: dict[str, Any] = {}
        if start == "scratch":
            given = (self.options.model, self.count, seed, self.options.side)
            return build(own, entry, *given).to(self.here.device), fit
        if start == "kept":
            network = copy.deepcopy(self.rgb)
        elif start == "random":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = adapt(self.rgb, own.channels)
        else:
            network, fit = copy.deepcopy(self._fit(own, entry))
        return Classifier(entry, None, network.to(memory_format=torch.channels_last)), fit

    def _entry(self, own: Variant) -> nn.Module:
        if own not in self._entries:
            if own.selection is None:
                mean, std = (255 * torch.tensor(values) for values in (self.options.mean, self.options.std))
                entry: nn.Module = PixelEntry("rgb", mean, std)
            else:
                entry = self.fitting.entry(own)
            self._entries[own] = entry.to(self.here.device)
        return self._entries[own]

    @torch.no_grad()
    def _fit(self, own: Variant, entry: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Fit a network, once for all seeds.

        Returns:
            The network; as 'explained', the share of variance that the fit explains, and as 'block', the test results
            from before batch norms were measured again.
        """
        if own not in self._fitted:
            channels = [entry(batch) for [(batch, _)] in self.fitting.train(own, 0)]
            # The same crops.
            pairs = list(zip(channels, self._pixels(), strict=True))
            network = adapt(self.rgb, own.channels)
            explained = fit_start(self.rgb, network, pairs)
            alone = self._test(Classifier(entry, None, network), own)
            update_bn(channels, network)
            self._fitted[own] = network, {"explained": explained, "block": alone}
        return self._fitted[own]

    def _test(self, model: Classifier, own: Variant) -> dict[str, Any]:
        tested: dict[str, Any] = right_answers(model, self.inputs.test(own), self.classes)
        if self.samples is not None:
            every = torch.arange(self.count, device=self.here.device)
            tested["samples"] = right_answers(model, self.samples.test(own), every)
        return tested


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = parser(__doc__).parse_args(given)
    if options.output is None:
        options.output = Path(f"results/frequency_adaptation-{options.data.name}-{options.model}.json")
    with world(options.device, options.threads) as here:
        run = _Run(options, here)
        pretrained = [start for start in options.starts if start != "scratch"]
        kinds = [("RGB", "kept"), *((name, start) for name in options.variants for start in pretrained)]
        if "scratch" in options.starts:
            kinds += [(name, "scratch") for name in ("RGB", *options.variants)]
        # Seed by seed, so that an interrupted run has whole tables first.
        seeds = range(options.seed, options.seed + options.seeds)
        units = [f"{name}:{start}:{seed}" for seed in seeds for name, start in kinds]
        each = here.share(units, run.journal, run.unit, "networks")
        report = {
            "experiment": "frequency_adaptation",
            "settings": run.settings | {"seed": options.seed, "seeds": options.seeds},
            "environment": run.environment,
            "result": summary(list(each.values())),
        }
        here.conclude(run.journal, partial(publish, report, options.output, table, figure))
        return report
