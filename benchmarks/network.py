"""A converted network beside the spatial one, network only: batch in memory, eval mode, each in its best memory format.

    python -m benchmarks.network --model resnet18 --batch 8

The table says where the converted network's time goes: by kind of layer, and by kind of kernel.
"""

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torch.profiler import ProfilerActivity, profile

import jpegdomain as jd
from benchmarks.timing import interleaved, ratio, write

_KERNELS = {
    "8×8 products of J and J̃": ("aten::bmm", "aten::mm"),
    "convolution": ("aten::mkldnn_convolution", "aten::convolution_overrideable", "aten::_slow_conv2d_forward"),
    "ReLU and maximum": ("aten::clamp_min", "aten::clamp_min_", "aten::max_pool2d_with_indices"),
    "batch norm and addition": (
        "aten::mul",
        "aten::mul_",
        "aten::add",
        "aten::add_",
        "aten::addcmul",
        "aten::addcmul_",
    ),
    "copies and padding": ("aten::copy_", "aten::fill_", "aten::constant_pad_nd", "aten::cat"),
}


def _by_layer(converted: nn.Module, run: Any, repeats: int) -> dict[str, float]:
    """Milliseconds by kind of layer, from hooks around each."""
    spent: dict[str, list[float]] = defaultdict(list)
    started: list[float] = []
    now: dict[str, float] = defaultdict(float)
    hooks = []
    for module in converted.modules():
        if list(module.children()):
            continue
        kind = module.extra_repr() if isinstance(module, jd.nn.Call) else type(module).__name__
        hooks.append(module.register_forward_pre_hook(lambda *_: started.append(time.perf_counter())))
        hooks.append(
            module.register_forward_hook(
                lambda *_, kind=kind: now.__setitem__(kind, now[kind] + time.perf_counter() - started.pop())
            )
        )
    for _ in range(repeats):
        now.clear()
        run()
        for kind, seconds in now.items():
            spent[kind].append(seconds)
    for hook in hooks:
        hook.remove()
    return {kind: 1e3 * statistics.median(seconds) for kind, seconds in spent.items()}


def _by_kernel(run: Any) -> dict[str, float]:
    """Milliseconds by kind of kernel, one profiled run."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as recorded:
        run()
    times = {event.key: event.self_cpu_time_total / 1e3 for event in recorded.key_averages()}
    groups = {name: sum(times.pop(key, 0.0) for key in keys) for name, keys in _KERNELS.items()}
    return groups | {"everything else": sum(times.values())}


def _rows(title: str, values: dict[str, float]) -> str:
    total = sum(values.values())
    lines = [title]
    for name, value in sorted(values.items(), key=lambda item: -item[1]):
        lines.append(f"  {name:<26}{value:>9.1f} ms{value / total:>8.1%}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line.

    Args:
        arguments: As typed; those of the process if None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.network", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="resnet18", help="a torchvision classifier (default resnet18)")
    parser.add_argument("--size", type=int, default=224, help="height and width (default 224)")
    parser.add_argument("--batch", type=int, default=8, help="images at a time (default 8)")
    parser.add_argument("--repeats", type=int, default=21, help="counted rounds (default 21)")
    parser.add_argument("--threads", type=int, help="of torch; default: torch's own choice")
    parser.add_argument("--output", type=Path, help="default results/network-MODEL.json")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = torchvision.models.get_model(options.model, weights=None).eval()
    converted = jd.convert(model)
    model = model.to(memory_format=torch.channels_last)
    pixels = torch.randn(options.batch, 3, options.size, options.size).to(memory_format=torch.channels_last)
    activation = jd.encode(pixels)
    sides = {"spatial": lambda: model(pixels), "transform": lambda: converted(activation)}
    with torch.inference_mode():
        print(jd.verify(model, converted, activation))
        # Timed before any hook stands on the layers: hooked results are not written over.
        seconds = interleaved(sides, options.repeats)
        kernels = _by_kernel(sides["transform"])
        layers = _by_layer(converted, sides["transform"], 5)
    compared = ratio(seconds["transform"], seconds["spatial"])
    medians = {name: 1e3 * statistics.median(values) for name, values in seconds.items()}
    print(
        f"{options.model}, {options.batch} × {options.size}×{options.size}: spatial {medians['spatial']:.1f} ms, "
        f"transform {medians['transform']:.1f} ms, ratio {compared['median']:.2f} "
        f"({compared['smallest']:.2f}…{compared['largest']:.2f})"
    )
    print(_rows("transform plan by layer", layers))
    print(_rows("transform plan by kernel", kernels))
    write(
        options.output or Path(f"results/network-{options.model}.json"),
        "network",
        {"model": options.model, "size": options.size, "batch": options.batch, "repeats": options.repeats, "seed": 0},
        {
            "median_ms": medians,
            "transform_over_spatial": compared,
            "transform_ms_by_layer": layers,
            "transform_ms_by_kernel": kernels,
        },
    )


if __name__ == "__main__":
    main()
