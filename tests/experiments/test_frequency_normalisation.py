"""The experiment on what channels are divided by: options and rows of its own, and the trainings of the other."""

import json

import pytest
from PIL import Image

from experiments import frequency_normalisation
from experiments.frequency_channels.results import summary
from tests.experiments.test_frequency_channels import SMALL, folder

__all__ = ["folder"]


def test_it_trains_writes_and_draws(folder, tmp_path, capsys):
    output = tmp_path / "result.json"
    names = ("24S", "DCT-192@0", "DCT-192@tempered", "DCT-192@authors")
    given = ["--data", str(folder), *SMALL, "--epochs", "1", "--seeds", "1", "--variants", *names]
    report = frequency_normalisation.main([*given, "--output", str(output)])
    assert json.loads(output.read_text())["experiment"] == report["experiment"] == "frequency_normalisation"
    assert (report["settings"]["preset"], report["settings"]["model"]) == ("ablation-3", "resnet10")
    assert tuple(report["result"]["variants"]) == names
    with Image.open(output.with_suffix(".png")) as image:
        assert image.format == "PNG"
    printed = capsys.readouterr().out
    assert "| DCT-192@authors | 1 |" in printed
    assert f"{frequency_normalisation.table(report)}\n\nwrote" in printed


def test_its_rows():
    each = [
        {
            "variant": name, "seed": seed, "top1": top1, "top5": 0.9, "input_size": 1.0, "parameters": 10,
            "operations": 2e9, "seconds": 1.0, "epochs": [{"training_accuracy": top1 - 0.1}], "channels": 24,
        }
        for name, values in {"24S": (0.5, 0.6), "gate-24": (0.4, 0.6), "learned-24": (0.5, 0.7)}.items()
        for seed, top1 in enumerate(values)
    ]  # fmt: skip
    lines = frequency_normalisation.table_of({"result": summary(each)}).splitlines()
    assert lines[2] == "| 24S | 2 | 45.0 ± 7.1 | 55.0 ± 7.1 |  | -5.0 ± 63.5 |"
    # −10 and −10 points; −10 and 0: mean −5, standard deviation 7.07, t = 12.706 for one degree of freedom.
    assert lines[3] == "| gate-24 | 2 | 40.0 ± 14.1 | 50.0 ± 14.1 | -5.0 ± 63.5 | -10.0 ± 0.0 |"
    assert lines[4].startswith("| learned-24 | 2 | 50.0 ± 14.1 | 60.0 ± 14.1 | +5.0 ± 63.5 |")
    with pytest.raises(SystemExit):
        frequency_normalisation.main(["--help"])
