"""The page agrees with the numbers."""

import json
import re
import shutil

import pytest

from experiments import jpeg_training, report
from experiments.lib.comparison import ahead, enough, numbers, paired


def converted(asm, apx):
    """Networks of a conversion: accuracies by seed, at 4 and 15 frequencies."""
    return {
        "each": [
            {"seed": seed, "frequencies": {"4": {"asm": a, "apx": b}, "15": {"asm": 0.9, "apx": 0.9}}}
            for seed, (a, b) in enumerate(zip(asm, apx, strict=True))
        ]
    }


def trained(rows):
    """Networks trained one by one: (method, seed, frequencies, accuracy)."""
    return {"each": [dict(zip(("method", "seed", "frequencies", "accuracy"), row, strict=True)) for row in rows]}


def test_networks_are_compared_seed_by_seed():
    assert paired(converted([0.5, 0.625], [0.25, 0.5])) == {4: [0.25, 0.125], 15: [0.0, 0.0]}
    rows = [("apx", 1, 4, 0.5), ("asm", 0, 4, 0.25), ("asm", 1, 4, 0.75), ("apx", 0, 4, 0.5)]
    assert paired(trained(rows)) == {4: [-0.25, 0.25]}


@pytest.mark.parametrize(
    ("asm", "apx", "winner"),
    [
        ([0.50, 0.60, 0.70], [0.45, 0.54, 0.66], "asm"),  # far apart as the networks are, each is better with ASM
        ([0.45, 0.54, 0.66], [0.50, 0.60, 0.70], "apx"),
        ([0.50, 0.60, 0.70], [0.45, 0.70, 0.65], "neither"),
        ([0.50], [0.45], "neither"),  # one network tells nothing about chance
        ([0.50, 0.60], [0.50, 0.60], "neither"),
    ],
)
def test_ahead_is_beyond_two_standard_errors(asm, apx, winner):
    verdict = ahead(converted(asm, apx))
    assert [name for name, found in verdict.items() if 4 in found] == [winner]
    assert 15 in verdict["neither"]


def made(rows, experiment="jpeg_training", **settings):
    """A report of training with one accuracy for each (method, seed, frequencies)."""
    result = jpeg_training.summary(trained(rows)["each"])
    settings = {"data": "digits", "networks": len({row[1] for row in rows}), "channels": [8], "epochs": 2} | settings
    return {"experiment": experiment, "result": result, "settings": settings}


def cells(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


ROWS = [("asm", 0, 3, 0.75), ("apx", 0, 3, 0.5), ("asm", 0, 15, 1.0), ("apx", 0, 15, 1.0)]
MORE = [(method, 1, n, value - 0.25 * (method == "asm" and n == 3)) for method, _, n, value in ROWS]
FAR = [(method, 1, n, value) for method, _, n, value in ROWS]


@pytest.mark.parametrize(
    ("rows", "networks", "asm", "neither"),
    [
        (ROWS, "1", "none", "3, 15"),  # one network is no proof
        (ROWS + MORE, "2", "none", "3, 15"),
        (ROWS + FAR, "2", "3", "15"),
    ],
)
def test_the_methods_that_are_ahead(rows, networks, asm, neither):
    name = "digits, trained in the JPEG domain"
    assert cells(report.methods_table([made(rows)])) == [[name, networks, asm, "none", neither, "15", "15"]]


def test_learning_table_shows_what_training_saves():
    conversion = made(ROWS, "conversion", channels=[4, 8])
    training = made([*ROWS[2:], ("asm", 0, 3, 0.96875)])
    assert cells(report.learning_table([conversion, training])) == [
        ["ASM, digits, converted", "4-8", "2", "", "0.250", "", "", "15"],
        ["ASM, digits, trained in the JPEG domain", "8", "2", "", "0.031", "", "", "3"],
        ["APX, digits, converted", "4-8", "2", "", "0.500", "", "", "15"],
        ["APX, digits, trained in the JPEG domain", "8", "2", "", "", "", "", "15"],
    ]
    assert cells(report.learning_table([conversion, made(ROWS, data="other")])) == []


def test_enough_frequencies():
    def result(means):
        return {"frequencies": {str(n): {"asm": {"mean": mean}} for n, mean in means.items()}}

    assert enough(result({6: 0.5, 10: 0.895, 12: 0.88, 13: 0.893, 15: 0.9}), "asm", 0.01) == 13
    assert enough(result({6: 0.895, 15: 0.9}), "asm", 0.01) == 6
    assert enough(result({14: 0.5, 15: 0.9}), "asm", 0.01) == 15
    assert enough(result({6: 0.9}), "asm", 0.01) is None


def test_numbers_are_written_as_ranges():
    assert numbers([1, 2, 3, 7, 9, 10]) == "1–3, 7, 9–10"
    assert numbers([]) == "none"


def test_the_committed_page_is_made_from_the_committed_results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for path in report.RESULTS.glob("*.json"):
        shutil.copy(path, folder)
    report.main(["--results", str(folder)])
    page = (folder / "REPORT.md").read_text()
    assert page.replace("](", f"]({report.FIGURES}") == report.PAGE.read_text()
    for word in page.split("(")[1:]:
        name = word.partition(")")[0]
        if name.endswith(".png"):
            assert (folder / name).exists()
            assert (report.RESULTS / name).exists()
    results = [json.loads(path.read_text()) for path in folder.glob("conversion-*.json")]
    assert results
    for result in results:
        mean = sum(one["spatial"] for one in result["result"]["each"]) / len(result["result"]["each"])
        assert f"{mean:.4f}" in page


def test_every_source_of_the_page_is_named_with_its_commit():
    page = report.PAGE.read_text()
    for name in ("conversion", "asm_error", "jpeg_training", "throughput"):
        paths = list(report.RESULTS.glob(f"{name}-*.json"))
        assert paths
        for commit in (json.loads(path.read_text())["environment"]["commit"] for path in paths):
            assert f"| {commit} |" in page
    *_, figure_5 = page.split("## Figure 5")
    rows = [line for line in figure_5.splitlines() if re.search(r"\| [0-9a-f]{12} \| \d{4}-", line)]
    assert len(rows) == len(list(report.RESULTS.glob("throughput-*.json")))


def test_missing_measurements_are_marked(tmp_path):
    page = report.page(tmp_path)
    assert page.count("not measured") == 3
    assert "0.725" in page


def test_no_such_folder(tmp_path):
    with pytest.raises(SystemExit, match="nowhere is not a folder"):
        report.main(["--results", str(tmp_path / "nowhere")])
