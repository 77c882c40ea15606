"""A network and its conversion on the same images: accuracies, agreement, deviation, and accuracy over frequencies.

Without arguments it takes the digits and the network that come with the repository:

    python -m experiments.equivalence

Ehrlich & Davis (2019), table 1 ("lossless" data sets, or real JPEG files) and figure 4b (``--frequencies 1-15``).
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import jpegdomain as jd
from experiments.lib import arguments, markdown
from experiments.lib.approximation import METHODS, set_approximation
from experiments.lib.curves import Curve, draw_frequencies
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, save
from experiments.lib.images import Batch
from experiments.lib.journal import Journal
from experiments.lib.networks import EMBEDDED, load_requested

__all__ = ["Tally", "compare", "figure", "main", "sweep_table", "table"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.equivalence", __doc__)
    arguments.add_data(parser, default=str(EMBEDDED / "digits"))
    arguments.add_model(parser)
    parser.set_defaults(model="embedded")
    parser.add_argument(
        "--frequencies",
        type=arguments.frequencies,
        help="also test ASM and APX at these, as in 1-15; default: 1-15 on the embedded digits, else none",
    )
    parser.add_argument("--batch", type=arguments.positive, default=40, help="images at a time (default 40)")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="dtype to compute in (default float64)")
    arguments.add_machine(parser, "results/equivalence.json")
    return parser


@dataclass
class Tally:
    """Counts over the images.

    Args:
        images: Number of images so far.
        correct: Number of right answers, by model.
        agree: Number of images for which the spatial and the converted model have the same top-1.
        deviation: Largest |difference| of their logits.
        magnitude: Largest |logit| of the spatial model.
    """

    images: int = 0
    correct: dict[str, int] = field(default_factory=dict)
    agree: int = 0
    deviation: float = 0.0
    magnitude: float = 0.0

    def compare(self, spatial: Tensor, converted: Tensor, labels: Tensor) -> None:
        """Count one batch for the two models, which must agree.

        Args:
            spatial: (n, classes) logits.
            converted: (n, classes) logits.
            labels: (n,) class numbers.
        """
        self.images += len(labels)
        self.count("spatial", spatial, labels)
        self.count("converted", converted, labels)
        self.agree += int((spatial.argmax(1) == converted.argmax(1)).sum())
        deviation, magnitude = (spatial - converted).abs().max(), spatial.abs().max()
        if not torch.isfinite(deviation):
            raise FloatingPointError("the models' logits are not finite")
        self.deviation = max(self.deviation, deviation.item())
        self.magnitude = max(self.magnitude, magnitude.item())

    def count(self, key: str, logits: Tensor, labels: Tensor) -> None:
        """Count one model's right answers.

        Args:
            key: Name of the model.
            logits: (n, classes).
            labels: (n,) class numbers.
        """
        self.correct[key] = self.correct.get(key, 0) + int((logits.argmax(1) == labels).sum())

    def accuracy(self, key: str) -> float:
        """Return a model's accuracy so far.

        Returns:
            0…1.
        """
        return self.correct[key] / self.images

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.images + other.images,
            {key: self.correct.get(key, 0) + other.correct.get(key, 0) for key in {**self.correct, **other.correct}},
            self.agree + other.agree,
            max(self.deviation, other.deviation),
            max(self.magnitude, other.magnitude),
        )


@torch.inference_mode()
def compare(
    model: nn.Module,
    converted: jd.ConvertedModel,
    data: Batch,
    frequencies: list[int],
) -> Tally:
    """Compare a model with its conversion on one batch."""
    tally = Tally()
    set_approximation(converted, "asm", 15)
    tally.compare(model(data.pixels), converted(data.jpeg), data.labels)
    if data.rounded is not None:
        tally.count("rounded", model(data.rounded), data.labels)
    for n in frequencies:
        for method in METHODS:
            set_approximation(converted, method, n)
            tally.count(f"{method}-{n}", converted(data.jpeg), data.labels)
    return tally


def _result(tally: Tally, frequencies: list[int]) -> dict[str, Any]:
    return {
        "images": tally.images,
        "accuracy": {"spatial": tally.accuracy("spatial"), "converted": tally.accuracy("converted")}
        | ({"spatial_on_8_bit_decoding": tally.accuracy("rounded")} if "rounded" in tally.correct else {}),
        "agreement": tally.agree / tally.images,
        "largest_deviation": tally.deviation,
        "largest_logit": tally.magnitude,
        "relative_deviation": tally.deviation / tally.magnitude,
        "frequencies": {str(n): {method: tally.accuracy(f"{method}-{n}") for method in METHODS} for n in frequencies},
    }


def _table(settings: dict[str, Any], result: dict[str, Any]) -> str:
    accuracy = result["accuracy"]
    lines = [
        f"{settings['model']} on {result['images']} images of {settings['data']}, {settings['dtype']}",
        f"  accuracy, spatial network on the float decoding   {accuracy['spatial']:.4f}",
        f"  accuracy, converted network on the JPEG data      {accuracy['converted']:.4f}",
    ]
    if "spatial_on_8_bit_decoding" in accuracy:
        lines.append(f"  accuracy, spatial network on Pillow's 8 bits      {accuracy['spatial_on_8_bit_decoding']:.4f}")
    lines += [
        f"  same top-1                                        {result['agreement']:.2%}",
        f"  largest |Δlogit|                                  {result['largest_deviation']:.3g}"
        f"  ({result['relative_deviation']:.2g} of the largest logit)",
    ]
    if result["frequencies"]:
        lines += ["", "  frequencies   ASM      APX"]
        lines += [f"  {n:>11}   {row['asm']:.4f}   {row['apx']:.4f}" for n, row in result["frequencies"].items()]
    return "\n".join(lines)


_NETWORKS = (
    ("three-block net", "MNIST digits as JPEG files"),
    ("CIFAR ResNet-20", "CIFAR-10 as JPEG files, quality 75"),
    ("CIFAR ResNet-32", "CIFAR-10 as JPEG files, quality 75"),
    ("torchvision resnet18", "Imagenette, 160 px, whole files"),
)
"""Network and images of the committed results, in the table's order."""


def table(reports: Sequence[dict[str, Any]]) -> str:
    """Write accuracies and deviations of the committed results."""
    rows = []
    for report, (network, images) in zip(reports, _NETWORKS, strict=True):
        result = report["result"]
        accuracy = result["accuracy"]
        rows.append(
            [network, f"{result['images']:,} {images}", report["settings"]["dtype"]]
            + [f"{accuracy[key]:.4f}" for key in ("spatial", "converted")]
            + [f"{result['agreement']:.2%}", f"{result['relative_deviation']:.1e}"]
            + [f"{accuracy['spatial_on_8_bit_decoding']:.4f}"]
        )
    header = [
        "network",
        "images",
        "computed in",
        "top-1 on the float decoding",
        "converted, on the files",
        "same top-1",
    ]
    header += ["largest Δlogit, relative", "top-1 on Pillow's 8 bits"]
    return markdown.table(header, rows)


def sweep_table(report: dict[str, Any]) -> str:
    """Write accuracies over frequencies as a table."""
    found = report["result"]["frequencies"]
    rows = [[method.upper(), *(f"{row[method]:.3f}" for row in found.values())] for method in METHODS]
    return markdown.table([f"frequencies, in {report['settings']['dtype']}", *found], rows)


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw accuracy over frequencies, as in figure 4b of Ehrlich & Davis (2019)."""
    settings, result = report["settings"], report["result"]
    draw_frequencies(
        path,
        {method: Curve({int(n): row[method] for n, row in result["frequencies"].items()}) for method in METHODS},
        title=f"{settings['model']} network on {settings['data']}, {result['images']} images",
        ylabel="top-1 accuracy",
        reference=("spatial network", result["accuracy"]["spatial"]),
        top=1.03,
    )


def _write(report: dict[str, Any], output: Path) -> None:
    settings, result = report["settings"], report["result"]
    save(report, output)
    print(_table(settings, result))
    print(f"\nwrote {output}")
    if result["frequencies"]:
        image = output.with_suffix(".png")
        figure(report, image)
        print(f"wrote {image}")


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    with here.one_first():
        images = arguments.images(options)
    if options.frequencies is None:
        options.frequencies = list(range(1, 16)) if options.model == "embedded" else []
    model, settings = load_requested(options, images)
    settings |= {"dtype": options.dtype, "frequencies": options.frequencies}
    environment = describe(here.device) | {"processes": here.size}
    folder = options.output.with_suffix(".partial")
    journal = Journal(folder, settings | decisive(environment), here.rank)
    dtype = _DTYPES[options.dtype]
    model = model.to(device=here.device, dtype=dtype, memory_format=torch.channels_last)
    converted = jd.convert(model, mean=options.mean, std=options.std)
    units = {str(number): unit for number, unit in enumerate(images.units(options.batch))}

    def work(name: str) -> dict[str, Any]:
        data = images.load(units[name], converted.jpeg_entry, dtype, here.device)
        return asdict(compare(model, converted, data, options.frequencies))

    parts = here.share(list(units), journal, work, f"batches of {images.name}")
    tally = sum((Tally(**part) for part in parts.values()), Tally())
    report = {
        "experiment": "equivalence",
        "settings": settings,
        "environment": environment,
        "result": _result(tally, options.frequencies),
    }
    here.conclude(journal, partial(_write, report, options.output))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)


if __name__ == "__main__":
    main()
