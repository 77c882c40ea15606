"""Summary and table: accuracies, bytes, operations and time by variant."""

import statistics
from collections.abc import Sequence
from typing import Any

from experiments.frequency_channels.answers import PREPROCESSES
from experiments.frequency_channels.results import percent_cell
from experiments.frequency_channels.saved import Saved
from experiments.frequency_costs.latency import PRECISION
from experiments.lib import markdown
from experiments.lib.intervals import spread
from experiments.lib.paired import difference, difference_cell

__all__ = ["summary", "table"]

_MEANS = ("difference", "scan", "file")


def summary(
    parts: Sequence[dict[str, Any]],
    networks: Sequence[Saved],
    preprocesses: Sequence[str],
    times: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Summarise batches of files.

    Args:
        parts: Results of `measured`.
        networks: The networks that were measured.
        preprocesses: Those that they were measured with.
        times: Results of `latencies`, by network's name.

    Returns:
        'images'; 'original' and 'all' bytes an image; 'each': network by network variant, seed, operations, time, the
        top-1 that the training reported, and by preprocess top-1 on the files and on what is sent, their
        difference paired by image with its standard error, and bytes an image; 'variants': spreads over seeds.
    """
    parts = [part for part in parts if part["images"]]
    if not parts:
        raise SystemExit("--data: none of the test files has Y, Cb and Cr")
    images = sum(part["images"] for part in parts)

    def bytes_of(rows: Sequence[dict[str, int]]) -> dict[str, float]:
        return {kind: sum(row[kind] for row in rows) / images for kind in ("scan", "file")}

    def sent(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        right, gained, lost = (sum(row["sent"][key] for row in rows) for key in ("right", "gained", "lost"))
        return {"sent_top1": right / images, **difference(gained, lost, images), **bytes_of(rows)}

    each = []
    for one in networks:
        line: dict[str, Any] = {"variant": one.variant.name, "seed": one.seed}
        line |= {"operations": one.described["operations"], "trained_top1": one.described["top1"]}
        line |= {"time": times.get(one.name)}
        for preprocess in preprocesses:
            rows = [part[preprocess][one.name] for part in parts]
            own = line[preprocess] = {"top1": sum(row["right"] for row in rows) / images, **sent(rows)}
            if rows[0]["qualities"]:
                own["qualities"] = {key: sent([row["qualities"][key] for row in rows]) for key in rows[0]["qualities"]}
        each.append(line)
    result = {"images": images, **{kind: bytes_of([part[kind] for part in parts]) for kind in ("original", "all")}}
    names = dict.fromkeys(line["variant"] for line in each)
    return result | {
        "variants": {
            name: _variant([line for line in each if line["variant"] == name], preprocesses) for name in names
        },
        "each": each,
    }


def _variant(lines: Sequence[dict[str, Any]], preprocesses: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"seeds": len(lines), "operations": lines[0]["operations"]}
    timed = [line["time"] for line in lines if line["time"] is not None]
    for part in ("bytes", "network") if timed else ():
        own: dict[str, Any] = {"milliseconds": statistics.median(one[part]["milliseconds"] for one in timed)}
        if ratios := [one[part]["ratio"]["median"] for one in timed if "ratio" in one[part]]:
            own["ratio"] = statistics.median(ratios)
        row.setdefault("time", {})[part] = own
    for preprocess in preprocesses:
        kept = [line[preprocess] for line in lines]
        own = row[preprocess] = {"top1": spread([one["top1"] for one in kept]), **_sent(kept)}
        if "qualities" in kept[0]:
            own["qualities"] = {key: _sent([one["qualities"][key] for one in kept]) for key in kept[0]["qualities"]}
    return row


def _sent(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    means = {key: statistics.fmean(row[key] for row in rows) for key in _MEANS}
    return {"sent_top1": spread([row["sent_top1"] for row in rows]), **means}


def _bytes_table(result: dict[str, Any], preprocess: str) -> str:
    rows = []
    for name, row in result["variants"].items():
        own, seeds = row[preprocess], row["seeds"]
        pair = difference_cell([line[preprocess] for line in result["each"] if line["variant"] == name])
        first = [name, str(seeds), percent_cell(own["top1"], seeds), percent_cell(own["sent_top1"], seeds), pair]
        rows.append(
            [*first, f"{own['scan']:,.0f}", f"{own['scan'] / result['all']['scan']:.0%}", f"{own['file']:,.0f}"]
        )
    header = ["input", "seeds", "top-1 on the files, %", "top-1 on what is sent, %", "difference"]
    return markdown.table([*header, "entropy-coded bytes per image", "of all", "file bytes per image"], rows)


def _qualities_table(result: dict[str, Any], preprocess: str, qualities: Sequence[int]) -> str:
    header, rows = ["input"], []
    for number in qualities:
        header += [f"top-1 on what is sent at quality {number}, %", "file bytes per image"]
    for name, row in result["variants"].items():
        cells = [row[preprocess]["qualities"][str(number)] for number in qualities]
        pairs = ((percent_cell(own["sent_top1"], row["seeds"]), f"{own['file']:,.0f}") for own in cells)
        rows.append([name, *(cell for pair in pairs for cell in pair)])
    return markdown.table(header, rows)


def _ratio(own: dict[str, Any]) -> str:
    return f"{own['ratio']:.2f}" if "ratio" in own else ""


def _time_table(result: dict[str, Any]) -> str:
    rows = []
    for name, row in result["variants"].items():
        cells = [name, f"{row['operations'] / 1e9:.2f}"]
        for part in ("bytes", "network"):
            own = row["time"][part]
            cells += [f"{own['milliseconds']:.1f}", _ratio(own)]
        rows.append(cells)
    header = ["input", "operations, 10⁹", "bytes → logits, ms", "of RGB's", "network alone, ms", "of RGB's"]
    return markdown.table(header, rows)


def table(report: dict[str, Any]) -> str:
    """Write a table for each preprocess, one of operations and time, and what was tested.

    Returns:
        Markdown: top-1 as mean ± standard deviation over seeds, the networks' mean difference with the half width
        of its 95 % interval, as by `difference_cell`; answers in the trainings' precision, times in single precision.
    """
    result, settings = report["result"], report["settings"]
    tables = [f"{PREPROCESSES[one].capitalize()}:\n\n{_bytes_table(result, one)}" for one in settings["preprocess"]]
    if settings["qualities"]:
        tables.insert(1, _qualities_table(result, settings["preprocess"][0], settings["qualities"]))
    header = ["network", "trained on", "epochs", "test files", "bytes of a file as it is", "with all channels"]
    row = [settings["model"], settings["data"], str(settings["epochs"]), f"{result['images']:,}"]
    row += [f"{result[kind]['file']:,.0f}" for kind in ("original", "all")]
    header.append("precision of the answers")
    row.append(settings["precision"])
    if all("time" in own for own in result["variants"].values()):
        tables.append(_time_table(result))
        header.append("precision of the times")
        row.append(PRECISION)
    if settings["same_files"] and "test" in settings["preprocess"]:
        header.append("largest difference from the trainings' own top-1, points")
        row.append(f"{100 * max(abs(line['test']['top1'] - line['trained_top1']) for line in result['each']):.1f}")
    return "\n\n".join([*tables, markdown.table(header, [row])])
