"""The network benchmark runs, in eval and in training, and writes what the README's table reads."""

import json

import pytest

from benchmarks import network


@pytest.mark.parametrize("training", [False, True])
def test_both_plans_beside_the_spatial_network(tmp_path, capsys, training):
    output = tmp_path / "network.json"
    train = ["--train"] if training else []
    network.main(["--size", "32", "--batch", "2", "--repeats", "2", "--output", str(output), *train])
    report = json.loads(output.read_text())
    result = report["result"]
    assert report["settings"]["training"] is training
    assert result["median_ms"].keys() == {"spatial", "fused", "transform"}
    for plan in ("fused", "transform"):
        assert result[f"{plan}_over_spatial"].keys() == {"smallest", "median", "largest"}
        # The operation that this torch runs is one of those that are counted as a convolution.
        kernels = result[f"{plan}_ms_by_kernel"]
        assert kernels["convolution"] > 0.1 * sum(kernels.values())
    printed = capsys.readouterr().out
    assert printed.count("same top-1 on 100.00%") == 2


def test_one_plan_alone(tmp_path):
    output = tmp_path / "network.json"
    network.main(["--size", "32", "--batch", "1", "--repeats", "1", "--plan", "fused", "--output", str(output)])
    assert json.loads(output.read_text())["result"]["median_ms"].keys() == {"spatial", "fused"}
