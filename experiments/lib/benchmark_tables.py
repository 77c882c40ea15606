"""Tables of the benchmarks: files, networks alone, regions, threads."""

from collections.abc import Sequence
from typing import Any

from experiments.lib import markdown

__all__ = ["codec_table", "engines_table", "network_tables", "regions_table", "threads_table", "transforms_table"]

_PLANS = ("fused", "transform")
_READERS = {
    "jpegdomain": "`read_jpeg`",
    "jpegdomain, batch": "`read_jpegs`",
    "torchvision": "torchvision",
    "simplejpeg": "simplejpeg",
    "Pillow": "Pillow",
    "jpeglib": "jpeglib",
}
_LARGE = {
    "keep=2": "`keep=2`",
    "keep=8": "whole",
    "torchvision": "torchvision",
    "Pillow, draft at 1/8": "Pillow at ⅛",
}
_FIRST_USE = {
    "cold_first_file": "first file",
    "cold_first_progressive_file": "first progressive file",
    "warm_import_and_first_file": "later processes, import and first file",
}


def codec_table(report: dict[str, Any]) -> str:
    """Write the times of reading files, from `benchmarks.codec`: sets of files, one large file, the first use."""
    result = report["result"]
    rows = []
    for suffix, part in (("", result["sets"]), (", progressive", result["progressive"])):
        for name, measured in part.items():
            median, ratios = measured["median_ms"], measured["ratios"]
            row = [f"{measured['files']} {name}{suffix}"]
            row += [f"{median[side]:.3f}" if side in median else "–" for side in _READERS]
            row += [f"{ratios[side]['median']:.2f}" for side in ("jpegdomain", "jpegdomain, batch")]
            two = None if suffix else result["threads"].get(name)
            rows.append([*row, f"{two['ratios']['speed of two']['median']:.2f}" if two else ""])
    header = ["ms per file", *_READERS.values(), "`read_jpeg` / torchvision", "`read_jpegs` / torchvision"]
    large = [f"{result['large']['median_ms'][side]:.0f}" for side in _LARGE]
    first = [f"{result['first_use'][name]:.2f}" for name in _FIRST_USE]
    return "\n\n".join(
        [
            markdown.table([*header, "`read_jpegs`, speed of two threads"], rows),
            markdown.table(["12 megapixels", *_LARGE.values()], [["ms", *large]]),
            markdown.table(["first use", *_FIRST_USE.values()], [["s", *first]]),
        ]
    )


def network_tables(reports: Sequence[dict[str, Any]], memory: dict[str, Any]) -> str:
    """Write the times and memory of networks alone.

    Args:
        reports: Of `benchmarks.network`, resnet18's first; the plans that all reports have are shown.
        memory: Of `benchmarks.memory`.

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
    tables = [markdown.table(header, rows)]
    for plan in plans:
        kernels = reports[0]["result"][f"{plan}_ms_by_kernel"]
        total = sum(kernels.values())
        shares = [[name, f"{ms / total:.0%}"] for name, ms in kernels.items()]
        tables.append(markdown.table([f"resnet18, {plan} plan", "share of the time"], shares))
    found, sides = memory["result"], ("spatial", *_PLANS)
    peaks = [
        [label, *(f"{found[key]['peak_gb']:.2f}" if (key := f"{name}_{side}") in found else "" for side in sides)]
        for name, label in (("resnet18", "resnet18, 2160×3840"), ("resnet50", "resnet50, 8 × 224²"))
    ]
    tables.append(markdown.table(["GB at most", "spatial", *(f"{plan} plan" for plan in _PLANS)], peaks))
    conversion = found["convert_resnet50"]
    spent = [f"{conversion['seconds']:.1f}", f"{conversion['extra_gb']:.1f}"]
    return "\n\n".join([*tables, markdown.table(["conversion", "s", "GB"], [["resnet50", *spent]])])


def engines_table(reports: Sequence[dict[str, Any]]) -> str:
    """Write how both plans compare with the fastest engine for the spatial network, from `benchmarks.network`."""
    rows = []
    for report in reports:
        settings, result = report["settings"], report["result"]
        fastest, median = result["fastest"], result["median_ms"]
        row = [f"{settings['model']}, {settings['batch']} × {settings['size']}²"]
        row += [f"{fastest['spatial'].partition(', ')[2] or 'torch, eager'}, {median[fastest['spatial']]:.0f} ms"]
        for plan in _PLANS:
            compared = result[f"{plan}_over_fastest"]
            engine = fastest[plan].partition(", ")[2] or "torch, eager"
            row += [f"{engine}, {median[fastest[plan]]:.0f} ms"]
            row += [f"{compared['median']:.2f} ({compared['smallest']:.2f}…{compared['largest']:.2f})"]
        rows.append(row)
    header = ["network", "spatial, fastest engine", "fused plan, fastest", "ratio", "transform plan, fastest", "ratio"]
    return markdown.table(header, rows)


def transforms_table(report: dict[str, Any]) -> str:
    """Write the times of J, J̃ and ReLU between them, from `benchmarks.transforms`: a row for each shape, one thread."""
    rows = [row for row in report["result"]["rows"] if row["threads"] == 1]
    ways = list(dict.fromkeys(row["what"] for row in rows))
    header = ["shape"]
    for way in ways:
        header += [f"{way}, GB/s", "× matrix products"] if way != "copy" else ["copy, GB/s"]
    table = []
    for shape in dict.fromkeys(tuple(row["shape"]) for row in rows):
        own = {row["what"]: row for row in rows if tuple(row["shape"]) == shape}
        cells = ["×".join(map(str, shape))]
        for way in ways:
            cells.append(f"{own[way]['gigabytes_per_second']:.0f}")
            if way != "copy":
                cells.append(f"{own[way]['products_over_compiled']['median']:.1f}")
        table.append(cells)
    return markdown.table(header, table)


def regions_table(report: dict[str, Any]) -> str:
    """Write the times of reading regions, from `benchmarks.regions`: a row for each way, columns for each image."""
    images = [image for name, image in report["result"].items() if name != "passes"]
    header = ["way"]
    for image in images:
        header += [f"{image['megapixels']:.0f} megapixels, ms", "× the whole file's time"]
    rows = []
    for way in images[0]["milliseconds"]:
        row = [way]
        for image in images:
            ratios = image["ratios"].get(way)
            row.append(f"{image['milliseconds'][way]:.1f}")
            row.append(f"{ratios['median']:.2f} ({ratios['smallest']:.2f}…{ratios['largest']:.2f})" if ratios else "1")
        rows.append(row)
    sizes = [
        [name, *(f"{image[key] / 1000:,.0f}" for image in images)]
        for name, key in (("file", "bytes"), ("with restart markers", "restart_bytes"), ("index", "index_bytes"))
    ]
    kilobytes = markdown.table(["kilobytes", *(f"{image['megapixels']:.0f} megapixels" for image in images)], sizes)
    tables = [markdown.table(header, rows), kilobytes]
    if "passes" in report["result"]:
        tables.append(_passes_table(report["result"]["passes"]))
    return "\n\n".join(tables)


def _passes_table(passes: dict[str, Any]) -> str:
    """Return one row for each kind of file: the time of passes with indexes over that of passes without."""
    rows = []
    for name, measured in passes.items():
        row = [name, f"{next(iter(measured['milliseconds'].values())):.2f}"]
        row += ["{median:.2f} ({smallest:.2f}…{largest:.2f})".format(**one) for one in measured["ratios"].values()]
        rows.append([*row, f"{measured['index_bytes'] / measured['bytes']:.1%}"])
    header = [
        "files",
        "without indexes, ms per file",
        "× that, first pass",
        "× that, second pass",
        "index, of the file's size",
    ]
    return markdown.table(header, rows)


def threads_table(report: dict[str, Any]) -> str:
    """Write what threads are worth, from `benchmarks.threads`: one row for each set and number of files per call."""
    count = report["settings"]["threads"]
    header = ["files"]
    for stage in ("coefficients", "pixels"):
        header += [f"{stage}, one thread, µs", f"× as fast, {count} threads", "outside compiled code"]
    rows = []
    for name, measured in report["result"].items():
        row = [name]
        for stage in ("read_jpegs", "read_pixels"):
            own = measured[stage]
            speed = "{median:.2f} ({smallest:.2f}…{largest:.2f})".format(**own["speed"])
            row += [f"{own['microseconds']['1']:.1f}", speed, f"{own['serial_share']:.0%}"]
        rows.append(row)
    return markdown.table(header, rows)
