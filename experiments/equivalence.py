"""A network and its conversion on the same images: accuracies, agreement, deviation, and accuracy over frequencies.

Without arguments it takes the digits and the network that come with the repository:

    python -m experiments.equivalence

Ehrlich & Davis (2019), table 1 ("lossless" data sets, or real JPEG files) and figure 4b (``--frequencies 1-15``).
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

import jpegdomain as jd
from experiments.environment import describe
from experiments.equivalence_figure import draw
from experiments.images import DATASETS, Images, JpegFiles, LosslessImages
from experiments.networks import EMBEDDED, load_network
from experiments.tally import Checkpoint, frequency_key

__all__ = ["main", "run"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _numbers(text: str) -> list[int]:
    """'1-3,15' → [1, 2, 3, 15]."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or min(numbers) < 1 or max(numbers) > 15:
        raise argparse.ArgumentTypeError(f"frequencies are numbers of 1…15, as in 1-15 or 6,10,15; got {text!r}")
    return sorted(set(numbers))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a number of images is 1 or more; got {text!r}")
    return int(text)


def _device(text: str) -> torch.device:
    try:
        torch.empty(0, device=text)
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"torch cannot use {text!r} here: {str(error).splitlines()[0]}") from error
    return torch.device(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.equivalence", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--data",
        default=str(EMBEDDED / "digits"),
        help="folder of JPEG files, one subfolder per class, or mnist, cifar10, cifar100 (encoded without loss);\n"
        "default: the embedded digits",
    )
    parser.add_argument("--root", type=Path, help="where the named data set lies; default: $JPEGDOMAIN_DATA/NAME")
    parser.add_argument("--download", action="store_true", help="let torchvision fetch the named data set")
    parser.add_argument(
        "--model",
        default="embedded",
        help="embedded, three_block, cifar_resnet20, cifar_resnet32, or a torchvision classifier",
    )
    parser.add_argument("--weights", help="file with a state_dict, or 'pretrained' for torchvision's own")
    parser.add_argument("--mean", type=float, nargs="+", help="of the model's channels; default: ImageNet's, gray 0")
    parser.add_argument("--std", type=float, nargs="+", help="likewise; gray 1")
    parser.add_argument(
        "--frequencies",
        type=_numbers,
        help="sweep ASM and APX over these, as in 1-15; default: 1-15 on the embedded digits, else none",
    )
    parser.add_argument("--batch", type=_positive, default=40, help="images at a time (default 40)")
    parser.add_argument("--limit", type=_positive, help="take about this many images, evenly spread")
    parser.add_argument("--dtype", choices=_DTYPES, default="float64", help="default float64")
    parser.add_argument("--device", type=_device, default="cpu", help="default cpu")
    parser.add_argument(
        "--output", type=Path, default=Path("results/equivalence.json"), help="default results/equivalence.json"
    )
    return parser


def _images(arguments: argparse.Namespace) -> Images:
    if arguments.data not in DATASETS:
        root = Path(arguments.data)
        if not root.is_dir():
            raise SystemExit(f"--data: {root} is no folder, and not one of {', '.join(DATASETS)}")
        return JpegFiles(root, arguments.limit)
    root = arguments.root
    if root is None:
        if "JPEGDOMAIN_DATA" not in os.environ:
            raise SystemExit(f"--data {arguments.data} needs --root FOLDER, or JPEGDOMAIN_DATA in the environment")
        root = Path(os.environ["JPEGDOMAIN_DATA"]) / arguments.data
    return LosslessImages(arguments.data, root, arguments.download, arguments.limit)


def set_approximation(converted: jd.ConvertedModel, method: str, frequencies: int) -> None:
    """Set every approximated layer of a converted model, as ``convert`` with these options would.

    Args:
        converted: The model.
        method: 'asm' or 'apx'.
        frequencies: 1…15.
    """
    for layer in converted.modules():
        if isinstance(layer, jd.nn.Layer) and hasattr(layer, "frequencies"):
            layer.method, layer.frequencies = method, frequencies


@torch.inference_mode()
def run(
    model: nn.Module,
    images: Images,
    *,
    frequencies: list[int],
    batch: int = 40,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    mean: list[float] | None = None,
    std: list[float] | None = None,
    checkpoint: Checkpoint,
) -> dict[str, Any]:
    """Compare a model with its conversion.

    Args:
        model: The spatial model, in eval mode.
        images: To run on.
        frequencies: To sweep ASM and APX over; may be empty.
        batch: Images at a time.
        dtype: To compute in.
        device: To compute on.
        mean: Of the model's channels, or None for `jpegdomain.convert`'s default.
        std: Likewise.
        checkpoint: Totals so far.

    Returns:
        Plain values for a JSON file.
    """
    device = torch.device(device)
    model = model.to(device=device, dtype=dtype, memory_format=torch.channels_last)
    converted = jd.convert(model, mean=mean, std=std)
    sweep = [(method, n) for n in frequencies for method in ("asm", "apx")]
    units = images.units(batch)
    tally = checkpoint.tally
    progress = tqdm(total=len(images), initial=tally.images, unit="image", desc=images.name)
    for unit in checkpoint.remaining(units):
        data = images.load(unit, converted.jpeg_entry, dtype, device)
        set_approximation(converted, "asm", 15)
        tally.compare(model(data.pixels), converted(data.jpeg), data.labels)
        if data.rounded is not None:
            tally.count("rounded", model(data.rounded), data.labels)
        for method, n in sweep:
            set_approximation(converted, method, n)
            tally.count(frequency_key(method, n), converted(data.jpeg), data.labels)
        progress.update(len(unit))
    progress.close()
    return {
        "images": tally.images,
        "accuracy": {"spatial": tally.accuracy("spatial"), "converted": tally.accuracy("converted")}
        | ({"spatial_on_8_bit_decoding": tally.accuracy("rounded")} if "rounded" in tally.correct else {}),
        "agreement": tally.agree / tally.images,
        "largest_deviation": tally.deviation,
        "largest_logit": tally.magnitude,
        "relative_deviation": tally.deviation / tally.magnitude,
        "frequencies": {
            str(n): {method: tally.accuracy(frequency_key(method, n)) for method in ("asm", "apx")} for n in frequencies
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


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line.

    Args:
        arguments: As typed; those of the process if None.

    Returns:
        What was written to the JSON file.
    """
    options = _parser().parse_args(arguments)
    images = _images(options)
    if options.frequencies is None:
        options.frequencies = list(range(1, 16)) if options.model == "embedded" else []
    try:
        model = load_network(options.model, options.weights, images.classes, images.channels)
    except ValueError as error:
        raise SystemExit(f"--model: {error}") from error
    except FileNotFoundError as error:
        raise SystemExit(f"--weights: there is no file {error.filename}") from error
    fingerprint = hashlib.sha256(repr(images.identity()).encode())
    if options.weights not in (None, "pretrained"):
        fingerprint.update(Path(options.weights).read_bytes())
    settings = {
        "data": images.name,
        "fingerprint": fingerprint.hexdigest()[:16],
        "images": len(images),
        "model": options.model,
        "weights": None if options.weights is None else Path(options.weights).name,
        "dtype": options.dtype,
        "batch": options.batch,
        "frequencies": options.frequencies,
        "mean": options.mean,
        "std": options.std,
    }
    environment = describe(options.device)
    checkpoint = Checkpoint(options.output.with_suffix(".partial"), settings | {"commit": environment["commit"]})
    if checkpoint.done:
        print(f"going on after {checkpoint.tally.images} images of an interrupted run")
    result = run(
        model,
        images,
        frequencies=options.frequencies,
        batch=options.batch,
        dtype=_DTYPES[options.dtype],
        device=options.device,
        mean=options.mean,
        std=options.std,
        checkpoint=checkpoint,
    )
    report = {
        "experiment": "equivalence",
        "settings": settings,
        "environment": environment,
        "result": result,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    checkpoint.finish()
    print(_table(settings, result))
    print(f"\nwrote {options.output}")
    if result["frequencies"]:
        figure = options.output.with_suffix(".png")
        draw(report, figure)
        print(f"wrote {figure}")
    return report


if __name__ == "__main__":
    main()
