"""Training on either side's pixels: the same draws, and resumed runs."""

import json

import pytest
import torch

from experiments import input_training
from experiments.input_training import main, pipelines, sides, table
from jpegdomain.decoding import IMAGENET_STD

from ..codec.oracle import jpeg
from ..command.test_command import photograph


@pytest.fixture
def folders(tmp_path):
    for part, count in (("train", 6), ("test", 4)):
        for number in range(count):
            (tmp_path / "set" / part / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            photograph(tmp_path / "set" / part / "ab"[number % 2] / f"{number}.jpg", 60 + 5 * number)
    return [str(tmp_path / "set" / part) for part in ("train", "test")]


@pytest.mark.parametrize("part", ["train", "test"])
def test_both_sides_draw_the_same_crops(part):
    ramp = torch.arange(120).view(1, 120, 1) + torch.arange(90).view(90, 1, 1) + torch.tensor([0, 20, 40])
    files = [jpeg(ramp.to(torch.uint8).numpy(), quality=95, subsampling=0)] * 8
    got = []
    for make in sides.values():
        torch.manual_seed(3)
        got.append(make(files, pipelines(32)[part]))
    levels = (got[0] - got[1]).abs() * 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1)
    assert levels.mean() < 0.8
    if part == "train":
        assert (got[0] - got[0][:1]).abs().mean() > 0.05


def test_a_run_resumes_where_it_stopped(folders, tmp_path, capsys, monkeypatch):
    given = [*folders, "--size", "32", "--batch", "2", "--epochs", "1", "--seeds", "2"]
    whole = main([*given, "--output", str(tmp_path / "whole.json")])
    trained, calls = input_training._trained, []

    def interrupted(*settings):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(settings)
        return trained(*settings)

    monkeypatch.setattr(input_training, "_trained", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main([*given, "--output", str(tmp_path / "parts.json")])
    calls[:] = calls[:1]
    parts = main([*given, "--output", str(tmp_path / "parts.json")])
    assert len(calls) == 2
    assert parts["result"] == whole["result"] == json.loads((tmp_path / "parts.json").read_text())["result"]
    assert (tmp_path / "parts.png").exists()
    assert not (tmp_path / "parts.partial").exists()
    assert table(whole) in capsys.readouterr().out
    assert {(run["side"], run["seed"]) for run in whole["result"]["runs"]} == {
        (side, seed) for side in sides for seed in range(2)
    }
