"""A network and its conversion on the same images: accuracies, agreement, deviation, and accuracy over frequencies.

Without arguments it takes the digits and the network that come with the repository:

    python -m experiments.equivalence

Ehrlich & Davis (2019), table 1 ("lossless" data sets, or real JPEG files) and figure 4b (``--frequencies 1-15``).
"""

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import jpegdomain as jd
from experiments import arguments
from experiments.approximation import METHODS, set_approximation
from experiments.distributed import World, world
from experiments.environment import decisive, describe
from experiments.frequency_figure import Curve, draw_frequencies
from experiments.images import Batch
from experiments.journal import Journal
from experiments.networks import EMBEDDED, load_requested
from experiments.tally import Tally, frequency_key

__all__ = ["compare", "main"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.equivalence", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_data(parser, default=str(EMBEDDED / "digits"))
    arguments.add_model(parser)
    parser.set_defaults(model="embedded")
    parser.add_argument(
        "--frequencies",
        type=arguments.frequencies,
        help="sweep ASM and APX over these, as in 1-15; default: 1-15 on the embedded digits, else none",
    )
    parser.add_argument("--batch", type=arguments.positive, default=40, help="images at a time (default 40)")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="default float64")
    arguments.add_machine(parser, "results/equivalence.json")
    return parser


@torch.inference_mode()
def compare(
    model: nn.Module,
    converted: jd.ConvertedModel,
    data: Batch,
    frequencies: list[int],
) -> Tally:
    """Compare a model with its conversion on one batch.

    Args:
        model: The spatial model, in eval mode.
        converted: Its conversion.
        data: The images.
        frequencies: To sweep ASM and APX over; may be empty.

    Returns:
        What was counted.
    """
    tally = Tally()
    set_approximation(converted, "asm", 15)
    tally.compare(model(data.pixels), converted(data.jpeg), data.labels)
    if data.rounded is not None:
        tally.count("rounded", model(data.rounded), data.labels)
    for n in frequencies:
        for method in METHODS:
            set_approximation(converted, method, n)
            tally.count(frequency_key(method, n), converted(data.jpeg), data.labels)
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
        "frequencies": {
            str(n): {method: tally.accuracy(frequency_key(method, n)) for method in METHODS} for n in frequencies
        },
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


def _write(report: dict[str, Any], output: Path) -> None:
    settings, result = report["settings"], report["result"]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=2) + "\n")
    print(_table(settings, result))
    print(f"\nwrote {output}")
    if result["frequencies"]:
        figure = output.with_suffix(".png")
        draw_frequencies(
            figure,
            {method: Curve({int(n): row[method] for n, row in result["frequencies"].items()}) for method in METHODS},
            title=f"{settings['model']} network on {settings['data']}, {result['images']} images",
            ylabel="top-1 accuracy",
            reference=("spatial network", result["accuracy"]["spatial"]),
            top=1.03,
        )
        print(f"wrote {figure}")


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
    """Run from the command line.

    Args:
        given: Arguments as typed; those of the process if None.

    Returns:
        What was written to the JSON file.
    """
    options = _parser().parse_args(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)


if __name__ == "__main__":
    main()
