"""Every data loader of the comparison reads the whole folder."""

import json

import pytest
import torch

from benchmarks import end_to_end, loaders

from ..command.test_command import photograph


@pytest.fixture
def folder(tmp_path):
    for number in range(9):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(path, 60 + 4 * number)
    return tmp_path / "data"


def test_all_loaders_give_the_same_pixels(folder):
    names = [name for name in loaders.WAYS if "SPDL" not in name]
    got = {name: torch.cat(list(loaders.WAYS[name](folder, 0))) for name in names}
    exact = got.pop("jpegdomain.loader")
    for name, pixels in got.items():
        levels = (pixels - exact).abs().mean() * 255 * 0.225
        assert levels < (1 if "torchvision" in name else 1e-3), name


@pytest.mark.slow
def test_loaders_are_timed_in_processes_of_their_own(folder, tmp_path):
    loaders.main([str(folder), "--workers", "0", "1", "--repeats", "1", "--output", str(tmp_path / "out.json")])
    rows = json.loads((tmp_path / "out.json").read_text())["result"]["rows"]
    assert {(row["way"], row["workers"]) for row in rows if "SPDL" not in row["way"]} == {
        (name, workers) for name in loaders.WAYS if "SPDL" not in name for workers in (0, 1)
    }
    assert all(row["images"] == 9 and row["cpu_ms_per_image"] > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*LeafSpec:FutureWarning", "ignore:# The axis name")
def test_bytes_to_logits_are_timed_in_every_engine(folder, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    given = ["--models", "squeezenet1_1", "--limit", "8", "--batch", "4", "--repeats", "2"]
    end_to_end.main([str(folder), *given, "--output", str(tmp_path / "out.json")])
    result = json.loads((tmp_path / "out.json").read_text())["result"]["squeezenet1_1"]
    assert result["best_with_torchvision"] == "torchvision, ONNX Runtime"
    assert {"jpegdomain, ONNX Runtime", "jpegdomain, fused plan"} <= result["times_as_fast"].keys()
    assert "squeezenet1_1" in capsys.readouterr().out
