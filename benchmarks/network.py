"""A converted network beside the spatial one, without the input stage: batches in memory, each side in its best format.

    python -m benchmarks.network --model resnet18
    python -m benchmarks.network --model resnet18 --train
    python -m benchmarks.network --model resnet18 --engines --threads 1

It times inference, or with --train a whole training step: forward, backward, SGD. The tables show in which kernels a
plan spends its time. With --engines, both sides run in every engine that can run them on this CPU: eager torch,
torch.compile with frozen weights, and ONNX Runtime and OpenVINO where these are installed. The C library then keeps
freed memory, as with MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=2147483647 in the environment.
"""

import copy
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile, record_function

import jpegdomain as jd
from benchmarks.engines import check, compiled, in_engines, keep_memory
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments

_PLANS = ("fused", "transform")
_WHOLE = "whole"
_KERNELS = {
    # The compiled transforms are no operations of torch: their time is the total less that of all operations.
    "J and J̃ with ReLU and maximum, compiled; Python": (_WHOLE,),
    "J and J̃ as products": ("aten::bmm", "aten::mm"),
    "convolution": (
        "mkldnn::_convolution_pointwise",
        "mkldnn::_convolution_pointwise_",
        "aten::mkldnn_convolution",
        "aten::convolution_overrideable",
        "aten::_slow_conv2d_forward",
        "aten::convolution_backward",
    ),
    "ReLU and maximum": (
        "aten::clamp_min",
        "aten::clamp_min_",
        "aten::threshold_backward",
        "aten::max_pool2d_with_indices",
        "aten::max_pool2d_with_indices_backward",
    ),
    "batch norm and addition": (
        "aten::native_batch_norm",
        "aten::native_batch_norm_backward",
        "aten::mul",
        "aten::mul_",
        "aten::add",
        "aten::add_",
        "aten::addcmul",
        "aten::addcmul_",
    ),
    "copies and padding": ("aten::copy_", "aten::fill_", "aten::constant_pad_nd", "aten::cat"),
}

_Run = Callable[[], object]


def _by_kernel(run: _Run) -> dict[str, float]:
    """Return the milliseconds that one profiled run spends in each kind of kernel."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as recorded, record_function(_WHOLE):
        run()
    times = {event.key: event.self_cpu_time_total / 1e3 for event in recorded.key_averages()}
    groups = {name: sum(times.pop(key, 0.0) for key in keys) for name, keys in _KERNELS.items()}
    return groups | {"everything else": sum(times.values())}


def _rows(title: str, values: dict[str, float]) -> str:
    total = sum(values.values())
    lines = [title]
    for name, value in sorted(values.items(), key=lambda item: -item[1]):
        lines.append(f"  {name:<50}{value:>9.1f} ms{value / total:>8.1%}")
    return "\n".join(lines)


def _forward(model: nn.Module, images: Any) -> _Run:
    def run() -> object:
        with torch.inference_mode():
            return model(images)

    return run


def _step(model: nn.Module, images: Any, labels: Tensor) -> _Run:
    """Return a training step, on its own copy of the weights."""
    model = copy.deepcopy(model).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def run() -> object:
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model(images), labels).backward()
        return optimiser.step()

    return run


def _spatial(model: nn.Module, pixels: Tensor, side: Callable[[nn.Module, Any], _Run]) -> tuple[_Run, str]:
    """Return the spatial side in the memory format in which it is faster."""
    layouts = {name: getattr(torch, name) for name in ("channels_last", "contiguous_format")}
    runs = {
        name: side(copy.deepcopy(model).to(memory_format=layout), pixels.contiguous(memory_format=layout))
        for name, layout in layouts.items()
    }
    seconds = interleaved(runs, 3)
    best = min(runs, key=lambda name: min(seconds[name]))
    return runs[best], best


def _fastest(seconds: dict[str, list[float]], name: str) -> str:
    """Return the engine in which one side has the smallest median."""
    runs = [run for run in seconds if run.partition(",")[0] == name]
    return min(runs, key=lambda run: statistics.median(seconds[run]))


def _compared(seconds: dict[str, list[float]], plans: Sequence[str]) -> dict[str, Any]:
    rival = _fastest(seconds, "spatial")
    best = {plan: _fastest(seconds, plan) for plan in plans}
    for plan in plans:
        bounds = "{median:.2f} ({smallest:.2f}…{largest:.2f})".format(**ratio(seconds[best[plan]], seconds[rival]))
        print(f"  {best[plan]} over {rival}: {bounds}")
    return {"fastest": {"spatial": rival} | best} | {
        f"{plan}_over_fastest": ratio(seconds[best[plan]], seconds[rival]) for plan in plans
    }


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.network", __doc__)
    parser.add_argument("--model", default="resnet18", help="a torchvision classifier (default resnet18)")
    parser.add_argument("--plan", choices=(*_PLANS, "both"), default="both", help="plan of the converted network")
    parser.add_argument("--train", action="store_true", help="time training steps instead of inference")
    parser.add_argument(
        "--engines", action="store_true", help="also time compiled and exported networks; inference only"
    )
    parser.add_argument("--size", type=int, default=224, help="height and width (default 224)")
    parser.add_argument("--batch", type=int, help="images at a time (default 8, in training 16)")
    parser.add_argument("--repeats", type=int, default=21, help="counted rounds (default 21)")
    parser.add_argument("--threads", type=int, help="threads of torch (default: torch's own choice)")
    parser.add_argument("--output", type=Path, help="default results/network-MODEL….json")
    options = parser.parse_args(given)
    if options.engines and options.train:
        parser.error("--engines times inference only")
    if options.engines:
        keep_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    batch = options.batch or (16 if options.train else 8)
    plans = _PLANS if options.plan == "both" else (options.plan,)
    torch.manual_seed(0)
    model = torchvision.models.get_model(options.model, weights=None).eval()
    pixels = torch.randn(batch, 3, options.size, options.size)
    labels = torch.randint(1000, (batch,))
    activation = jd.encode(pixels.contiguous(memory_format=torch.channels_last))

    def side(network: nn.Module, images: Any) -> _Run:
        return _step(network, images, labels) if options.train else _forward(network, images)

    spatial, layout = _spatial(model, pixels, side)
    sides = {"spatial": spatial}
    if options.engines:
        images = pixels.contiguous(memory_format=getattr(torch, layout))
        laid_out = copy.deepcopy(model).to(memory_format=getattr(torch, layout))
        sides |= in_engines("spatial", compiled(laid_out, images), model, pixels)
    for plan in plans:
        converted = jd.convert(model, plan=plan)
        print(f"{plan}: {jd.verify(model, converted, activation)}")
        sides[plan] = side(converted, activation)
        if options.engines:
            exported = jd.exportable(converted, (options.size, options.size))
            coefficients = activation.coefficients
            sides |= in_engines(plan, compiled(exported, coefficients), exported, coefficients)
    if options.engines:
        check(sides)
    seconds = interleaved(sides, options.repeats)
    compared = {plan: ratio(seconds[plan], seconds["spatial"]) for plan in plans}
    kernels = {plan: _by_kernel(sides[plan]) for plan in plans}
    medians = {name: 1e3 * statistics.median(values) for name, values in seconds.items()}
    what = "training steps" if options.train else "eval"
    print(f"{options.model}, {batch} × {options.size}², {what}: spatial ({layout}) {medians['spatial']:.1f} ms")
    for plan in plans:
        bounds = "{median:.2f} ({smallest:.2f}…{largest:.2f})".format(**compared[plan])
        print(f"  {plan} plan {medians[plan]:.1f} ms, ratio {bounds}")
    engines = {}
    if options.engines:
        for name in sides:
            print(f"  {name:<28}{medians[name]:>9.1f} ms")
        engines = _compared(seconds, plans)
    for plan in plans:
        print(_rows(f"{plan} plan by kernel", kernels[plan]))
    suffix = "-training" if options.train else "-engines" if options.engines else ""
    write(
        options.output or Path(f"results/network-{options.model}{suffix}.json"),
        "network",
        {
            "model": options.model,
            "training": options.train,
            "size": options.size,
            "batch": batch,
            "repeats": options.repeats,
            "seed": 0,
        },
        {"median_ms": medians, "memory_format": layout}
        | engines
        | {f"{plan}_over_spatial": compared[plan] for plan in plans}
        | {f"{plan}_ms_by_kernel": kernels[plan] for plan in plans},
    )


if __name__ == "__main__":
    main()
