"""Write the README's tables from the committed results, so that no figure stands there that nothing reproduces.

python -m experiments.readme
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.frequency_channels.summary import claim
from experiments.frequency_channels.table import table_of
from experiments.frequency_exact_table import exact_table
from experiments.generality_table import generality_table
from experiments.markdown import table, where
from experiments.performance_tables import input_table, network_tables, throughput_table
from experiments.report import RESULTS, learning, reports_of, table_1, title, verdict

__all__ = ["README", "filled", "frequency_channels", "main"]

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def _load(place: str, name: str) -> dict[str, Any]:
    return json.loads((ROOT / place / "results" / f"{name}.json").read_text())


def _equivalence() -> str:
    rows, reports = [], []
    for name, network, images in (
        ("digits", "three-block net", "MNIST digits as JPEG files"),
        ("cifar_resnet20", "CIFAR ResNet-20", "CIFAR-10 as JPEG files, quality 75"),
        ("cifar_resnet32", "CIFAR ResNet-32", "CIFAR-10 as JPEG files, quality 75"),
        ("imagenette_resnet18", "torchvision resnet18", "Imagenette, 160 px, whole files"),
    ):
        reports.append(_load("experiments", f"equivalence-{name}"))
        result = reports[-1]["result"]
        accuracy = result["accuracy"]
        rows.append(
            [network, f"{result['images']:,} {images}"]
            + [f"{accuracy[key]:.4f}" for key in ("spatial", "converted")]
            + [f"{result['agreement']:.2%}", f"{result['relative_deviation']:.1e}"]
            + [f"{accuracy['spatial_on_8_bit_decoding']:.4f}"]
        )
    header = ["network", "images", "top-1 on the float decoding", "converted, on the files", "same top-1"]
    header += ["largest Δlogit, relative", "top-1 on Pillow's 8 bits"]
    places = dict.fromkeys(map(where, reports))
    return f"{table(header, rows)}\n\nIn float64. {' '.join(places)}"


def _frequencies() -> str:
    report = _load("experiments", "equivalence-cifar_resnet20-frequencies")
    rows = report["result"]["frequencies"]
    accuracies = table(
        ["frequencies", *rows],
        [[method.upper(), *(f"{row[method]:.3f}" for row in rows.values())] for method in ("asm", "apx")],
    )
    return f"{accuracies}\n\nIn float32. {where(report)}"


def _decoding() -> str:
    report = _load("experiments", "decoding-imagenet-samples")
    result = report["result"]
    rows = [
        [
            f"{title} of {result['files']} ImageNet files",
            f"{result[key]['mean']:.2f}",
            f"{result[key]['mean_clamped']:.2f}",
            f"{result[key]['largest']:.0f}",
            f"{result[key]['largest_clamped']:.0f}",
        ]
        for title, key in (("median", "median_over_files"), ("largest", "largest_over_files"))
    ]
    header = ["levels of 0…255", "mean difference", "once clamped", "largest difference", "once clamped"]
    return table(header, rows)


def _network() -> str:
    reports = [_load("benchmarks", f"network-{name}") for name in ("resnet18", "resnet50")]
    step = ROOT / "benchmarks" / "results" / "network-resnet18-training.json"
    measured = [*reports, *([json.loads(step.read_text())] if step.exists() else [])]
    memory = _load("benchmarks", "memory")["result"]
    return network_tables(measured, memory, where(reports[0]))


def _throughput() -> str:
    return throughput_table([json.loads(path.read_text()) for path in _measured("throughput")])


def _frequency_channels() -> str:
    reports = [json.loads(path.read_text()) for path in _measured("frequency_channels")]
    return "\n\n".join(map(frequency_channels, reports))


def _frequency_exact() -> str:
    return "\n\n".join(exact_table(json.loads(path.read_text())) for path in _measured("frequency_exact"))


def frequency_channels(report: dict[str, Any]) -> str:
    """Write the table of `experiments.frequency_channels` with what it says and how it was made.

    Args:
        report: What the experiment wrote.

    Returns:
        Markdown.
    """
    settings = report["settings"]
    return (
        f"{settings['model']} on {settings['data']}: {settings['training_images']:,} files to train with, "
        f"{settings['test_images']:,} to test with, {settings['epochs']} epochs; RGB and YCbCr at "
        f"{settings['side']} px, channels of {settings['frequency_side']} px. Mean ± standard deviation over seeds; "
        f"differences paired by seed, with their 95 % intervals.\n\n{table_of(report)}\n\n{claim(report['result'])} "
        f"{where(report)}"
    )


def _measured(experiment: str) -> list[Path]:
    return sorted((ROOT / "experiments" / "results").glob(f"{experiment}-*.json"))


def _reproduction() -> str:
    conversion = reports_of(RESULTS, "conversion", "data")
    training = reports_of(RESULTS, "jpeg_training", "data")
    lines = [f"- {title(data)}, converted: {verdict(one)}" for data, one in conversion.items()]
    for data, one in training.items():
        learnt = f" {learning(conversion[data], one)}" if data in conversion else ""
        lines.append(f"- {title(data)}, trained in the JPEG domain: {verdict(one)}{learnt}")
    return "\n".join([table_1(conversion), "", *lines])


def _codec() -> str:
    report = _load("benchmarks", "codec")
    result = report["result"]
    names = {
        "jpegdomain": "`read_jpeg`",
        "jpegdomain, batch": "`read_jpegs`",
        "torchvision": "torchvision",
        "simplejpeg": "simplejpeg",
        "Pillow": "Pillow",
        "jpeglib": "jpeglib",
    }
    rows = []
    for suffix, part in (("", result["sets"]), (", progressive", result["progressive"])):
        for name, measured in part.items():
            times = [f"{measured['median_ms'][side]:.3f}" if side in measured["median_ms"] else "–" for side in names]
            ratios = [f"{measured['ratios'][side]['median']:.2f}" for side in ("jpegdomain", "jpegdomain, batch")]
            rows.append([f"{measured['files']} {name}{suffix}", *times, *ratios])
    header = ["ms a file", *names.values(), "`read_jpeg` / torchvision", "`read_jpegs` / torchvision"]
    large, first = result["large"], result["first_use"]
    threads = [f"{part['ratios']['speed of two']['median']:.2f} × ({name})" for name, part in result["threads"].items()]
    return (
        f"{table(header, rows)}\n\nOne thread; the speed of two in batches: {', '.join(threads)}. "
        f"A photograph of 12 megapixels takes {large['median_ms']['keep=2']:.0f} ms with `keep=2`, "
        f"{large['median_ms']['keep=8']:.0f} ms whole; torchvision decodes it in "
        f"{large['median_ms']['torchvision']:.0f} ms, Pillow at ⅛ in {large['median_ms']['Pillow, draft at 1/8']:.0f} "
        f"ms. The first file costs {first['cold_first_file']:.1f} s of compilation, the first progressive one "
        f"{first['cold_first_progressive_file']:.1f} s, once; a later process imports the package and reads its first "
        f"file in {first['warm_import_and_first_file']:.2f} s, after torch's own import. "
        f"{where(report)}"
    )


def _generality() -> str:
    return generality_table(_load("experiments", "generality"))


def _inputs() -> str:
    return input_table(_load("benchmarks", "inputs"))


_TABLES: dict[str, Callable[[], str]] = {
    "codec": _codec,
    "decoding": _decoding,
    "equivalence": _equivalence,
    "frequencies": _frequencies,
    "frequency-channels": _frequency_channels,
    "frequency-exact": _frequency_exact,
    "generality": _generality,
    "inputs": _inputs,
    "network": _network,
    "reproduction": _reproduction,
    "throughput": _throughput,
}

_OPTIONAL = {
    "frequency-channels": "frequency_channels",
    "frequency-exact": "frequency_exact",
    "throughput": "throughput",
}
"""Tables that have neither a place nor a result until somebody has measured → the experiment."""


def filled(text: str) -> str:
    """Fill the tables in.

    Args:
        text: Of the README.

    Returns:
        The same text with every table made from the results.
    """
    for name, made in _TABLES.items():
        if name in _OPTIONAL and not _measured(_OPTIONAL[name]):
            continue
        opening, closing = f"<!-- table: {name} -->", "<!-- /table -->"
        before, found, rest = text.partition(opening)
        _, closed, after = rest.partition(closing)
        if not (found and closed):
            raise ValueError(f"the README has no place {opening} … {closing}")
        text = f"{before}{opening}\n{made()}\n{closing}{after}"
    return text


def main() -> None:
    """Rewrite the README."""
    README.write_text(filled(README.read_text()))


if __name__ == "__main__":
    main()
