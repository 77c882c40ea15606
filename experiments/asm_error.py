"""How far ASM and APX are from the exact ReLU, over 1–15 spatial frequencies: Ehrlich & Davis (2019), figure 4a.

Without arguments, on 10 million random blocks of 4×4 in [−1, 1], box-upscaled to 8×8:

    python -m experiments.asm_error
    torchrun --nproc-per-node 2 -m experiments.asm_error

Other blocks: with --source random all 64 pixels are drawn; --source activations takes the inputs of every ReLU of a
network on images. An interrupted run resumes where it stopped.

It reports three errors, each with its 95 % interval: the mean of the blocks' RMSEs; the RMSE of all pixels; and this
RMSE relative to the root mean square of the exact ReLU, since activations can have any scale. The intervals assume
independent samples: blocks if they are drawn, images otherwise.
"""

import argparse
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.approximation import METHODS
from experiments.lib.curves import Curve, draw_frequencies
from experiments.lib.distributed import World, world
from experiments.lib.environment import decisive, describe, publish
from experiments.lib.journal import Journal
from experiments.lib.moments import Moments
from experiments.lib.networks import EMBEDDED, load_requested
from experiments.lib.relus import ALL, FREQUENCIES, DrawnInputs, Key, NetworkInputs, ReluInputs, add_up, measure, plain

__all__ = ["figure", "main"]

_HEADINGS = {"block_rmse": "mean of the blocks' RMSEs", "rmse": "RMSE", "relative_rmse": "RMSE / RMS of the exact ReLU"}
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_SIDES = {"box": 4, "random": 8}

# Filled in after parsing, so that an option that does not apply is reported instead of silently ignored.
_FOR_DRAWN = {"blocks": 10_000_000, "seed": 0}
_FOR_ACTIVATIONS = {
    "data": str(EMBEDDED / "digits"),
    "root": None,
    "download": False,
    "limit": None,
    "model": "embedded",
    "weights": None,
    "mean": None,
    "std": None,
    "batch": 40,
}


def _parser() -> argparse.ArgumentParser:
    parser = arguments.parser("experiments.asm_error", __doc__)
    parser.add_argument(
        "--source", choices=[*_SIDES, "activations"], default="box", help="kind of blocks (default box)"
    )
    parser.add_argument("--blocks", type=arguments.positive, help="blocks to draw (default 10,000,000)")
    parser.add_argument("--seed", type=int, help="seed of the blocks (default 0)")
    parser.add_argument(
        "--dtype", choices=_DTYPES, default="float32", help="dtype to compute in (default float32; sums are in float64)"
    )
    arguments.add_machine(parser, None, named="results/asm_error-SOURCE.json")
    group = parser.add_argument_group("with --source activations")
    arguments.add_data(group, _FOR_ACTIVATIONS["data"])
    arguments.add_model(group)
    group.add_argument("--batch", type=arguments.positive, help="images at a time (default 40)")
    parser.set_defaults(data=None, download=None)
    return parser


def _options(given: list[str] | None) -> argparse.Namespace:
    options = _parser().parse_args(given)
    drawn = options.source != "activations"
    fitting, others = (_FOR_DRAWN, _FOR_ACTIVATIONS) if drawn else (_FOR_ACTIVATIONS, _FOR_DRAWN)
    for name in others:
        if getattr(options, name) is not None:
            raise SystemExit(f"--{name} has no meaning for --source {options.source}: drop one of them")
    for name, default in fitting.items():
        if getattr(options, name) is None:
            setattr(options, name, default)
    if drawn and options.blocks < 2:
        raise SystemExit("--blocks: 2 or more are needed for an interval")
    if drawn and options.seed < 0:
        raise SystemExit("--seed: a whole number ≥ 0 is needed")
    if options.output is None:
        options.output = Path("results") / f"asm_error-{options.source}.json"
    return options


def _network_inputs(options: argparse.Namespace, device: torch.device) -> tuple[NetworkInputs, dict[str, Any]]:
    """Load the network and the images, and record in the settings what they are."""
    images = arguments.images(options)
    if len(images) < 2:
        raise SystemExit(f"--data: {images.name} has {len(images)} image; 2 or more are needed for an interval")
    model, settings = load_requested(options, images)
    dtype = _DTYPES[options.dtype]
    model = model.to(device=device, dtype=dtype, memory_format=torch.channels_last)
    converted = jd.convert(model, mean=options.mean, std=options.std)
    try:
        inputs = NetworkInputs(converted, images, options.batch, dtype, device)
    except ValueError as error:
        raise SystemExit(f"--model {options.model}: {error}") from error
    return inputs, settings


def _inputs(options: argparse.Namespace, device: torch.device) -> tuple[ReluInputs, dict[str, Any]]:
    """Return the inputs that the options ask for, and settings with everything that the numbers depend on."""
    settings = {"source": options.source, "dtype": options.dtype}
    if options.source == "activations":
        inputs, network = _network_inputs(options, device)
        return inputs, settings | network
    drawn = DrawnInputs(_SIDES[options.source], options.blocks, options.seed, _DTYPES[options.dtype], device)
    return drawn, settings | {"blocks": options.blocks, "seed": options.seed}


def _summary(sums: dict[Key, Moments], name: str) -> dict[str, Any]:
    """Return the estimates for one ReLU, or for all."""

    def estimates(moments: Moments) -> dict[str, Any]:
        return {
            "block_rmse": asdict(moments.ratio("block_rmse", "blocks")),
            "rmse": asdict(moments.root_of_ratio("error", "pixels")),
            "relative_rmse": asdict(moments.root_of_ratio("error", "signal")),
        }

    return {
        "blocks": int(sums[name, "asm", 1].total("blocks")),
        "frequencies": {str(n): {method: estimates(sums[name, method, n]) for method in METHODS} for n in FREQUENCIES},
    }


def _table(report: dict[str, Any]) -> str:
    settings, result = report["settings"], report["result"]

    def cell(estimate: dict[str, float]) -> str:
        return f"{estimate['value']:.4g} ± {(estimate['high'] - estimate['low']) / 2:.1g}"

    lines = [
        f"{_title(settings, result)}, {settings['dtype']}; 95 % intervals over {result['samples']}",
        "",
        " " * 11 + "".join(f"  {heading:40}" for heading in _HEADINGS.values()).rstrip(),
        "frequencies" + "".join(f"  {method.upper():18}" for _ in _HEADINGS for method in METHODS).rstrip(),
    ]
    for n, row in result["frequencies"].items():
        cells = [cell(row[method][quantity]) for quantity in _HEADINGS for method in METHODS]
        lines.append(f"{n:>11}" + "".join(f"  {text:18}" for text in cells).rstrip())
    if result["relus"]:
        lines += ["", "relative to the RMS             ASM at 5        10  APX at 5        10"]
        for name, one in result["relus"].items():
            cells = [one["frequencies"][n][method]["relative_rmse"]["value"] for method in METHODS for n in ("5", "10")]
            lines.append(f"{name:30}" + "".join(f"  {value:8.4f}" for value in cells))
    return "\n".join(lines)


def _title(settings: dict[str, Any], result: dict[str, Any]) -> str:
    blocks = f"{result['blocks']:,} blocks"
    if settings["source"] == "activations":
        return f"{settings['model']}: {blocks} of {settings['images']} images in {len(result['relus'])} ReLUs"
    return f"{blocks}, random" + (" 4×4, upscaled to 8×8" if settings["source"] == "box" else " 8×8")


def figure(report: dict[str, Any], path: Path) -> None:
    """Draw the mean of the blocks' RMSEs; for activations, the relative RMSE and its range over the ReLUs."""
    settings, result = report["settings"], report["result"]
    drawn = settings["source"] != "activations"
    quantity = "block_rmse" if drawn else "relative_rmse"

    def curve(method: str) -> Curve:
        def values(one: dict[str, Any]) -> dict[int, float]:
            return {int(n): row[method][quantity]["value"] for n, row in one["frequencies"].items()}

        relus = [values(one) for one in result["relus"].values()]
        low, high = ({n: end(one[n] for one in relus) for n in FREQUENCIES} if relus else None for end in (min, max))
        return Curve(values(result), low, high)

    draw_frequencies(
        path,
        {method: curve(method) for method in METHODS},
        title=_title(settings, result),
        ylabel="mean of the blocks' RMSEs" if drawn else "RMSE / RMS of the exact ReLU; band: best to worst",
    )


def _run(options: argparse.Namespace, here: World) -> dict[str, Any]:
    with here.one_first():
        inputs, settings = _inputs(options, here.device)
    environment = describe(here.device) | {"processes": here.size}
    journal = Journal(options.output.with_suffix(".partial"), settings | decisive(environment), here.rank)
    parts = here.share(inputs.units, journal, lambda unit: plain(measure(inputs, unit)), options.source)
    sums = add_up(list(parts.values()))
    relus = dict.fromkeys(name for name, _, _ in sums if name != ALL)
    report = {
        "experiment": "asm_error",
        "settings": settings,
        "environment": environment,
        "result": {
            **_summary(sums, ALL),
            "samples": inputs.samples,
            "relus": {name: _summary(sums, name) for name in relus},
        },
    }
    here.conclude(journal, partial(publish, report, options.output, _table, figure))
    return report


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    options = _options(given)
    with world(options.device, options.threads) as here:
        return _run(options, here)


if __name__ == "__main__":
    main()
