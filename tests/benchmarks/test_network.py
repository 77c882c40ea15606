"""The network benchmark runs, in eval and in training, and writes what the README's table reads."""

import json

import pytest

from benchmarks import network


@pytest.mark.parametrize("training", [False, pytest.param(True, marks=pytest.mark.slow)])
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
        # 0 if this torch's convolution has a name that the benchmark does not know.
        assert result[f"{plan}_ms_by_kernel"]["convolution"] > 0
    printed = capsys.readouterr().out
    assert printed.count("same top-1 on 100.00%") == 2


def test_one_plan_alone(tmp_path):
    output = tmp_path / "network.json"
    network.main(["--size", "32", "--batch", "1", "--repeats", "1", "--plan", "fused", "--output", str(output)])
    assert json.loads(output.read_text())["result"]["median_ms"].keys() == {"spatial", "fused"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*LeafSpec:FutureWarning", "ignore:# The axis name")
def test_engines(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    output = tmp_path / "network.json"
    given = ["--model", "squeezenet1_1", "--size", "32", "--batch", "1", "--repeats", "2", "--plan", "fused"]
    network.main([*given, "--engines", "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    for engine in ("torch.compile", "ONNX Runtime"):
        assert {f"spatial, {engine}", f"fused, {engine}"} <= result["median_ms"].keys()
    for name, fastest in result["fastest"].items():
        assert result["median_ms"][fastest] == min(v for k, v in result["median_ms"].items() if k.startswith(name))
    assert result["fused_over_fastest"]["median"] > 0
    assert f"over {result['fastest']['spatial']}" in capsys.readouterr().out


def test_engines_do_not_train():
    with pytest.raises(SystemExit):
        network.main(["--engines", "--train"])
