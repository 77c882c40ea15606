"""What conversion takes, and what a large image takes: peak resident memory and time, each in a process of its own.

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


def _peak_gb() -> float:
    # Linux counts in kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _conversion(name: str) -> dict[str, float]:
    model = torchvision.models.get_model(name, weights=None).eval()
    before = _peak_gb()
    start = time.perf_counter()
    jd.convert(model)
    return {"seconds": time.perf_counter() - start, "extra_gb": _peak_gb() - before}


@torch.inference_mode()
def _forward(name: str, height: int, width: int, side: str) -> dict[str, float]:
    model = torchvision.models.get_model(name, weights=None).eval()
    pixels = torch.randn(1, 3, height, width)
    if side == "spatial":
        model = model.to(memory_format=torch.channels_last)
        pixels = pixels.to(memory_format=torch.channels_last)
        start = time.perf_counter()
        model(pixels)
    else:
        converted, activation = jd.convert(model), jd.encode(pixels)
        start = time.perf_counter()
        converted(activation)
    return {"seconds": time.perf_counter() - start, "peak_gb": _peak_gb()}


def _apart(call: list[Any]) -> dict[str, float]:
    """One measurement in a fresh process: a peak never falls again within one."""
    command = [sys.executable, "-m", "benchmarks.memory", "--one", json.dumps(call)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line.

    Args:
        arguments: As typed; those of the process if None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--height", type=int, default=2160, help="of the large image (default 2160)")
    parser.add_argument("--width", type=int, default=3840, help="likewise (default 3840)")
    parser.add_argument("--output", type=Path, default=Path("results/memory.json"), help="default results/memory.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        name, *rest = json.loads(options.one)
        print(json.dumps(_forward(name, *rest) if rest else _conversion(name)))
        return
    result = {"convert_resnet50": _apart(["resnet50"])}
    print("convert(resnet50): {seconds:.2f} s, {extra_gb:.2f} GB more at the peak".format(**result["convert_resnet50"]))
    for side in ("spatial", "transform"):
        measured = _apart(["resnet18", options.height, options.width, side])
        result[f"resnet18_{side}"] = measured
        size = f"{options.height}×{options.width}"
        print(f"resnet18 {side}, one image of {size}: {measured['seconds']:.1f} s, peak {measured['peak_gb']:.2f} GB")
    write(options.output, "memory", {"height": options.height, "width": options.width}, result)


if __name__ == "__main__":
    main()
