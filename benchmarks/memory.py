"""Peak resident memory and time of a conversion, a batch and a large image, each in a process of its own.

python -m benchmarks.memory
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torchvision

import jpegdomain as jd
from benchmarks.timing import write
from experiments.lib import arguments

_SIDES = ("spatial", "fused", "transform")


def _peak_gb() -> float:
    # Linux counts in kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _conversion(name: str, plan: str) -> dict[str, float]:
    model = torchvision.models.get_model(name, weights=None).eval()
    before = _peak_gb()
    start = time.perf_counter()
    jd.convert(model, plan=plan)
    return {"seconds": time.perf_counter() - start, "extra_gb": _peak_gb() - before}


@torch.inference_mode()
def _forward(name: str, batch: int, height: int, width: int, side: str) -> dict[str, float]:
    model = torchvision.models.get_model(name, weights=None).eval()
    pixels = torch.randn(batch, 3, height, width)
    if side == "spatial":
        model = model.to(memory_format=torch.channels_last)
        pixels = pixels.to(memory_format=torch.channels_last)
        start = time.perf_counter()
        model(pixels)
    else:
        converted, activation = jd.convert(model, plan=side), jd.encode(pixels)
        # After a conversion, the source model is usually no longer needed.
        del model, pixels
        start = time.perf_counter()
        converted(activation)
    return {"seconds": time.perf_counter() - start, "peak_gb": _peak_gb()}


def _apart(call: list[Any]) -> dict[str, float]:
    """Measure in a fresh process: within one process, the peak never falls again."""
    command = [sys.executable, "-m", "benchmarks.memory", "--one", json.dumps(call)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.memory", __doc__)
    parser.add_argument("--height", type=int, default=2160, help="height of the large image (default 2160)")
    parser.add_argument("--width", type=int, default=3840, help="width of the large image (default 3840)")
    parser.add_argument("--output", type=Path, default=Path("results/memory.json"), help="default results/memory.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.one:
        call = json.loads(options.one)
        print(json.dumps(_forward(*call) if len(call) > 2 else _conversion(*call)))
        return
    result = {}
    for plan in _SIDES[1:]:
        # The transform plan has the shorter name because it existed first.
        name = "convert_resnet50" if plan == "transform" else f"convert_resnet50_{plan}"
        result[name] = _apart(["resnet50", plan])
        print(f"convert(resnet50), {plan}: {{seconds:.2f}} s, {{extra_gb:.2f}} GB more".format(**result[name]))
    for model, batch, height, width in (("resnet50", 8, 224, 224), ("resnet18", 1, options.height, options.width)):
        for side in _SIDES:
            measured = result[f"{model}_{side}"] = _apart([model, batch, height, width, side])
            print(
                f"{model} {side}, {batch} × {height}×{width}: {measured['seconds']:.2f} s, "
                f"peak {measured['peak_gb']:.2f} GB"
            )
    write(options.output, "memory", {"height": options.height, "width": options.width}, result)


if __name__ == "__main__":
    main()
