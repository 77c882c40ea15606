"""J, J̃ and a ReLU between them: the compiled transforms beside torch's matrix products, for shapes from ResNets.

    python -m benchmarks.transforms --threads 1 2

Each side takes channels-last float32 and writes fresh memory; 'in place' writes over its source. GB/s counts each
coefficient as read once and written once, the least that any method must move; 'copy' is torch's own copy of the same
amount.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments
from jpegdomain import Activation
from jpegdomain.functional import PiecewiseLinear, asm, decode, encode
from jpegdomain.geometry import Extent
from jpegdomain.transform.reference import basis, separable

_SHAPES = [(64, 112), (64, 56), (128, 28), (256, 14), (512, 7), (256, 56), (512, 28), (1024, 14), (2048, 7)]
"""Channels, and height and width, of the layers of ResNet-18 and ResNet-50 at 224×224."""

_RELU = PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)


def _sides(pixels: Tensor) -> dict[str, dict[str, Callable[[], Any]]]:
    """Return name → two ways of computing the same, the compiled one first."""
    extent = Extent(*pixels.shape[2:])
    activation = encode(pixels)
    coefficients = activation.coefficients
    matrix = basis(pixels.dtype, pixels.device)
    (height, width), (rows, columns) = extent, extent.canvas
    over = Activation(coefficients.clone(memory_format=torch.preserve_format), extent)

    def inverse(transformed: Tensor = coefficients) -> Tensor:
        return separable(transformed, matrix.T)[:, :, :height, :width]

    def forward(image: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(image, (0, columns - width, 0, rows - height))
        return separable(padded, matrix)

    def rectified(target: Tensor) -> None:
        # One image at a time, so that intermediate results are not written to fresh memory.
        for image in range(len(target)):
            part = slice(image, image + 1)
            target[part] = forward(inverse(target[part]).relu_())

    return {
        "J": {"compiled": lambda: encode(pixels), "products": lambda: forward(pixels)},
        "J̃": {"compiled": lambda: decode(activation), "products": inverse},
        "ReLU in place": {
            "compiled": lambda: asm(over, _RELU, inplace=True),
            "products": lambda: rectified(over.coefficients),
        },
        "copy": {"compiled": coefficients.clone, "products": coefficients.clone},
    }


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.transforms", __doc__)
    parser.add_argument("--batch", type=int, default=8, help="images at a time (default 8)")
    parser.add_argument("--repeats", type=int, default=21, help="counted rounds (default 21)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="threads of torch, in turn (default 1 2)"
    )
    parser.add_argument("--output", type=Path, default=Path("results/transforms.json"), help="path of the JSON file")
    options = parser.parse_args(given)
    rows = []
    print(f"{'threads':>7} {'shape':>16} {'':<14}{'compiled':>12}{'products':>12}{'GB/s':>8}{'faster':>8}")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for channels, size in _SHAPES:
            pixels = torch.randn(options.batch, channels, size, size).to(memory_format=torch.channels_last)
            moved = 2 * encode(pixels).coefficients.nbytes
            with torch.inference_mode():
                for name, sides in _sides(pixels).items():
                    seconds = interleaved(sides, options.repeats)
                    best = {side: 1e3 * min(times) for side, times in seconds.items()}
                    row = {
                        "threads": threads,
                        "shape": list(pixels.shape),
                        "what": name,
                        "fastest_ms": best,
                        "median_ms": {side: 1e3 * statistics.median(times) for side, times in seconds.items()},
                        "gigabytes_per_second": moved / best["compiled"] / 1e6,
                        "products_over_compiled": ratio(seconds["products"], seconds["compiled"]),
                    }
                    rows.append(row)
                    shape = "×".join(map(str, pixels.shape))
                    print(
                        f"{threads:>7} {shape:>16} {name:<14}{best['compiled']:>9.2f} ms{best['products']:>9.2f} ms"
                        f"{row['gigabytes_per_second']:>8.1f}{best['products'] / best['compiled']:>8.1f}"
                    )
    settings = {"batch": options.batch, "repeats": options.repeats, "threads": options.threads, "dtype": "float32"}
    write(options.output, "transforms", settings, {"rows": rows})


if __name__ == "__main__":
    main()
