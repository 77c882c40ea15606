"""Tables of the input stage: sets of files, other packages, whole epochs of data loaders, bytes to logits."""

from collections.abc import Sequence
from typing import Any

from experiments.lib import markdown

__all__ = ["end_to_end_table", "input_table", "loaders_table", "rivals_table"]


def input_table(report: dict[str, Any]) -> str:
    """Write the times of the input stage, from `benchmarks.inputs`: one row for each set of files."""
    ours, low = "jpegdomain", "jpegdomain, low frequencies"
    torchvisions = ("torchvision, uint8", "torchvision, uint8, normalised as a batch")
    rows = []
    for name, result in report["result"].items():
        median, ratios = result["median_ms"], result["ratios"]

        def compared(mine: str, others: Sequence[str], ratios: dict[str, Any] = ratios) -> str:
            # Compared with torchvision's fastest way.
            found = [ratios[mine][other]["median"] for other in others if other in ratios.get(mine, {})]
            return f"{min(found):.2f}" if found else ""

        row = [f"{name} ({result['files']})", f"{median[ours]:.3f}"]
        row.append(f"{median[low]:.3f}" if low in median else "")
        row.append(f"{min(median[one] for one in torchvisions if one in median):.3f}")
        row += [compared(ours, torchvisions), compared(low, torchvisions), compared(low, ["Pillow, draft"])]
        row.append(compared(ours, torchvisions, result["two_threads"]["ratios"]))
        levels = result.get("difference", {}).get(low)
        rows.append([*row, f"{levels['median']:.3f} ({levels['largest']:.3f})" if levels else ""])
    header = ["files", "ours, ms per file", "low frequencies, ms", "torchvision, ms", "× torchvision"]
    header += ["low × torchvision", "low × Pillow's draft", "two threads, × torchvision", "low − all, levels (largest)"]
    return markdown.table(header, rows)


def _spread(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['smallest']:.2f}…{ratio['largest']:.2f})"


def rivals_table(report: dict[str, Any]) -> str:
    """Write how many times as fast ours is as each other package, and how far that is off, from `benchmarks.inputs`."""
    sets = {name: result for name, result in report["result"].items() if "DALI, CPU" in result["median_ms"]}
    sets = sets or report["result"]
    ways = list(dict.fromkeys(way for result in sets.values() for way in result["ratios"]["jpegdomain"]))
    rows = []
    for way in ways:
        row = [way]
        for result in sets.values():
            ratio = result["ratios"]["jpegdomain"].get(way)
            levels = result["difference"].get(way)
            row.append(_spread(ratio) if ratio else "")
            row.append(f"{levels['median']:.2f}" if levels else "")
        rows.append(row)
    header = ["ours × as fast as"]
    for name in sets:
        header += [name, "levels off"]
    return markdown.table(header, rows)


def loaders_table(report: dict[str, Any]) -> str:
    """Write images per second and CPU milliseconds per image, from `benchmarks.loaders`."""
    found = {(row["way"], row["workers"]): row for row in report["result"]["rows"]}
    workers = sorted({number for _, number in found})
    rows = []
    for way in dict.fromkeys(name for name, _ in found):
        row = [way]
        for number in workers:
            one = found.get((way, number))
            row += ["", ""] if one is None else [f"{one['images_per_second']:,.0f}", f"{one['cpu_ms_per_image']:.2f}"]
        rows.append(row)
    header = ["loader"]
    for number in workers:
        header += [f"{number} worker{'' if number == 1 else 's'}: images/s", "CPU ms per image"]
    return markdown.table(header, rows)


def end_to_end_table(report: dict[str, Any]) -> str:
    """Write the times from bytes to logits, from `benchmarks.end_to_end`."""
    rows = []
    for name, result in report["result"].items():
        best, median = result["best_with_torchvision"], result["median_ms_per_image"]
        engine = best.partition(", ")[2]
        ours = f"jpegdomain, {engine}"
        plan = "jpegdomain, fused plan"
        row = [name, engine, f"{median[best]:.2f}", f"{median[ours]:.2f}", _spread(result["times_as_fast"][ours])]
        rows.append([*row, f"{median[plan]:.2f}", _spread(result["times_as_fast"][plan])])
    header = ["network", "engine", "torchvision, ms per image", "ours, same engine, ms", "× as fast"]
    return markdown.table([*header, "ours, fused plan in torch, ms", "× as fast"], rows)
