"""The table of classifiers that convert: its contents, and that it would show a model that differs."""

import json

import pytest
import torch

from experiments import generality
from experiments.lib.calibrated import calibrate, classifier

MODELS = ["--models", "squeezenet1_1,mnasnet0_5", "--threads", "1", "--extent", "35x43"]


def test_table_of_two_models(tmp_path, capsys):
    output = tmp_path / "generality.json"
    report = generality.main([*MODELS, "--output", str(output)])
    assert json.loads(output.read_text()) == report
    assert set(report["result"]) == {"squeezenet1_1", "mnasnet0_5"}
    assert "random" in report["settings"]["weights"]
    for plans in report["result"].values():
        for plan in ("transform", "fused"):
            row = plans[plan]
            assert row["passes"]
            assert 0 <= row["relative_deviation"] < 1e-9
            assert row["spread_of_logits"] > 1e-3
            assert row["extent"] == [35, 43]
    assert "fused: 2 of 2 convert and agree" in capsys.readouterr().out


def test_islands_are_named_and_refusals_reported(tmp_path, monkeypatch, capsys):
    row = generality.measure("efficientnet_b0", "transform", (35, 43), 2, torch.float64)
    assert row["islands"] == {"SiLU": 33}
    monkeypatch.setattr(
        generality, "classifier", lambda _: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Unfold(2)).eval()
    )
    report = generality.main(["--models", "vgg11", "--plan", "fused", "--output", str(tmp_path / "generality.json")])
    row = report["result"]["vgg11"]["fused"]
    assert not row["converts"] or not row.get("islands")
    assert "of 1 convert and agree" in capsys.readouterr().out


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="torchvision has no CNN classifier called vit_b_16"):
        generality.main(["--models", "vit_b_16", "--output", str(tmp_path / "generality.json")])
    with pytest.raises(SystemExit):
        generality.main(["--extent", "35"])


def test_calibrated_networks_tell_images_apart():
    images = torch.randn(6, 3, 35, 43, generator=torch.Generator().manual_seed(0))
    model = calibrate(classifier("mobilenet_v3_small"), images[:4])
    with torch.no_grad():
        logits = model(images[4:])
    assert not model.training
    assert all(module.momentum != 1.0 for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
    assert (logits[0] - logits[1]).abs().max() > 0.1 * logits.abs().max()
