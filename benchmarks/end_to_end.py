"""JPEG bytes in memory to logits: the fastest engines for the spatial network, fed by torchvision and by this library.

    python -m benchmarks.end_to_end FOLDER

For each network: ONNX Runtime and OpenVINO, where they are installed, on pixels that torchvision decodes, resizes and
crops as uint8 and normalises as a batch; the same engines on this library's pixels; and the converted network with the
fused plan in eager torch. The sides take turns, on one thread by default. A ratio is the time of the fastest side with
torchvision's input over that of one of ours: the median (smallest…largest) over the rounds.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

import jpegdomain as jd
from benchmarks.engines import engines, keep_memory
from benchmarks.files import spread
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD
from jpegdomain.preprocess import CenterCrop, Compose, Resize

__all__ = ["main"]

_SHORT, _CROP = 256, 224
_PREPROCESS = Compose([Resize(_SHORT), CenterCrop(_CROP)])
_GEOMETRY = v2.Compose([v2.Resize(_SHORT, antialias=True), v2.CenterCrop(_CROP)])
_NUMBER = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD, inplace=True)])


def _torchvisions(files: Sequence[bytes]) -> Tensor:
    tensors = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    pixels: Tensor = _NUMBER(torch.stack([_GEOMETRY(decode_jpeg(one, ImageReadMode.RGB)) for one in tensors]))
    return pixels


def _ours(files: Sequence[bytes]) -> Tensor:
    return jd.read_pixels(files, preprocess=_PREPROCESS)


def _compare(name: str, parts: Sequence[Sequence[bytes]], repeats: int) -> dict[str, Any]:
    torch.manual_seed(0)
    network = torchvision.models.get_model(name).eval()
    converted = jd.convert(network, plan="fused", preprocess=_PREPROCESS)
    found = engines(network, torch.zeros(len(parts[0]), 3, _CROP, _CROP))
    sides: dict[str, Callable[[Sequence[bytes]], Any]] = {}
    for engine, run in found.items():
        sides[f"torchvision, {engine}"] = lambda files, run=run: run(_torchvisions(files))
        sides[f"jpegdomain, {engine}"] = lambda files, run=run: run(_ours(files))
    sides["jpegdomain, fused plan"] = lambda files: converted(jd.collate(jd.read_jpegs(files), preprocess=_PREPROCESS))

    def over_all(side: Callable[[Sequence[bytes]], Any]) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                for part in parts:
                    side(part)

        return run

    seconds = interleaved({side: over_all(run) for side, run in sides.items()}, repeats)
    theirs = [side for side in sides if side.startswith("torchvision")]
    best = min(theirs, key=lambda side: statistics.median(seconds[side]))
    images = sum(map(len, parts))
    return {
        "median_ms_per_image": {side: 1e3 * statistics.median(times) / images for side, times in seconds.items()},
        "best_with_torchvision": best,
        "times_as_fast": {side: ratio(seconds[best], seconds[side]) for side in sides if side not in theirs},
    }


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.end_to_end", __doc__)
    parser.add_argument("folder", type=Path, help="JPEG files")
    names = ["mobilenet_v3_small", "resnet18", "resnet50"]
    parser.add_argument(
        "--models", nargs="+", default=names, help=f"torchvision classifiers (default {' '.join(names)})"
    )
    parser.add_argument("--limit", type=int, default=64, help="files (default 64)")
    parser.add_argument("--batch", type=int, default=8, help="images at a time (default 8)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch and of the engines (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="counted rounds (default 7)")
    parser.add_argument(
        "--output", type=Path, default=Path("results/end_to_end.json"), help="default results/end_to_end.json"
    )
    options = parser.parse_args(given)
    torch.set_num_threads(options.threads)
    keep_memory()
    files = spread(options.folder, options.limit // options.batch * options.batch)
    parts = [files[at : at + options.batch] for at in range(0, len(files), options.batch)]
    parts = [part for part in parts if len(part) == options.batch]
    result = {}
    for name in options.models:
        result[name] = _compare(name, parts, options.repeats)
        print(name)
        for side, median in result[name]["median_ms_per_image"].items():
            times = result[name]["times_as_fast"].get(side)
            shown = "" if times is None else "{median:>8.2f} ({smallest:.2f}…{largest:.2f})".format(**times)
            print(f"  {side:<36}{median:>9.3f} ms{shown}")
    settings = {name: value for name, value in vars(options).items() if name not in {"folder", "output"}}
    settings["files"] = options.folder.parent.name if options.folder.name in {"val", "train"} else options.folder.name
    write(options.output, "end_to_end", settings, result)


if __name__ == "__main__":
    main()
