"""The README's table, which summarises the other results."""

from collections.abc import Sequence
from typing import Any

from experiments.lib import markdown

__all__ = ["summary_table"]

Report = dict[str, Any]


def summary_table(reports: Sequence[Report]) -> str:
    """Write the main results, one row each.

    Args:
        reports: Of `equivalence` (a resnet18), `generality`, `input_accuracy`, `benchmarks.inputs`, `benchmarks.codec`,
            `benchmarks.network` (a resnet50), `benchmarks.end_to_end`, `conversion` on MNIST and on CIFAR-10.
    """
    equivalence, generality, accuracy, inputs, codec, network, whole, *papers = reports
    rows = [*_exactness(equivalence, generality, accuracy), *_speed(inputs, codec, network, whole)]
    rows += [row for paper, report in zip(_PAPER, papers, strict=True) for row in _paper(paper, report)]
    return markdown.table(["what", "measured on", "result", "compared with"], rows)


_PAPER = (("MNIST", "0.988"), ("CIFAR-10 as JPEG files", "0.725"))


def _exactness(equivalence: Report, generality: Report, accuracy: Report) -> list[list[str]]:
    result, models = equivalence["result"], generality["result"].values()
    passed = sum(all(plan.get("passes") for plan in plans.values()) for plans in models)
    files = f"resnet18, {result['images']:,} Imagenette files"
    right = accuracy["result"]["right"]
    return [
        ["same top-1 answers", files, f"{result['agreement']:.0%}", "the original network on the float decoding"],
        ["largest difference of a logit", files, f"{result['relative_deviation']:.0e}", "the largest logit (float64)"],
        ["models that convert exactly", "torchvision's classifiers", f"{passed} of {len(models)}", "1e-9, in float64"],
        [
            "correct answers on exact pixels",
            files,
            f"{right['jpegdomain']} of {accuracy['result']['files']:,}",
            f"{right['torchvision']:,} on torchvision's pixels",
        ],
    ]


def _speed(inputs: Report, codec: Report, network: Report, whole: Report) -> list[list[str]]:
    fastest = ("torchvision, uint8", "torchvision, uint8, normalised as a batch")
    rows = []
    for name, shown in (("Imagenette", "Imagenette files"), ("ImageNet", "ImageNet files")):
        ratios = inputs["result"][name]["ratios"]["jpegdomain"]
        times = min(ratios[one]["median"] for one in fastest if one in ratios)
        rows.append(["bytes → float batch, speed", shown, f"{times:.1f} ×", "torchvision's decoder and transforms"])
    read = 1 / codec["result"]["sets"]["ImageNet files"]["ratios"]["jpegdomain"]["median"]
    rows.append(["bytes → coefficients, speed", "ImageNet files", f"{read:.1f} ×", "torchvision's decoder, to pixels"])
    ratio = network["result"]["fused_over_spatial"]["median"]
    rows.append(["network alone, time", "resnet50, fused plan", f"{ratio:.2f} ×", "the original network, uncompiled"])
    for model in ("mobilenet_v3_small", "resnet18"):
        result = whole["result"][model]
        engine = result["best_with_torchvision"].partition(", ")[2]
        times = result["times_as_fast"][f"jpegdomain, {engine}"]["median"]
        shown = f"{model}, ImageNet files"
        rows.append(["bytes → logits, speed", shown, f"{times:.2f} ×", f"torchvision's input; both in {engine}"])
    return rows


def _paper(paper: tuple[str, str], report: Report) -> list[list[str]]:
    (data, published), result = paper, report["result"]
    own = f"{result['accuracy']['converted']['mean']:.3f}"
    return [["accuracy of converted networks", data, own, f"{published} in the paper"]]
