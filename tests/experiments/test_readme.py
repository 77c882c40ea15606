"""The README's figures are the committed results'."""

import json

import pytest

from experiments.readme import README, ROOT, filled

RESULTS = sorted([*ROOT.glob("experiments/results/*.json"), *ROOT.glob("benchmarks/results/*.json")])


def test_the_readmes_tables_come_from_the_results():
    text = README.read_text()
    assert filled(text) == text


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_say_where_they_come_from(path):
    environment = json.loads(path.read_text())["environment"]
    assert {"commit", "processor", "threads", "device", "python", "torch", "torchvision", "time"} <= environment.keys()
    assert path.stat().st_size < 1_000_000
