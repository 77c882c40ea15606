"""The README's tables of times: the networks alone, and the whole way from bytes."""

from collections.abc import Sequence
from typing import Any

from experiments.markdown import table, where
from experiments.throughput.timing import STAGES

__all__ = ["input_table", "network_tables", "throughput_table"]

_PLANS = ("fused", "transform")


def network_tables(reports: Sequence[dict[str, Any]], memory: dict[str, Any], place: str) -> str:
    """Write what the networks alone take.

    Args:
        reports: Of `benchmarks.network`, resnet18's first; the plans that all of them have are shown.
        memory: The result of `benchmarks.memory`.
        place: Where they were measured.

    Returns:
        Markdown: the times, each plan's kernels, and what conversion and memory take.
    """
    plans = [plan for plan in _PLANS if all(f"{plan}_over_spatial" in report["result"] for report in reports)]
    rows = []
    for report in reports:
        settings, result = report["settings"], report["result"]
        training = ", training step" if settings.get("training") else ""
        row = [f"{settings['model']}{training}, {settings['batch']} × {settings['size']}²"]
        row.append(f"{result['median_ms']['spatial']:.0f} ms")
        for plan in plans:
            compared = result[f"{plan}_over_spatial"]
            row.append(f"{result['median_ms'][plan]:.0f} ms")
            row.append(f"{compared['median']:.2f} ({compared['smallest']:.2f}…{compared['largest']:.2f})")
        rows.append(row)
    header = ["network", "spatial"]
    for plan in plans:
        header += [f"{plan} plan", "ratio"]
    tables = [table(header, rows)]
    for plan in plans:
        kernels = reports[0]["result"][f"{plan}_ms_by_kernel"]
        total = sum(kernels.values())
        shares = [[name, f"{ms / total:.0%}"] for name, ms in kernels.items()]
        tables.append(table([f"resnet18, {plan} plan", "share of the time"], shares))
    others = {"spatial": "spatial", "fused": "fused plan"}
    peaks = [
        f"{name}: {memory[key]['peak_gb']:.1f}"
        for side, name in others.items()
        if (key := f"resnet18_{side}") in memory
    ]
    sentences = [
        f"`convert(resnet50)` takes {memory['convert_resnet50']['seconds']:.1f} s and "
        f"{memory['convert_resnet50']['extra_gb']:.1f} GB; one image of 2160×3840 goes through resnet18 within "
        f"{memory['resnet18_transform']['peak_gb']:.1f} GB ({'; '.join(peaks)})."
    ]
    if "resnet50_fused" in memory:
        spatial, fused, transform = (memory[f"resnet50_{side}"]["peak_gb"] for side in ("spatial", *_PLANS))
        sentences.append(
            f"Eight of 224×224 go through resnet50 within {spatial:.2f} GB, in the fused plan {fused:.2f} "
            f"({fused / spatial:.2f} ×), in the transform plan {transform:.2f}: whole processes, conversion included."
        )
    return "\n\n".join([*tables, " ".join([*sentences, place])])


def throughput_table(reports: Sequence[dict[str, Any]]) -> str:
    """Write what the whole way from bytes takes, side by side.

    Args:
        reports: Of `experiments.throughput`.

    Returns:
        Markdown: a row for each side, mode and data set, and whether the logits are the same.
    """
    names = {"spatial": "pixels first", "fused": "JPEG, fused plan", "transform": "JPEG, transform plan"}
    rows, checks = [], []
    for report in reports:
        settings, result = report["settings"], report["result"]
        data = f"{settings['model']}, {result['images']:,} of {settings['data']}"
        for mode, sides in result["modes"].items():
            for side, measured in sides.items():
                ratio = measured["throughput_ratio"]
                bounds = f"{ratio['median']:.2f} ({ratio['smallest']:.2f}…{ratio['largest']:.2f})"
                times = [f"{measured['ms_per_image'][part]['median']:.3f}" for part in (*STAGES, "together")]
                speed = f"{measured['images_per_second']['median']:,.0f}"
                rows.append([f"{data}, {mode}", names[side], *times, speed, "1" if side == "spatial" else bounds])
        check = result["check"]
        deviation = max(check["relative_deviation"].values())
        same = f"{check['same_top1_of_plans']:.2%} of {check['files']:,} files"
        checks.append(f"{settings['data']}: same top-1 of both plans on {same}, largest Δlogit {deviation:.1e}.")
    header = [
        "network, files",
        "side",
        *(f"{stage}, ms" for stage in STAGES),
        "together, ms",
        "images/s",
        "× pixels first",
    ]
    places = dict.fromkeys(map(where, reports))
    return f"{table(header, rows)}\n\n{' '.join([*checks, *places])}"


def input_table(report: dict[str, Any]) -> str:
    """Write what the input stage alone takes, from bytes to normalised pixels.

    Args:
        report: Of `benchmarks.inputs`.

    Returns:
        Markdown: a row for each set of files, and how far low frequencies are from all.
    """
    ours, low = "jpegdomain", "jpegdomain, low frequencies"
    torchvisions = ("torchvision, uint8", "torchvision, uint8, normalised as a batch")
    rows, differences = [], []
    for name, result in report["result"].items():
        median, ratios = result["median_ms"], result["ratios"]

        def compared(mine: str, others: Sequence[str], ratios: dict[str, Any] = ratios) -> str:
            # Against the fastest of them.
            found = [ratios[mine][other]["median"] for other in others if other in ratios.get(mine, {})]
            return f"{min(found):.2f}" if found else ""

        row = [f"{name} ({result['files']})", f"{median[ours]:.3f}"]
        row.append(f"{median[low]:.3f}" if low in median else "")
        row.append(f"{min(median[one] for one in torchvisions if one in median):.3f}")
        row += [compared(ours, torchvisions), compared(low, torchvisions), compared(low, ["Pillow, draft"])]
        row.append(compared(ours, torchvisions, result["two_threads"]["ratios"]))
        rows.append(row)
        if low in result.get("difference", {}):
            levels = result["difference"][low]
            differences.append(f"{name}: {levels['median']:.3f}, at most {levels['largest']:.3f}")
    header = ["files", "ours, ms a file", "low frequencies, ms", "torchvision, ms", "× torchvision"]
    header += ["low × torchvision", "low × Pillow's draft", "two threads, × torchvision"]
    said = (
        f"Mean difference of low frequencies to all, in levels of 255: {'; '.join(differences)}." if differences else ""
    )
    return "\n\n".join(filter(None, [table(header, rows), f"{said} {where(report)}".strip()]))
