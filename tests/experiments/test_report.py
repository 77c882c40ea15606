"""The page says what the numbers say."""

import json
import shutil

import pytest

from experiments import jpeg_training, report
from experiments.comparison import ahead, enough, numbers, paired


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


def made(rows, **settings):
    """A report of training with one accuracy for each (method, seed, frequencies)."""
    result = jpeg_training.summary(trained(rows)["each"])
    seeds = {seed for _, seed, _, _ in rows}
    return {"result": result, "settings": {"networks": len(seeds), "channels": [8], "epochs": 2, **settings}}


ROWS = [("asm", 0, 3, 0.75), ("apx", 0, 3, 0.5), ("asm", 0, 15, 1.0), ("apx", 0, 15, 1.0)]


def test_one_network_is_no_proof():
    said = report.verdict(made(ROWS))
    assert said == (
        "One network a point cannot tell a method's lead from chance: ASM's is the better one at 3, APX's at none."
    )
    more = [(method, 1, n, value - 0.25 * (method == "asm" and n == 3)) for method, _, n, value in ROWS]
    said = report.verdict(made(ROWS + more))
    assert said.startswith("ASM is ahead at none, APX at none, and neither beyond chance at 3, 15")
    assert said.endswith("To stay within 0.01 of 15 frequencies, ASM 15 and APX 15 frequencies are needed.")


def test_what_training_saves():
    conversion, training = made(ROWS, training_images=5), made([*ROWS[2:], ("asm", 0, 3, 0.875)], training_images=7)
    assert report.learning(conversion, training) == (
        "Accuracy lost against 15 frequencies, trained instead of converted: ASM 0.125 instead of 0.250 at 3, "
        "so that 15 instead of 15 are enough for 0.05. (The networks differ in training images too.)"
    )
    assert report.learning(conversion, made(ROWS[:1], training_images=5)) == ""


def test_enough_frequencies():
    def result(means):
        return {"frequencies": {str(n): {"asm": {"mean": mean}} for n, mean in means.items()}}

    assert enough(result({6: 0.5, 10: 0.895, 12: 0.88, 13: 0.893, 15: 0.9}), "asm", 0.01) == 13
    assert enough(result({6: 0.895, 15: 0.9}), "asm", 0.01) == 6
    assert enough(result({14: 0.5, 15: 0.9}), "asm", 0.01) == 15
    assert enough(result({6: 0.9}), "asm", 0.01) is None


def test_numbers():
    assert numbers([1, 2, 3, 7, 9, 10]) == "1–3, 7, 9–10"
    assert numbers([]) == "none"


def test_the_committed_page_is_made_from_the_committed_results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for path in report.RESULTS.glob("*.json"):
        shutil.copy(path, folder)
    report.main(["--results", str(folder)])
    page = (folder / "REPORT.md").read_text()
    assert page == (report.RESULTS / "REPORT.md").read_text()
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


def test_what_is_not_measured_is_said(tmp_path):
    page = report.page(tmp_path)
    assert page.count("not measured") == 3
    assert "0.725" in page


def test_no_such_folder(tmp_path):
    with pytest.raises(SystemExit, match="nowhere is no folder"):
        report.main(["--results", str(tmp_path / "nowhere")])
